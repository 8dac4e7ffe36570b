"""One step's losses of one process, as a module: DistributedDataParallel wraps it whole, so no parameter is used outside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from esi.model.esi import ESI
from esi.pretrain import losses
from esi.pretrain.gather import gather_rows, processes

Batch = dict[str, Tensor]  # ecg_BCT, valid_B, group_B; ids_BL and mask_BL, text_BH where they are needed (see batches.py)


@dataclass(frozen=True)
class Weights:
    """How much each loss counts (paper: 1 and 1); 0 is not computed."""

    con: float
    cap: float


class Objective(nn.Module):
    """lambda_con * contrastive + lambda_cap * captioning.

    Args:
        model: whose config names the same terms as `weights`.
        caption_tokens: at most this many caption positions of this process enter the captioning loss of a training step,
            drawn evenly (an unbiased estimate of the mean over all); 0: all of them.
        bf16: run the networks in bfloat16 autocast; softmaxes, norms and the contrastive loss stay in float32.
    """

    def __init__(self, model: ESI, weights: Weights, caption_tokens: int, bf16: bool) -> None:
        super().__init__()
        self.model = model
        self.weights = weights
        self.caption_tokens = caption_tokens
        self.bf16 = bf16

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Losses whose means over the processes are those of the joint batch.

        Returns:
            loss; loss_con with z_ecg, z_text [B, E]; loss_cap with caption_positions: only those that are computed.
        """
        device = batch["ecg_BCT"].device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            out = self.model(
                batch["ecg_BCT"], batch["valid_B"], batch.get("ids_BL"), batch.get("mask_BL"), batch.get("text_BH")
            )
        result: dict[str, Tensor] = {}
        loss = torch.zeros((), device=device)
        if self.weights.con:
            z_ecg, z_text, group = out["z_ecg"], out["z_text"], batch["group_B"]
            result |= {"z_ecg": z_ecg.detach(), "z_text": z_text.detach()}
            result["loss_con"] = losses.contrastive(
                z_ecg, z_text, group, self.model.logit_scale, gather_rows(z_ecg), gather_rows(z_text), gather_rows(group)
            )
            loss = loss + self.weights.con * result["loss_con"]
        if self.weights.cap:
            result["loss_cap"], result["caption_positions"] = self._captioning(out["caption_states"], out["caption_targets"])
            loss = loss + self.weights.cap * result["loss_cap"]
        result["loss"] = loss
        return result

    def _captioning(self, states_ND: Tensor, target_N: Tensor) -> tuple[Tensor, Tensor]:
        """The mean over all processes' positions, as this process's share of it times the number of processes."""
        assert self.model.decoder is not None
        positions = torch.tensor(float(len(target_N)), device=states_ND.device)
        share = 1.0
        if self.training and 0 < self.caption_tokens < len(target_N):
            chosen = torch.randperm(len(target_N))[: self.caption_tokens].sort().values.to(states_ND.device)
            share = self.caption_tokens / len(target_N)
            states_ND, target_N = states_ND[chosen], target_N[chosen]
        everywhere = positions.clone()
        if processes() > 1:
            dist.all_reduce(everywhere)
        dtype = torch.bfloat16 if self.bf16 else torch.float32
        total = losses.captioning(states_ND, self.model.decoder.embedding.weight, target_N, dtype)
        return total / share * processes() / everywhere.clamp(min=1), positions
