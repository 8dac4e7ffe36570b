"""One task on one data set: its records, labels and signals by split, and the encoders that are compared on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from esi.ecg.tables import table_paths
from esi.errors import EsiError
from esi.evaluate.encode import Encoded, encode
from esi.evaluate.metrics import MacroAuroc, macro_auroc
from esi.evaluate.tasks import Task
from esi.files import content_hash, file_hash
from esi.model.esi import ESI
from esi.pairs.store import SignalStore, open_store
from esi.settings.data import Signal
from esi.settings.evaluation import Evaluate

SPLITS = ["train", "validation", "test"]


@dataclass(frozen=True)
class Split:
    records: list[str]
    subjects: list[str]
    labels_NK: np.ndarray  # bool


class Benchmark:
    """A task with the signals of its data set."""

    def __init__(self, task: Task, ecg_folder: Path, signal: Signal, settings: Evaluate):
        """ecg_folder: data/ecg, with a folder a data set."""
        self.task = task
        self.settings = settings
        self._signal = signal
        self._folder = ecg_folder / task.dataset
        self._store: SignalStore = open_store(self._folder, signal)

    def split(self, name: str) -> Split:
        """The records of "train", "validation" or "test" that carry at least one of the task's labels.

        The others are left out as in the published benchmark (Strodthoff et al. 2020): a record without any diagnostic
        statement, say, is not a negative of every diagnosis but one that nobody diagnosed. So are records whose very signal
        is also in a split that comes later: Georgia's release, for one, holds a recording twice under two names, and no
        subjects that would keep the two together.

        Raises:
            EsiError: no record is left.
        """
        table = pl.scan_parquet(table_paths(self._folder)).select("record_id", "subject_id", "codes", "split", "signal_hash")
        own = table.filter(pl.col("split") == name)
        later = table.filter(pl.col("split").is_in(SPLITS[SPLITS.index(name) + 1 :]))
        rows = own.join(later, on="signal_hash", how="anti", maintain_order="left").collect()
        labels_NK = self.task.labels(rows["codes"].to_list())
        labelled = np.asarray([record.any() for record in labels_NK], dtype=bool)
        if not labelled.any():
            raise EsiError(
                f"{self.task.dataset} has no {name} record with a label of {self.task.name}: "
                f"give ingest.{self.task.dataset}.folds.{name} another fold in params.yaml"
            )
        rows = rows.filter(labelled)
        return Split(rows["record_id"].to_list(), rows["subject_id"].to_list(), labels_NK[labelled])

    def encode(self, model: ESI, key: str, split: Split) -> Encoded:
        """The split's records through a model of `encoders`.

        Raises:
            EsiError: the model was trained on signals of another rate or filter.
        """
        trained, given = model.config.signal, self._signal
        if trained != given:
            raise EsiError(
                f"the model was trained at {trained.rate} Hz with a high-pass of {trained.highpass_hz} Hz, but signal.rate "
                f"is {given.rate} and signal.highpass_hz {given.highpass_hz} in params.yaml: set them back or pretrain anew"
            )
        return encode(model, key, self._store, split.records, self.settings.batch_size)

    def auroc(self, split: Split, scores_NK: np.ndarray) -> MacroAuroc:
        """Macro AUROC of scores for a split, with the settings' bootstrap."""
        settings = self.settings
        return macro_auroc(
            split.labels_NK, scores_NK, self.task.class_names, split.subjects, settings.bootstrap, settings.seed
        )


def encoders(model_folder: Path, random_seeds: list[int]) -> Iterator[tuple[str, str, ESI]]:
    """The pretrained model, then its copies with a randomly initialised signal encoder: name, content hash, model.

    Every figure stands beside its counterpart from the random encoders: a task that they solve as well proves nothing.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pretrained = ESI.from_pretrained(model_folder).to(device).eval()
    key = content_hash(file_hash(model_folder / "model.safetensors"), file_hash(model_folder / "config.json"))
    yield "pretrained", key, pretrained
    for seed in random_seeds:
        yield (
            f"random {seed}",
            content_hash(key, "random", str(seed)),
            pretrained.with_random_signal_encoder(seed).to(device).eval(),
        )


def figures(test: Split, ours: MacroAuroc, random: list[MacroAuroc]) -> dict[str, Any]:
    """The metrics file of one task: plain keys, AUROC by class last."""
    macros = [result.macro for result in random]
    return {
        "auroc_macro": ours.macro,
        "auroc_macro_ci_low": ours.ci_low,
        "auroc_macro_ci_high": ours.ci_high,
        "random_auroc_macro": float(np.mean(macros)),
        "random_auroc_macro_low": min(macros),
        "random_auroc_macro_high": max(macros),
        "n_test": len(test.records),
        "n_test_subjects": len(set(test.subjects)),
        "n_classes": len(ours.by_class),
        **({"undefined_classes": " ".join(ours.undefined)} if ours.undefined else {}),
        **{f"auroc_{name}": value for name, value in ours.by_class.items()},
    }
