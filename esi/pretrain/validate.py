"""Losses and retrieval accuracy on the validation pairs."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor

from esi.pretrain import losses, sampler
from esi.pretrain.batches import Batches
from esi.pretrain.objective import Objective


def validate(objective: Objective, batches: Batches, batch_size: int, accelerator: Accelerator) -> dict[str, float]:
    """loss, loss_con, loss_cap (of all caption positions), retrieval_top1, for the terms that are trained; {} without pairs.

    The batches are the same for any number of processes, which share them out whole. retrieval_top1: the share of ECGs whose
    nearest text of the batch says the same findings as their own.
    """
    n = batches.data.n
    if n == 0:
        return {}
    model, weights, device = objective.model, objective.weights, accelerator.device
    view_of_row = sampler.views_of(n, 1, 0, 0)
    # rows, summed contrastive loss, right retrievals, caption positions, summed caption loss
    sums = torch.zeros(5, dtype=torch.float64, device=device)
    objective.eval()
    with torch.no_grad():
        for step in range(accelerator.process_index, sampler.steps_per_epoch(n, batch_size), accelerator.num_processes):
            made = batches.batch(sampler.batch_rows(n, batch_size, 0, 0, step), view_of_row)
            batch = {name: tensor.to(device) for name, tensor in made.items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=objective.bf16):
                out = model(
                    batch["ecg_BCT"], batch["valid_B"], batch.get("ids_BL"), batch.get("mask_BL"), batch.get("text_BH")
                )
            if weights.con:
                rows = len(batch["group_B"])
                loss = losses.contrastive(out["z_ecg"], out["z_text"], batch["group_B"], model.logit_scale)
                right = _right(out["z_ecg"], out["z_text"], batch["group_B"])
                sums[:3] += torch.stack([torch.tensor(float(rows), device=device), loss * rows, right]).double()
            if model.decoder is not None:
                targets = out["caption_targets"]
                dtype = torch.bfloat16 if objective.bf16 else torch.float32
                total = losses.captioning(out["caption_states"], model.decoder.embedding.weight, targets, dtype)
                sums[3:] += torch.stack([torch.tensor(float(len(targets)), device=device), total]).double()
    rows, con, right, positions, cap = accelerator.reduce(sums, "sum").tolist()
    result: dict[str, float] = {}
    if weights.con:
        result |= {"loss_con": con / rows, "retrieval_top1": right / rows}
    if weights.cap:
        result["loss_cap"] = cap / positions
    return {"loss": weights.con * result.get("loss_con", 0.0) + weights.cap * result.get("loss_cap", 0.0)} | result


def _right(z_ecg_BE: Tensor, z_text_BE: Tensor, group_B: Tensor) -> Tensor:
    """How many ECGs are nearest to a text of their own group."""
    nearest_B = (z_ecg_BE @ z_text_BE.T).argmax(dim=1)
    return (group_B[nearest_B] == group_B).sum().float()
