"""A shard of a release: some hundred records, read, measured and written as one part file by one process.

Memory is that of a row group and of one record as it is stored. A finished shard's files carry all that they depend on in
their name: a run that was killed finds them again, but not after a raw file, a setting or a line of this code has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from esi.closure import code_hash
from esi.ecg.leads import LEADS, SAMPLES
from esi.ecg.readers.reader import Reader
from esi.ecg.signal_shape import shapes
from esi.ecg.standard import StandardEcg, windows
from esi.ecg.tables import COMPRESSION, QUARANTINE_SCHEMA, ROW_GROUP_RECORDS, SCHEMA
from esi.ecg.wfdb.header import RecordError
from esi.files import content_hash, replacing, write_table
from esi.sealed import drop, seal, unsealed
from esi.settings.data import Quality

FROM_ENTRY = ("subject_id", "people", "age", "sex", "fold", "split", "codes", "likelihoods", "statements")
FROM_ECG = (
    "source_rate", "source_seconds", "window", "valid_samples", "flat_leads", "nonfinite", "clipped", "derived_leads",
    "checksum_errors",
)  # fmt: skip


@dataclass(frozen=True)
class ShardFiles:
    """What a finished shard leaves; it is whole where all are there, as they were written."""

    part: Path  # without a row where no record of the shard is usable
    quarantine: Path
    sums: Path  # the checksums of both

    def whole(self) -> bool:
        """Whether the shard is finished; damaged files are named and dropped."""
        reason = unsealed(self.sums, [self.part, self.quarantine])
        left = [path for path in (self.part, self.quarantine, self.sums) if path.exists()]
        if reason and len(left) == 3:
            for path in left:
                drop(path, reason)
        return not reason


@dataclass(frozen=True)
class Shard:
    """Some records of a release, in order."""

    dataset: str
    reader: Reader[Any]
    every_window: bool
    limits: Quality
    entries: pl.DataFrame  # with fold and split
    work: Path

    def files(self) -> ShardFiles:
        """Where its results go: named by all that they depend on, the state of the raw files and this code included."""
        settings = f"{self.dataset} {self.every_window} {self.limits.model_dump_json()}"
        rows = BytesIO()
        self.entries.rechunk().write_ipc(rows)
        opening = {part.__module__ for part in (type(self.reader).open, type(self.reader).files)}
        paths = self.entries["path"].unique(maintain_order=True)
        key = content_hash(settings, rows.getvalue(), code_hash(__name__, *sorted(opening)), *map(self._state, paths))[:32]
        return ShardFiles(*(self.work / f"{key}.{end}" for end in ("parquet", "quarantine.parquet", "sums.json")))

    def _state(self, path: str) -> str:
        """Sizes and times of a record's files: a file that was mended since a killed run is read anew."""
        states = []
        for file in self.reader.files(path):
            try:
                stat = file.stat()
                states.append((file.name, stat.st_size, stat.st_mtime_ns))
            except OSError:
                continue
        return str(states)


class RowGroup:
    """The rows of one row group, whose signals share one block of memory."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._signals_NCT = np.empty((ROW_GROUP_RECORDS, len(LEADS), SAMPLES), "<i2")

    def add(self, dataset: str, record_id: str, entry: dict[str, Any], ecg: StandardEcg) -> None:
        """Take in one ECG and what the release says of it."""
        self._signals_NCT[len(self.rows)] = ecg.microvolts
        self.rows.append(
            {
                "dataset": dataset,
                "record_id": record_id,
                **{name: entry[name] for name in FROM_ENTRY},
                **{name: getattr(ecg, name) for name in FROM_ECG},
                **vars(ecg.noise),
                "signal_hash": hashlib.sha256(self._signals_NCT[len(self.rows)]).hexdigest()[:32],
                "signal_shapes": shapes(ecg.microvolts, ecg.valid_samples),
            }
        )

    def table(self) -> pa.Table:
        """The rows as `tables.SCHEMA`."""
        column = SCHEMA.get_field_index("signal")
        signals = pa.py_buffer(self._signals_NCT[: len(self.rows)])
        kind = SCHEMA.field(column).type
        table = pa.Table.from_pylist(self.rows, SCHEMA.remove(column))
        blob = pa.FixedSizeBinaryArray.from_buffers(kind, len(self.rows), [None, signals])
        return table.append_column(SCHEMA.field(column), blob)


def write_shard(shard: Shard, advance: Callable[[int], object]) -> ShardFiles:
    """Read a shard's records and write its files, unless they are there already.

    Args:
        shard: which records.
        advance: told how many records more are done.
    """
    files = shard.files()
    if files.whole():
        advance(shard.entries.height)
        return files
    quarantined: list[dict[str, str]] = []
    # BLAS by one thread: the products of signal_shape.py are small, and several threads cost forty times as much
    with (
        threadpool_limits(1, "blas"),
        replacing(files.part) as temporary,
        pq.ParquetWriter(temporary, SCHEMA, **COMPRESSION) as writer,
        shard.reader as reader,
    ):
        group = RowGroup()
        for entry in shard.entries.iter_rows(named=True):
            for number, ecg in enumerate(_read(reader, entry["path"], entry["place"], shard.every_window, shard.limits)):
                record_id = entry["record_id"] + (f"-w{number}" if number else "")
                if isinstance(ecg, RecordError):
                    message = str(ecg).replace(f"{reader.root}/", "")
                    quarantined.append(
                        {"dataset": shard.dataset, "record_id": record_id, "reason": ecg.reason, "message": message}
                    )
                else:
                    group.add(shard.dataset, record_id, entry, ecg)
                if len(group.rows) == ROW_GROUP_RECORDS:
                    writer.write_table(group.table())
                    group.rows.clear()
            advance(1)
        if group.rows:
            writer.write_table(group.table())
    write_table(files.quarantine, pa.Table.from_pylist(quarantined, QUARANTINE_SCHEMA))
    seal(files.sums, [files.part, files.quarantine])
    return files


def _read(
    reader: Reader[Any], path: str, place: int | None, every: bool, limits: Quality
) -> Iterator[StandardEcg | RecordError]:
    """One record's windows in standard form, or the reason why not."""
    try:
        record = reader.open(path, place)
        for ecg in windows(record.signals, record.names, record.rate, every, limits, record.checksum_errors):
            yield _with_path(ecg, path) if isinstance(ecg, RecordError) else ecg
    except RecordError as error:
        yield _with_path(error, path)


def _with_path(error: RecordError, path: str) -> RecordError:
    return error if path in str(error) else RecordError(error.reason, f"{path}: {error}")
