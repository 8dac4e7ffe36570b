"""Losses and retrieval accuracy on the validation pairs."""

from __future__ import annotations

import torch
from torch import nn

from esi.pretrain.accumulate import Whole, caption_positions, join, labels
from esi.pretrain.batches import PairTensors, views_of
from esi.pretrain.objective import EsiObjective
from esi.train import sampler
from esi.train.launch import Launch


def validate(wrapped: nn.Module, objective: EsiObjective, batches: PairTensors, launch: Launch) -> dict[str, float]:
    """loss, loss_con, loss_cap (of all caption positions), retrieval_top1, for the terms that are trained; {} without pairs.

    The batches are the same for any number of processes, which share them out whole and compute them in pieces of the size
    that training does.
    """
    n, train, device = batches.data.n, objective.settings, launch.device
    if n == 0:
        return {}
    view_of_row = views_of(n, 1, 0, 0)
    piece = -(-train.batch_size // (launch.world * train.accumulate))
    # rows, summed contrastive loss, right retrievals, caption positions, summed caption loss
    sums = torch.zeros(5, dtype=torch.float64, device=device)
    wrapped.eval()
    with torch.no_grad():
        for step, counts in launch.shared_out(sampler.steps_per_epoch(n, train.batch_size)):
            rows = sampler.batch_rows(n, train.batch_size, 0, 0, step)
            made = [batches.batch(some, view_of_row) for some in rows.split(piece)]
            parts = [objective.placed(part, device) for part in made]
            positions = caption_positions(parts, across=False) if train.lambda_cap else sums.new_zeros(())
            out = [wrapped("part", part, Whole({}, positions, 1)) for part in parts]
            if not counts:
                continue
            if train.lambda_con:
                result = objective.contrastive(join(out), labels(parts), across=False)
                loss, right = (result[name].double() for name in ("loss_con", "retrieval_top1"))
                sums[:3] += len(rows) * torch.stack([torch.ones_like(loss), loss, right])
            if train.lambda_cap:
                total = torch.stack([part["loss_cap"] for part in out]).double().sum()
                sums[3:] += positions.double() * torch.stack([torch.ones_like(total), total])
    counted, con, right, positions, cap = launch.accelerator.reduce(sums, "sum").tolist()
    figures: dict[str, float] = {}
    if train.lambda_con:
        figures |= {"loss_con": con / counted, "retrieval_top1": right / counted}
    if train.lambda_cap:
        figures["loss_cap"] = cap / positions
    return {
        "loss": train.lambda_con * figures.get("loss_con", 0.0) + train.lambda_cap * figures.get("loss_cap", 0.0)
    } | figures
