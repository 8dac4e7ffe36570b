"""A training run of seconds on made-up pairs, exported: `python tests/pretrain/tiny_run.py FOLDER [name=value ...]`.

Values are train settings; `die_at_step` kills the main process as `kill -9` does, before that step (another process would
come there while the main one still writes its checkpoint, and torchrun would end it in the middle); `method` is the method's
name, `own` its settings; `contrastive_loss` and `text_layers_trained` are model settings. Each process writes
rows-<rank>.txt: the step and the rows of its share.
"""

from __future__ import annotations

import json
import os
import signal as signals
import sys
from pathlib import Path
from typing import Any

import torch

from esi import files
from esi.pretrain.plan import Plan
from esi.pretrain.run import Result, pretrain
from esi.settings.data import Signal
from esi.settings.learning import SimCLR, Train
from esi.train import loop
from esi.train.batches import Batch
from tests.model.mini import mini_bert, mini_settings

FINDINGS = [
    "sinus rhythm",
    "atrial fibrillation",
    "left bundle branch block",
    "old inferior infarction",
    "anterior infarction",
]
SIGNAL = Signal(rate=100, highpass_hz=0.5)
TRAIN: dict[str, Any] = {
    "seed": 3,
    "epochs": 2,
    "batch_size": 8,
    "accumulate": 1,
    "lr": 1e-3,
    "text_lr_factor": 1.0,
    "weight_decay": 0.05,
    "schedule": "step",
    "warmup_epochs": 1,
    "decay_every": 10,
    "decay_factor": 0.1,
    "clip_norm": 1.0,
    "average": 0.0,
    "positives": "identical",
    "mask_leads": 0.0,
    "lambda_con": 1.0,
    "lambda_cap": 1.0,
    "caption_tokens": 24,
    "text_views": ["full", "findings"],
    "precision": "fp32",
    "compile": False,
    "checkpoint_activations": False,
    "log_every": 2,
    "checkpoint_every": 3,
}
SIMCLR: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "lr": 1e-3,
    "temperature": 0.5,
    "projection_dim": 16,
    "min_crop": 0.5,
    "max_time_out": 0.5,
}


class MadeUpPairs:
    """What `esi.pairs.dataset.PairData` offers: each finding is an oscillation of its own in a lead of its own."""

    def __init__(self, n: int, seed: int = 0, samples: int = 160, broken: int | None = None) -> None:
        self.n, self.seed, self.samples, self.broken = n, seed, samples, broken
        self.keys = [f"made-up/{row}" for row in range(n)]
        self.groups = torch.randint(len(FINDINGS), (n,), generator=torch.Generator().manual_seed(seed))
        self.findings = self.groups[:, None].int()
        self.fingerprint = f"{n} {seed} {samples} {broken}"

    def ecg(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """float32 [B, 12, T] and valid lengths [B]; every third record is shorter."""
        signals_of_rows = []
        for row in rows.tolist():
            group = int(self.groups[row])
            noise = torch.randn(12, self.samples, generator=torch.Generator().manual_seed(1000 * self.seed + row)) * 0.1
            noise[group] += torch.sin(torch.arange(self.samples) * (0.1 + 0.05 * group))
            signals_of_rows.append(noise if row != self.broken else noise * float("nan"))
        return torch.stack(signals_of_rows), torch.where(rows % 3 == 0, self.samples - 30, self.samples)

    def texts(self, view: str, rows: torch.Tensor) -> list[str]:
        return [("a man of 50. " if view == "full" else "") + FINDINGS[self.groups[row]] for row in rows.tolist()]


def run(folder: Path, **changes: Any) -> Result:
    """Train in `folder` (BERT, logs, checkpoints under DVC_ROOT)."""
    die_at_step, method = changes.pop("die_at_step", None), changes.pop("method", "esi")
    of_method = changes.pop("own", {})
    of_model = {name: changes.pop(name) for name in ("contrastive_loss", "text_layers_trained") if name in changes}
    n, n_validation = changes.pop("n", 40), changes.pop("n_validation", 10)
    if not (folder / "bert" / "config.json").exists():
        mini_bert(folder / "bert")
    train = Train.model_validate(TRAIN | changes)
    begin = loop._Run.begin_step

    def watched(self: Any, batch: Batch) -> float:
        if self.done == die_at_step and self.launch.main:
            os.kill(os.getpid(), signals.SIGKILL)
        with (folder / f"rows-{self.launch.rank}.txt").open("a") as file:
            file.write(f"{self.done} {' '.join(str(row) for row in batch.rows.tolist())}\n")
        return begin(self, batch)

    loop._Run.begin_step = watched  # type: ignore[method-assign]
    model = mini_settings(folder / "bert", **of_model)
    own = SimCLR.model_validate(SIMCLR | of_method) if method == "simclr" else None
    plan = Plan(MadeUpPairs(n), MadeUpPairs(n_validation, seed=1), SIGNAL, model, train, 24, method, own)
    try:
        return pretrain(plan, folder / "logs")
    finally:
        loop._Run.begin_step = begin  # type: ignore[method-assign]


def main() -> None:
    folder = Path(sys.argv[1])
    changes = {name: json.loads(value) for name, value in (argument.split("=") for argument in sys.argv[2:])}
    result = run(folder, **changes)
    if result.main:
        result.model.save_pretrained(folder / "model")
        files.write_json(folder / "metrics.json", result.metrics)
        result.checkpoint.delete()


if __name__ == "__main__":
    main()
