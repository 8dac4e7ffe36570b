"""Losses and retrieval accuracy on the validation pairs."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from esi.launch import Launch
from esi.pretrain import sampler
from esi.pretrain.accumulate import join, labels
from esi.pretrain.batches import Batches
from esi.pretrain.objective import Objective, Whole, caption_positions, on_device


def validate(wrapped: nn.Module, objective: Objective, batches: Batches, launch: Launch) -> dict[str, float]:
    """loss, loss_con, loss_cap (of all caption positions), retrieval_top1, for the terms that are trained; {} without pairs.

    The batches are the same for any number of processes, which share them out whole and compute them in pieces of the size
    that training does. Where they do not come out even a process computes its last batch again, uncounted: weights that are
    spread over processes are gathered at every forward pass, so all must make as many.
    """
    n, train, device = batches.data.n, objective.settings, launch.device
    if n == 0:
        return {}
    view_of_row = sampler.views_of(n, 1, 0, 0)
    steps = sampler.steps_per_epoch(n, train.batch_size)
    piece = -(-train.batch_size // (launch.world * train.accumulate))
    # rows, summed contrastive loss, right retrievals, caption positions, summed caption loss
    sums = torch.zeros(5, dtype=torch.float64, device=device)
    wrapped.eval()
    with torch.no_grad():
        for first in range(0, steps, launch.world):
            step = first + launch.rank
            rows = sampler.batch_rows(n, train.batch_size, 0, 0, min(step, steps - 1))
            made = [batches.batch(some, view_of_row) for some in rows.split(piece)]
            parts = [on_device(part, device) for part in made]
            positions = caption_positions(parts, across=False) if train.lambda_cap else sums.new_zeros(())
            out = [wrapped(part, Whole({}, positions, 1)) for part in parts]
            if step >= steps:
                continue
            if train.lambda_con:
                result = objective.contrastive(join(out), labels(parts), across=False)
                loss, right = (result[name].double() for name in ("loss_con", "retrieval_top1"))
                sums[:3] += len(rows) * torch.stack([torch.ones_like(loss), loss, right])
            if train.lambda_cap:
                total = torch.stack([part["loss_cap"] for part in out]).double().sum()
                sums[3:] += positions.double() * torch.stack([torch.ones_like(total), total])
    if isinstance(wrapped, FSDPModule):
        # Without a backward pass the outermost weights stay gathered, and what is done to the shards from here on (the end
        # of the average's turn, a checkpoint) would go unseen.
        wrapped.reshard()
    counted, con, right, positions, cap = launch.accelerator.reduce(sums, "sum").tolist()
    figures: dict[str, float] = {}
    if train.lambda_con:
        figures |= {"loss_con": con / counted, "retrieval_top1": right / counted}
    if train.lambda_cap:
        figures["loss_cap"] = cap / positions
    return {
        "loss": train.lambda_con * figures.get("loss_con", 0.0) + train.lambda_cap * figures.get("loss_cap", 0.0)
    } | figures
