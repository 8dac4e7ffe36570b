"""ESI's objective: the contrastive and the captioning loss of one step and one process (paper section 3.2.1).

Legend: B pairs of this process or of a part of them, M pairs of all processes, C leads, T samples, L tokens, H text tower's
dimension, E shared space, K findings, N caption positions, D decoder dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from esi.model.esi import ESI
from esi.pretrain import accumulate, losses
from esi.pretrain.accumulate import Batch, Whole, caption_positions
from esi.pretrain.positives import affinity
from esi.settings.learning import Train
from esi.train.gather import gather_rows, processes
from esi.train.objective import Objective


class EsiObjective(Objective):
    """lambda_con * contrastive + lambda_cap * captioning (paper: 1 and 1); a term of weight 0 is not computed.

    Args:
        model: whose config names the same terms as `train`.
        train: weights, positives, and `caption_tokens`: at most so many caption positions of a training step enter the
            captioning loss, drawn evenly (an unbiased estimate of the mean over all); 0: all of them.
        bf16: run the networks in bfloat16 autocast; softmaxes, norms and the contrastive loss stay in float32.
    """

    on_cpu = frozenset({"valid_B"})
    model: ESI

    def __init__(self, model: ESI, train: Train, bf16: bool) -> None:
        super().__init__()
        self.model = model
        self.settings = train
        self.bf16 = bf16
        losses_of = ["loss"] + ["loss_con"] * (train.lambda_con > 0) + ["loss_cap"] * (train.lambda_cap > 0)
        self.logged = (*losses_of, "retrieval_top1", "logit_scale", "logit_bias")

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of this process's share of the batch; their means over the processes are those of the joint batch.

        Returns:
            z_ecg, z_text [B, E], the logit's scale and bias; loss, loss_con with retrieval_top1, loss_cap; only those that
            are computed.
        """
        result = self._run(batch)
        loss = torch.zeros((), device=batch["ecg_BCT"].device)
        if self.settings.lambda_con:
            result |= self.contrastive(result, batch)
            loss = loss + self.settings.lambda_con * result["loss_con"]
        return self._with_captions(result, loss, caption_positions([batch]) if self.settings.lambda_cap else loss, 1)

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """z_ecg, z_text [B, E], the logit's scale and bias of a part, for the first of two passes. It draws the same random
        numbers as `part` up to there.
        """
        with self._autocast(batch):
            z_ecg = self.model.encode_ecg(batch["ecg_BCT"], batch["valid_B"])["z"]
            text_BH = batch["text_BH"] if "text_BH" in batch else self.model.text(batch["ids_BL"], batch["mask_BL"])
            return {"z_ecg": z_ecg, "z_text": self.model.project(text_BH)} | self._logit()

    def part(self, batch: Batch, whole: Whole) -> dict[str, Tensor]:
        """As `loss`, of a part of the share, whose own contrastive loss would mean nothing: `loss` is a number whose
        gradients, added up over the parts, are those of the whole batch's.
        """
        result = self._run(batch)
        loss = torch.zeros((), device=batch["ecg_BCT"].device)
        for name, gradient in whole.gradients.items():
            loss = loss + (result[name] * gradient).sum()
        return self._with_captions(result, loss, whole.positions, whole.parts)

    def backward(
        self, wrapped: nn.Module, parts: Sequence[Batch], seeds: Sequence[int], accelerator: Accelerator
    ) -> dict[str, Tensor]:
        """Several parts stay negatives of one another (`accumulate`)."""
        if len(parts) == 1:
            return super().backward(wrapped, parts, seeds, accelerator)
        return accumulate.backward(wrapped, self, parts, seeds, accelerator)

    def updated(self) -> None:
        self.model.clamp_logit_scale()

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

    def _autocast(self, batch: Batch) -> torch.autocast:
        return torch.autocast(batch["ecg_BCT"].device.type, torch.bfloat16, enabled=self.bf16)

    def _run(self, batch: Batch) -> dict[str, Tensor]:
        texts = (batch.get("ids_BL"), batch.get("mask_BL"), batch.get("text_BH"))
        with self._autocast(batch):
            return self.model(batch["ecg_BCT"], batch["valid_B"], *texts) | self._logit()

    def _with_captions(self, result: dict[str, Tensor], loss: Tensor, positions: Tensor, parts: int) -> dict[str, Tensor]:
        if self.settings.lambda_cap:
            states_ND, target_N = result.pop("caption_states"), result.pop("caption_targets")
            result["loss_cap"] = self._captioning(states_ND, target_N, positions, parts)
            loss = loss + self.settings.lambda_cap * result["loss_cap"]
        return result | {"loss": loss}

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


def _same(x: Tensor) -> Tensor:
    return x
