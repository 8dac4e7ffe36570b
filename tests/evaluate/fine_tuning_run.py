"""Fits of seconds on made-up ECGs: `python tests/evaluate/fine_tuning_run.py "FOLDER [name=value ...]" ...`.

One argument a run, each in a process forked from this one: what takes long is importing torch. Values are fields of
FitSettings; `die_at_step` kills a run as `kill -9` does, before that step; `die_at_end` after its last. Its state is in the
folder's .cache, its result in weights.safetensors; each step writes a line to steps-<rank>.txt.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal as signals
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from esi.evaluate.fine_tune.classifier import Classifier, Examples, fresh_encoder, predict
from esi.evaluate.fine_tune.fit import FitSettings, fit
from esi.train import loop
from esi.train.batches import Batch
from esi.train.checkpoint import Checkpoint
from esi.train.launch import join

CLASSES = 3
SETTINGS: dict[str, Any] = {
    "lr": 1e-3,
    "epochs": 3,
    "patience": 3,
    "batch_size": 8,
    "layer_decay": 0.75,
    "weight_decay": 0.05,
    "warmup_epochs": 0.5,
    "average": 0.0,
    "seed": 5,
}


def made_up(n: int, seed: int, broken: int | None = None) -> Examples:
    """Each class is an oscillation of its own in a lead of its own; every third record is shorter; `broken` is NaN."""
    generator = torch.Generator().manual_seed(seed)
    targets_NK = (torch.rand(n, CLASSES, generator=generator) < 0.4).float()
    ecg_NCT = torch.randn(n, 12, 160, generator=generator) * 0.1
    for number in range(CLASSES):
        wave_T = torch.sin(torch.arange(160) * (0.1 + 0.05 * number))
        ecg_NCT[:, number] += targets_NK[:, number, None] * wave_T
    if broken is not None:
        ecg_NCT[broken] = float("nan")
    valid_N = torch.where(torch.arange(n) % 3 == 0, 130, 160)

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        return ecg_NCT[rows], valid_N[rows]

    return Examples(batch, targets_NK)


def fresh() -> Classifier:
    return Classifier(fresh_encoder("nano", 12, seed=1), CLASSES, seed=2)


def run(folder: Path, changes: dict[str, Any]) -> None:
    os.environ["DVC_ROOT"] = str(folder)
    die_at_step, die_at_end = changes.pop("die_at_step", None), changes.pop("die_at_end", False)
    settings = FitSettings(**(SETTINGS | changes))
    launched = join("stages.fine_tune", "fp32", "fine_tune")
    begin = loop._Run.begin_step

    def watched(self: Any, batch: Batch) -> float:
        if self.done == die_at_step:
            os.kill(os.getpid(), signals.SIGKILL)
        with (folder / f"steps-{launched.rank}.txt").open("a") as file:
            file.write(f"{self.done}\n")
        return begin(self, batch)

    loop._Run.begin_step = watched  # type: ignore[method-assign]
    checkpoint = Checkpoint(asdict(settings))
    train, validation = made_up(22, seed=0), made_up(10, seed=1)  # 22 in batches of 8: 8, 7 and 7

    def validate(classifier: Classifier) -> float:
        logits_NK = predict(classifier, validation.batch, validation.n, 4)
        return -F.binary_cross_entropy_with_logits(logits_NK, validation.targets).item()

    classifier = fit(fresh(), train, F.binary_cross_entropy_with_logits, validate, settings, launched, checkpoint, "made up")
    if die_at_end:
        os.kill(os.getpid(), signals.SIGKILL)
    if launched.main:
        print(f"{launched.world} processes", flush=True)
        save_file(classifier.state_dict(), folder / "weights.safetensors")
        checkpoint.delete()


def main() -> None:
    for argument in sys.argv[1:]:
        folder, *changes = argument.split()
        process = multiprocessing.get_context("fork").Process(
            target=run,
            args=(Path(folder), {name: json.loads(value) for name, value in (item.split("=") for item in changes)}),
        )
        process.start()
        process.join()
        print(f"exit {process.exitcode}", flush=True)


if __name__ == "__main__":
    main()
