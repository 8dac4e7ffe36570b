"""SimCLR (Chen et al. 2020, arXiv:2002.05709) on ECGs: two views of a record are to be alike, those of others are not.

Texts are not read. The projection head is dropped at the end: what is exported is the signal encoder.

Legend: B records of this process, C leads, T samples, E projected dimensions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esi.ecg.leads import LEADS
from esi.errors import EsiError
from esi.model.config import EncoderConfig
from esi.model.ecg_model import EcgModel
from esi.model.signal_model import SignalModel
from esi.pretrain.augment import VIEWS, both_views
from esi.pretrain.batches import TrainingShares
from esi.pretrain.losses import nt_xent
from esi.pretrain.method import Method, Prepared
from esi.pretrain.plan import Plan
from esi.settings.learning import SimCLR as Settings
from esi.settings.learning import Train
from esi.train import sampler
from esi.train.batches import Batch
from esi.train.gather import gather_rows, rank
from esi.train.launch import Launch
from esi.train.objective import Objective

OF_TEXTS = {
    "text_lr_factor",
    "positives",
    "mask_leads",
    "lambda_con",
    "lambda_cap",
    "caption_tokens",
    "text_views",
    "accumulate",
}  # settings of `train` that have no part in this method


class SimCLR(Method):
    def settings(self, plan: Plan) -> Train:
        own = _own(plan)
        if plan.train.accumulate != 1:
            raise EsiError(
                f"simclr computes a process's share of the batch at once, and train.accumulate is {plan.train.accumulate}: "
                "set it to 1, and simclr.batch_size or train.checkpoint_activations to what the memory holds"
            )
        return plan.train.model_copy(update={"epochs": own.epochs, "batch_size": own.batch_size, "lr": own.lr})

    def build(self, plan: Plan) -> SignalModel:
        config = EncoderConfig(
            method=plan.method,
            signal=plan.signal,
            leads=tuple(LEADS),
            signal_encoder=plan.model.signal_encoder,
            trained_with={name: value for name, value in plan.trained_with().items() if name not in OF_TEXTS},
        )
        return SignalModel.fresh(config, plan.train.seed, plan.train.checkpoint_activations)

    def prepare(self, plan: Plan, model: EcgModel, launch: Launch) -> Prepared:
        own, train = _own(plan), plan.train
        objective = Alike(model, own, launch.bf16).to(launch.device)
        return Prepared(
            objective,
            ViewBatches(plan.train_data, train, own, launch),
            validate=partial(validate, objective=objective, data=plan.validation_data, train=train, launch=launch),
        )


class Alike(Objective):
    """NT-Xent of the two views, through a head of two layers."""

    logged = ("loss", "view_top1")
    on_cpu = frozenset({"valid_B"})
    model: EcgModel

    def __init__(self, model: EcgModel, own: Settings, bf16: bool) -> None:
        super().__init__()
        self.model, self.own, self.bf16 = model, own, bf16
        dim = model.encoder.dim
        self.head = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, own.projection_dim))

    def loss(self, batch: dict[str, Tensor], across: bool = True) -> dict[str, Tensor]:
        """NT-Xent against the views of all processes, or, not `across`, of this one alone.

        Returns:
            loss; view_top1: the share of views whose nearest among all others is the same record's.
        """
        views_VCT = batch["views_VCT"]  # V = 2 B
        with torch.autocast(views_VCT.device.type, torch.bfloat16, enabled=self.bf16):
            _, _, pooled_VD = self.model.encoder(views_VCT, batch["valid_B"].repeat(VIEWS))
            z_VE = self.head(pooled_VD)
        z_VE = F.normalize(z_VE.float(), dim=-1)
        all_WE = gather_rows(z_VE) if across else z_VE
        loss, right = nt_xent(z_VE, all_WE, rank() * len(z_VE) if across else 0, self.own.temperature)
        return {"loss": loss, "view_top1": right}


class ViewBatches(TrainingShares):
    """Two views of each record, drawn anew every epoch."""

    def __init__(self, data: Any, train: Train, own: Settings, launch: Launch) -> None:
        super().__init__(data, train, launch)
        self._own = own

    def batch(self, step: int) -> Batch:
        epoch, inner = divmod(step, self.per_epoch)
        rows = self.rows(epoch, inner)
        part = views_of_rows(self.data, rows, self.train.seed, epoch, self._own)
        return Batch([part], rows, {"samples": len(rows)})


def views_of_rows(data: Any, rows: Tensor, seed: int, epoch: int, own: Settings) -> dict[str, Tensor]:
    """views_VCT float32 [2 B, C, T] and valid_B."""
    ecg_BCT, valid_B = data.ecg(rows)
    return {"views_VCT": both_views(ecg_BCT, valid_B, rows, seed, epoch, own.min_crop, own.max_time_out), "valid_B": valid_B}


def validate(wrapped: nn.Module, objective: Alike, data: Any, train: Train, launch: Launch) -> dict[str, float]:
    """loss and view_top1 of the validation records, the same views at every epoch; {} without records."""
    if data.n == 0:
        return {}
    sums = torch.zeros(3, dtype=torch.float64, device=launch.device)
    wrapped.eval()
    with torch.no_grad():
        for step, counts in launch.shared_out(sampler.steps_per_epoch(data.n, train.batch_size)):
            rows = sampler.batch_rows(data.n, train.batch_size, 0, 0, step)
            part = views_of_rows(data, rows, 0, 0, objective.own)
            out = wrapped("loss", objective.placed(part, launch.device), False)
            if counts:
                sums += len(rows) * torch.stack([torch.ones_like(out["loss"]), out["loss"], out["view_top1"]]).double()
    counted, loss, right = launch.accelerator.reduce(sums, "sum").tolist()
    return {"loss": loss / counted, "view_top1": right / counted}


def _own(plan: Plan) -> Settings:
    assert isinstance(plan.own, Settings)
    return plan.own
