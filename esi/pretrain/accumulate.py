"""Gradients of a batch that is too large for memory, in parts that stay negatives of one another.

GradCache (Gao et al. 2021, arXiv:2101.06983): a first pass without a graph embeds all parts; the contrastive loss of the
gathered whole gives the gradient with respect to every embedding; a second pass, one part at a time, carries it on into the
weights. The second pass needs the embeddings of the first again, so both start from the same random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn

from esi.settings.learning import Train
from esi.train.gather import processes

# ecg_BCT, valid_B, number_B, findings_BK; ids_BL and mask_BL, text_BH where they are needed (see batches.py)
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Whole:
    """What a part of a batch must know of the whole.

    gradients: the contrastive loss's gradient with respect to each thing that the part embeds, its weight included.
    positions: caption positions of the whole batch, those of all processes over the number of processes.
    parts: in how many this process's share is computed.
    """

    gradients: Mapping[str, Tensor]
    positions: Tensor
    parts: int


class Contrasting(Protocol):
    """What the objective (`esi.pretrain.objective`) is asked for here."""

    settings: Train

    def contrastive(self, embedded: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]: ...


def backward(
    wrapped: nn.Module, objective: Contrasting, parts: Sequence[Batch], seeds: Sequence[int], accelerator: Accelerator
) -> dict[str, Tensor]:
    """Add the gradients of this process's share of a batch to the weights.

    Args:
        wrapped: `objective` as Accelerate prepared it.
        parts: this process's share, in several parts of equal size.
        seeds: of the randomness in each part (dropout, caption positions).

    Returns:
        What `EsiObjective.loss` returns for the whole share, without a graph: loss, loss_con, retrieval_top1, loss_cap,
        logit_scale.
    """
    train, device = objective.settings, parts[0]["ecg_BCT"].device
    result: dict[str, Tensor] = {}
    gradients: list[dict[str, Tensor]] = [{} for _ in parts]
    if train.lambda_con:
        result, gradients = _contrastive(wrapped, objective, parts, seeds)
    positions = caption_positions(parts) if train.lambda_cap else torch.zeros((), device=device)
    loss_cap = torch.zeros((), device=device)
    for number, (part, seed, cached) in enumerate(zip(parts, seeds, gradients, strict=True)):
        torch.manual_seed(seed)
        with accelerator.no_sync(wrapped) if number < len(parts) - 1 else nullcontext():
            out = wrapped("part", part, Whole(cached, positions, len(parts)))
            out["loss"].backward()
        if train.lambda_cap:
            loss_cap += out["loss_cap"].detach()
    if train.lambda_cap:
        result["loss_cap"] = loss_cap
    result["loss"] = train.lambda_con * result.get("loss_con", 0.0) + train.lambda_cap * loss_cap
    return result


def caption_positions(parts: Sequence[Batch], across: bool = True) -> Tensor:
    """How many tokens of the parts are predicted (all real ones but the first of each text), the mean over processes."""
    positions = torch.stack([part["mask_BL"][:, 1:].sum() for part in parts]).sum().float()
    if across and processes() > 1:
        dist.all_reduce(positions)
        positions /= processes()
    return positions


def join(embedded: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The embeddings of parts as one: rows joined, the logit's scale and bias as they are."""
    last = embedded[-1]
    rows = {name: torch.cat([part[name] for part in embedded]) for name in ("z_ecg", "z_text")}
    return rows | {name: last[name] for name in ("logit_scale", "logit_bias") if name in last}


def labels(parts: Sequence[Batch]) -> Batch:
    """What says which pairs of the parts are positives."""
    return {name: torch.cat([part[name] for part in parts]) for name in ("number_B", "findings_BK")}


def _contrastive(
    wrapped: nn.Module, objective: Contrasting, parts: Sequence[Batch], seeds: Sequence[int]
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """The loss of the whole, and for each part its gradients with respect to what the part embeds."""
    embedded = []
    with torch.no_grad():
        for part, seed in zip(parts, seeds, strict=True):
            torch.manual_seed(seed)
            embedded.append(wrapped("embed", part))
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in join(embedded).items()}
    result = objective.contrastive(leaves, labels(parts))
    (objective.settings.lambda_con * result["loss_con"]).backward()
    cached: dict[str, Sequence[Tensor]] = {}
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        # Every part uses the scale and the bias: each carries an even share of their gradient.
        rows = name in ("z_ecg", "z_text")
        cached[name] = leaf.grad.chunk(len(parts)) if rows else [leaf.grad / len(parts)] * len(parts)
    result |= {name: leaves[name] for name in ("logit_scale", "logit_bias") if name in leaves}
    gradients = [{name: tensors[number] for name, tensors in cached.items()} for number in range(len(parts))]
    return {name: tensor.detach() for name, tensor in result.items()}, gradients
