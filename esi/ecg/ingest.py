"""A public release in, Parquet tables of standard ECGs out; what cannot be used is listed with its reason."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from esi.ecg.entries import Entry, ReleaseError
from esi.ecg.folds import assign_folds
from esi.ecg.leads import LEADS, SAMPLES
from esi.ecg.readers import challenge, mimic, ptbxl
from esi.ecg.standard import StandardEcg, standardise
from esi.ecg.wfdb_files import RecordError, read_signals
from esi.errors import EsiError
from esi.files import write_table
from esi.params import Ingest

PART_RECORDS = 2048  # a part of 120 MB uncompressed: what one process holds at a time
ROW_GROUP_RECORDS = 64
SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("record_id", pa.string()),
        ("subject_id", pa.string()),
        ("age", pa.float32()),  # years
        ("sex", pa.string()),  # female, male
        ("fold", pa.int16()),
        ("split", pa.string()),  # train, validation, test, unused
        ("codes", pa.list_(pa.string())),
        ("statements", pa.list_(pa.string())),
        ("valid_samples", pa.int32()),
        ("flat_leads", pa.int8()),
        ("nonfinite", pa.float32()),
        ("clipped", pa.float32()),
        ("signal_hash", pa.string()),
        ("signal", pa.binary(len(LEADS) * SAMPLES * 2)),  # [12, 5000] little-endian int16 microvolts at 500 Hz
    ]
)
QUARANTINE_SCHEMA = pa.schema(
    [("dataset", pa.string()), ("record_id", pa.string()), ("reason", pa.string()), ("message", pa.string())]
)


def list_entries(settings: Ingest) -> list[Entry]:
    """The records that a release's own tables name.

    Raises:
        ReleaseError: the release is missing or is not what its format says.
    """
    if settings.format == "ptbxl":
        return ptbxl.entries(settings.root, settings.rate)
    if settings.format == "mimic":
        return mimic.entries(settings.root, settings.patients)
    return challenge.entries(settings.root)


def ingest(dataset: str, settings: Ingest, folder: Path) -> dict[str, Any]:
    """Read a whole release into `folder`: part-00000.parquet, ... and quarantine.parquet.

    Args:
        dataset: the name that the rows get.
        settings: format, place and folds of the release.
        folder: an existing folder, which receives the tables.

    Returns:
        Plain figures for the metrics: records, subjects, splits, quarantine by reason.

    Raises:
        ReleaseError: the release is missing, or not one of its records can be used.
    """
    entries = list_entries(settings)
    folds = assign_folds(entries)
    repeated = [record for record, count in Counter(entry.record_id for entry in entries).items() if count > 1]
    if repeated:
        raise ReleaseError(
            f"{settings.root}: record ids {repeated[:5]} stand there more than once: a record needs an id of its own"
        )
    quarantined: list[dict[str, str]] = []
    counts: Counter[str] = Counter()
    subjects = set()
    signals = _signals(entries, dataset)
    written = 0
    for start in range(0, len(entries), PART_RECORDS):
        rows = []
        for entry, fold in zip(entries[start : start + PART_RECORDS], folds[start : start + PART_RECORDS], strict=True):
            ecg = next(signals)
            if isinstance(ecg, RecordError):
                quarantined.append(
                    {"dataset": dataset, "record_id": entry.record_id, "reason": ecg.reason, "message": str(ecg)}
                )
                continue
            rows.append(_row(dataset, entry, fold, settings.folds.split_of(fold), ecg))
            counts[rows[-1]["split"]] += 1
            subjects.add(entry.subject_id)
        if rows:
            write_table(folder / f"part-{written:05d}.parquet", pa.Table.from_pylist(rows, SCHEMA), ROW_GROUP_RECORDS)
            written += 1
    write_table(folder / "quarantine.parquet", pa.Table.from_pylist(quarantined, QUARANTINE_SCHEMA))
    reasons = Counter(row["reason"] for row in quarantined)
    if not written:
        raise ReleaseError(
            f"{settings.root}: none of {len(entries)} records can be used, for {dict(reasons)}; "
            f"first: {quarantined[0]['message']}"
        )
    return {
        "records": sum(counts.values()),
        "subjects": len(subjects),
        **{f"records_{split}": counts[split] for split in ("train", "validation", "test", "unused")},
        "without_statements": sum(not entry.statements for entry in entries),
        "quarantined": len(quarantined),
        **{f"quarantined_{reason.replace(' ', '_').replace('-', '_')}": count for reason, count in sorted(reasons.items())},
    }


def _row(dataset: str, entry: Entry, fold: int, split: str, ecg: StandardEcg) -> dict[str, Any]:
    signal = ecg.microvolts.astype("<i2").tobytes()
    return {
        "dataset": dataset,
        "record_id": entry.record_id,
        "subject_id": entry.subject_id,
        "age": entry.age,
        "sex": entry.sex,
        "fold": fold,
        "split": split,
        "codes": list(entry.codes),
        "statements": list(entry.statements),
        "valid_samples": ecg.valid_samples,
        "flat_leads": ecg.flat_leads,
        "nonfinite": ecg.nonfinite,
        "clipped": ecg.clipped,
        "signal_hash": hashlib.sha256(signal).hexdigest()[:32],
        "signal": signal,
    }


def read_standard(header: Path) -> StandardEcg | RecordError:
    """One record in the standard form, or the reason why not (an error that crosses processes as a value)."""
    try:
        return standardise(*read_signals(header))
    except RecordError as error:
        return error if str(header) in str(error) else RecordError(error.reason, f"{header}: {error}")


def _signals(entries: Sequence[Entry], dataset: str) -> Iterator[StandardEcg | RecordError]:
    """The entries' signals in order, read by all cores a part at a time, so that memory does not grow with the release."""
    workers = os.cpu_count() or 1
    # spawn: polars holds threads in this process, and a forked child would inherit their locks
    with (
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
        tqdm(total=len(entries), desc=f"ingest {dataset}", unit="record") as bar,
    ):
        for start in range(0, len(entries), PART_RECORDS):
            headers = [entry.header for entry in entries[start : start + PART_RECORDS]]
            for ecg in pool.map(read_standard, headers, chunksize=32):
                bar.update()
                yield ecg


def table_paths(folder: Path) -> list[Path]:
    """The part files of an ingested data set, in order.

    Raises:
        EsiError: there is none.
    """
    paths = sorted(folder.glob("part-*.parquet"))
    if not paths:
        raise EsiError(f"{folder} holds no part-*.parquet: run `dvc repro ingest@{folder.name}`")
    return paths


def signals_of(column: pa.FixedSizeBinaryArray) -> np.ndarray:
    """A batch's `signal` column as int16 microvolts [N, 12, 5000], without a copy."""
    record = len(LEADS) * SAMPLES
    values = np.frombuffer(column.buffers()[1], "<i2")[column.offset * record : (column.offset + len(column)) * record]
    return values.reshape(len(column), len(LEADS), SAMPLES)
