"""The evaluated records of one data set by split, with their labels for a task."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from esi.ecg.signal_shape import same_recordings
from esi.ecg.signals import SignalStore, open_store
from esi.ecg.tables import identified, table_paths
from esi.errors import EsiError
from esi.evaluate.encode import Encoded, Strip, encode
from esi.evaluate.split import Split
from esi.evaluate.tasks import Task
from esi.model.ecg_model import EcgModel
from esi.paths import ECG
from esi.settings.data import Signal

SPLITS = ["train", "validation", "test"]


class EcgSet:
    """One ingested data set as evaluation reads it.

    Attributes:
        store: its signals. records: one row a record of a split, without the signals, in the order of ingest.
    """

    def __init__(self, dataset: str, ecg_folder: Path, signal: Signal, batch_size: int):
        """ecg_folder: data/ecg, with a folder a data set. batch_size: records that are encoded at a time."""
        self.dataset = dataset
        folder = ecg_folder / dataset
        self.store: SignalStore = open_store(folder, signal)
        self.records = self._without_repeats(identified(pl.scan_parquet(table_paths(folder)).drop("signal").collect()))
        self._signal = signal
        self._batch_size = batch_size

    @staticmethod
    def _without_repeats(table: pl.DataFrame) -> pl.DataFrame:
        """The records of the three splits without those whose recording is also in a split that comes later: Georgia's
        release, for one, holds one twice under two names, and no subjects that would keep the two together.
        """
        parts = []
        for place, name in enumerate(SPLITS):
            later = table.filter(pl.col("split").is_in(SPLITS[place + 1 :]))
            own = table.filter(pl.col("split") == name)
            own = own.join(later, on="signal_hash", how="anti", maintain_order="left")
            alike, _ = same_recordings(own["signal_shapes"].to_list(), later["signal_shapes"].to_list())
            parts.append(own.filter(~pl.Series(alike, dtype=pl.Boolean)))
        return pl.concat(parts)

    def of(self, split: str) -> pl.DataFrame:
        """All records of "train", "validation" or "test"."""
        return self.records.filter(pl.col("split") == split)

    def split(self, task: Task, name: str) -> Split:
        """The records of a split that carry at least one of the task's labels.

        The others are left out as in the published benchmark (Strodthoff et al. 2020): a record without any diagnostic
        statement, say, is not a negative of every diagnosis but one that nobody diagnosed.

        Raises:
            EsiError: no record is left.
        """
        rows = self.of(name)
        labels_NK = task.labels(rows["codes"].to_list())
        labelled = np.asarray(labels_NK.any(axis=1))
        if not labelled.any():
            raise EsiError(
                f"{self.dataset} has no {name} record with a label of {task.name}: give "
                f"ingest.{self.dataset}.folds.{name} another fold in params.yaml, or remove the task from tasks"
            )
        rows = rows.filter(labelled)
        return Split(rows["record_id"].to_list(), rows["subject_id"].to_list(), labels_NK[labelled])

    def refuse_other_signals(self, model: EcgModel) -> None:
        """Stop where these are not signals as the model was trained on.

        Raises:
            EsiError: their rate or filter is another.
        """
        trained, given = model.config.signal, self._signal
        if trained != given:
            raise EsiError(
                f"the model was trained at {trained.rate} Hz with a high-pass of {trained.highpass_hz} Hz, but signal.rate "
                f"is {given.rate} and signal.highpass_hz {given.highpass_hz} in params.yaml: set them back or pretrain anew"
            )

    def encode(self, model: EcgModel, key: str, split: str, records: list[str], strip: Strip | None = None) -> Encoded:
        """Some records of a split through a model of `Encoders`. The whole split is encoded once, for all tasks.

        Raises:
            EsiError: the model was trained on signals of another rate or filter.
        """
        self.refuse_other_signals(model)
        # A strip is read of the asked records alone: another record of the split may end before it begins.
        every = records if strip else self.of(split)["record_id"].to_list()
        encoded = encode(model, key, self.store, every, self._batch_size, strip)
        place_of = {record: place for place, record in enumerate(every)}
        places = [place_of[record] for record in records]
        return encoded.of(places)


def open_sets(datasets: Iterable[str], signal: Signal, batch_size: int) -> dict[str, EcgSet]:
    """Some of the ingested data sets, by name."""
    return {name: EcgSet(name, ECG, signal, batch_size) for name in datasets}
