"""One step's losses of one process, as a module: it is wrapped whole for many processes, so no weight is used outside.

Shapes: B pairs of this process or of a part of them, M pairs of all processes, C leads, T samples, L tokens, H text tower's
dimension, E shared space, K findings, N caption positions, D decoder dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from esi.model.esi import ESI
from esi.pretrain import losses
from esi.pretrain.gather import gather_rows, processes
from esi.pretrain.positives import affinity
from esi.settings.learning import Train

# ecg_BCT, valid_B, number_B, findings_BK; ids_BL and mask_BL, text_BH where they are needed (see batches.py)
Batch = dict[str, Tensor]
EMBEDDED = ("z_ecg", "z_text", "logit_scale", "logit_bias")


@dataclass(frozen=True)
class Whole:
    """What a part of a batch must know of the whole.

    gradients: the contrastive loss's gradient with respect to each of the part's `EMBEDDED`, its weight included.
    positions: caption positions of the whole batch, those of all processes over the number of processes.
    parts: in how many this process's share is computed.
    """

    gradients: Mapping[str, Tensor]
    positions: Tensor
    parts: int


class Objective(nn.Module):
    """lambda_con * contrastive + lambda_cap * captioning (paper: 1 and 1); a term of weight 0 is not computed.

    Args:
        model: whose config names the same terms as `train`.
        train: weights, positives, and `caption_tokens`: at most so many caption positions of a training step enter the
            captioning loss, drawn evenly (an unbiased estimate of the mean over all); 0: all of them.
        bf16: run the networks in bfloat16 autocast; softmaxes, norms and the contrastive loss stay in float32.
    """

    def __init__(self, model: ESI, train: Train, bf16: bool) -> None:
        super().__init__()
        self.model = model
        self.settings = train
        self.bf16 = bf16

    def forward(self, batch: Batch, whole: Whole | None = None, embed: bool = False) -> dict[str, Tensor]:
        """Losses whose means over the processes are those of the joint batch.

        Args:
            batch: this process's share of the batch, or with `whole` one part of it.
            whole: makes `loss` a number whose gradients, added up over the parts, are those of the whole batch's loss.
            embed: only embed, for the first of two passes. It draws the same random numbers as the second up to there.

        Returns:
            `EMBEDDED`: z_ecg, z_text [B, E], the logit's scale and bias; loss, loss_con with retrieval_top1 (not of a
            part), loss_cap; only those that are computed.
        """
        weight = self.settings.lambda_con
        with torch.autocast(batch["ecg_BCT"].device.type, torch.bfloat16, enabled=self.bf16):
            result = self._embed(batch) if embed else self._run(batch)
        if embed:
            return result
        loss = torch.zeros((), device=batch["ecg_BCT"].device)
        if weight and whole is None:
            result |= self.contrastive(result, batch)
            loss = loss + weight * result["loss_con"]
        elif whole is not None:
            for name, gradient in whole.gradients.items():
                loss = loss + (result[name] * gradient).sum()
        if self.settings.lambda_cap:
            positions, parts = (caption_positions([batch]), 1) if whole is None else (whole.positions, whole.parts)
            states_ND, target_N = result.pop("caption_states"), result.pop("caption_targets")
            result["loss_cap"] = self._captioning(states_ND, target_N, positions, parts)
            loss = loss + self.settings.lambda_cap * result["loss_cap"]
        return result | {"loss": loss}

    def contrastive(self, embedded: Mapping[str, Tensor], batch: Batch, across: bool = True) -> dict[str, Tensor]:
        """The contrastive loss of this process's pairs against those of all processes.

        Args:
            embedded: z_ecg, z_text, logit_scale, logit_bias. batch: number_B, findings_BK.
            across: False: against this process's own alone.

        Returns:
            loss_con; retrieval_top1: the share of ECGs whose nearest text says the same findings as their own, whatever
            pairs `train.positives` takes for positives.
        """
        gather = gather_rows if across else _same
        z_ecg, z_text, number, findings = embedded["z_ecg"], embedded["z_text"], batch["number_B"], batch["findings_BK"]
        all_text, labels = gather(z_text), (number, findings, gather(number), gather(findings))
        affinity_BM, scale = affinity(self.settings.positives, *labels), embedded["logit_scale"]
        if self.model.config.model.contrastive_loss == "siglip":
            loss = losses.siglip(z_ecg, z_text, affinity_BM, scale, embedded["logit_bias"], all_text)
        else:
            loss = losses.infonce(z_ecg, z_text, affinity_BM, scale, gather(z_ecg), all_text)
        with torch.no_grad():
            nearest_B1 = (z_ecg @ all_text.T).argmax(dim=1, keepdim=True)
            right_B1 = affinity("identical", *labels).gather(1, nearest_B1)
        return {"loss_con": loss, "retrieval_top1": right_B1.mean()}

    def _run(self, batch: Batch) -> dict[str, Tensor]:
        out = self.model(batch["ecg_BCT"], batch["valid_B"], batch.get("ids_BL"), batch.get("mask_BL"), batch.get("text_BH"))
        return out | self._logit()

    def _embed(self, batch: Batch) -> dict[str, Tensor]:
        z_ecg = self.model.encode_ecg(batch["ecg_BCT"], batch["valid_B"])["z"]
        text_BH = batch["text_BH"] if "text_BH" in batch else self.model.text(batch["ids_BL"], batch["mask_BL"])
        return {"z_ecg": z_ecg, "z_text": self.model.project(text_BH)} | self._logit()

    def _logit(self) -> dict[str, Tensor]:
        if not self.settings.lambda_con:
            return {}
        bias = self.model.logit_bias
        # A copy, for the log: the weight itself is updated by then, and with FSDP no longer here.
        return {"logit_scale": self.model.logit_scale} | ({} if bias is None else {"logit_bias": bias.clone()})

    def _captioning(self, states_ND: Tensor, target_N: Tensor, positions: Tensor, parts: int) -> Tensor:
        """The sum over this process's (or part's) positions, as a share of the mean over all."""
        assert self.model.decoder is not None
        most = -(-self.settings.caption_tokens // (processes() * parts))
        share = 1.0
        if self.training and 0 < most < len(target_N):
            chosen = torch.randperm(len(target_N))[:most].sort().values.to(states_ND.device)
            share = most / len(target_N)
            states_ND, target_N = states_ND[chosen], target_N[chosen]
        dtype = torch.bfloat16 if self.bf16 else torch.float32
        total = losses.captioning(states_ND, self.model.decoder.embedding.weight, target_N, dtype)
        return total / share / positions.clamp(min=1)


def caption_positions(parts: Sequence[Batch], across: bool = True) -> Tensor:
    """How many tokens of the parts are predicted (all real ones but the first of each text), the mean over processes."""
    positions = torch.stack([part["mask_BL"][:, 1:].sum() for part in parts]).sum().float()
    if across and processes() > 1:
        dist.all_reduce(positions)
        positions /= processes()
    return positions


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where it is computed; the lengths stay on the CPU, where the signal encoder reads them."""
    return {name: tensor if name == "valid_B" else tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def _same(x: Tensor) -> Tensor:
    return x
