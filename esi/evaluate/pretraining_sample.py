"""Some ECGs of the pairs that `pairs` made, one a subject: what test records are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from esi.ecg.signals import open_store
from esi.errors import EsiError
from esi.evaluate.encode import Encoded, encode
from esi.model.ecg_model import EcgModel
from esi.settings.data import Signal

DRAWN = ("dataset", "record_id", "subject_id")
BATCH = 16_384  # records whose names are Python objects at one time


def draw(records: pa.Table, most: int) -> pa.Table:
    """At most so many records with the lowest SHA-256 of "dataset/record_id", one a subject, lowest first.

    One a subject, because the permutation test takes records for independent. By the hashes, because `pairs.limit` goes by
    the same: however many pairs a model was trained on, it is tested with the same of them (Fig. 6), if there are enough.
    660,000 records: 0.6 s.

    Args:
        records: columns DRAWN.
    """
    table = records.select(list(DRAWN))
    order = np.argsort(np.fromiter(_numbers(table), np.uint64, len(table)), kind="stable")
    rows: list[int] = []
    seen: set[tuple[str, str]] = set()
    for row in order:
        if len(rows) == most:
            break
        subject = (table["dataset"][row].as_py(), table["subject_id"][row].as_py())
        if subject not in seen:
            seen.add(subject)
            rows.append(int(row))
    return table.take(pa.array(rows, pa.int64()))


def _numbers(table: pa.Table) -> Iterator[int]:
    """The first 8 bytes of each record's hash."""
    for batch in table.to_batches(BATCH):
        for dataset, record in zip(batch["dataset"].to_pylist(), batch["record_id"].to_pylist(), strict=True):
            yield int.from_bytes(hashlib.sha256(f"{dataset}/{record}".encode()).digest()[:8], "big")


class PretrainingSample:
    """ECGs out of the pairs that the model was trained on.

    Attributes:
        records: columns DRAWN, by data set, in the order of their embeddings. parts: their ids, by data set.

    Args:
        pairs: data/pairs/pairs.parquet. ecg_folder: data/ecg. most: how many are drawn at most.
        batch_size: records that are encoded at a time.

    Raises:
        EsiError: they are of fewer than two subjects.
    """

    def __init__(self, pairs: Path, ecg_folder: Path, signal: Signal, most: int, batch_size: int) -> None:
        table = pq.read_table(pairs, columns=list(DRAWN), filters=pc.field("split") == "train")
        self.records = pl.DataFrame(draw(table, most)).sort("dataset", maintain_order=True)
        if self.records.height < 2:
            raise EsiError(
                f"{pairs} holds training pairs of {self.records.height} subjects, and MMD needs two: raise pairs.limit"
            )
        self.parts = {
            str(dataset): part["record_id"].to_list()
            for (dataset,), part in self.records.group_by("dataset", maintain_order=True)
        }
        self._batch_size = batch_size
        self._stores = {dataset: open_store(ecg_folder / dataset, signal) for dataset in self.parts}

    def encode(self, model: EcgModel, key: str) -> Encoded:
        """The sample through a model of `Encoders`."""
        parts = [
            encode(model, key, self._stores[dataset], records, self._batch_size) for dataset, records in self.parts.items()
        ]
        return Encoded(np.concatenate([part.pooled_ND for part in parts]), np.concatenate([part.z_NE for part in parts]))
