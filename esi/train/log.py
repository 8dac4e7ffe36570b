"""The logs of a run as rows in memory, which go with the checkpoint: each step stands there once, whatever the resumes."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator

from esi import files

Row = dict[str, int | float]
Item = TypeVar("Item")


class Log:
    """Three tables: losses by step, losses on the validation pairs by epoch, and speed by step (alone not reproducible)."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.steps: list[Row] = list(state.get("steps", []))
        self.validation: list[Row] = list(state.get("validation", []))
        self.speed: list[Row] = list(state.get("speed", []))

    def state(self) -> dict[str, list[Row]]:
        """What a checkpoint keeps."""
        return {"steps": self.steps, "validation": self.validation, "speed": self.speed}

    def write(self, folder: Path) -> None:
        """Write steps.csv, validation.csv and speed.csv into a folder, whole."""
        for name, rows in self.state().items():
            files.write_text(folder / f"{name}.csv", _csv(rows))


class Speed:
    """Samples, and what else is counted, a second since the last look, and the share of the time spent waiting for data."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.since, self.waited = time.perf_counter(), 0.0
        self.counts: dict[str, int] = {}

    def count(self, counts: Mapping[str, int]) -> None:
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def waiting(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; the time that each lets wait counts as waiting for data."""
        source = iter(items)
        while True:
            asked = time.perf_counter()
            try:
                item = next(source)
            except StopIteration:
                return
            self.waited += time.perf_counter() - asked
            yield item

    def rates(self, accelerator: Accelerator) -> dict[str, float]:
        """Counts of all processes together; this process's waiting and, with CUDA, peak memory so far."""
        counted = torch.tensor(list(self.counts.values()), dtype=torch.float64, device="cpu").to(accelerator.device)
        totals = accelerator.reduce(counted, "sum").tolist()
        seconds = max(time.perf_counter() - self.since, 1e-9)
        rates = {f"{name}_per_second": total / seconds for name, total in zip(self.counts, totals, strict=True)}
        rates["data_wait_share"] = self.waited / seconds
        if accelerator.device.type == "cuda":
            rates["peak_memory_gib"] = torch.cuda.max_memory_allocated(accelerator.device) / 2**30
        self.restart()
        return rates


def _csv(rows: list[Row]) -> str:
    """Columns as in the first row (DVC wants the file even without rows); floats with nine digits, all that float32 has."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["step", "epoch", "loss"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.9g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()
