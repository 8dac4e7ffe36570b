"""The Parquet tables of an ingested data set: data/ecg/<set>/part-*.parquet, one row an ECG, and quarantine.parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from esi.ecg.leads import LEADS, SAMPLES
from esi.errors import EsiError

ROW_GROUP_RECORDS = 64  # 7.7 MB of signal: a scan decodes them at full speed, a random row costs one of them
# Plain samples, so that any Parquet reader has them without decoding. On 299 real records zstd takes 54 KB and 0.50 ms a
# record at level 1, 46 KB and 0.73 ms at level 3; differences of samples take 39 KB, but no reader would expect them.
COMPRESSION: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "use_dictionary": ["dataset", "sex", "split"]}
SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("record_id", pa.string()),  # a further window of a long record has an id of its own: "A0001-w1"
        ("subject_id", pa.string()),
        ("people", pa.list_(pa.string())),  # keys of subject and record that another set of the same release shares
        ("age", pa.float32()),  # years
        ("sex", pa.string()),  # female, male
        ("fold", pa.int16()),
        ("split", pa.string()),  # train, validation, test, unused
        ("codes", pa.list_(pa.string())),  # SCP or SNOMED CT
        ("likelihoods", pa.list_(pa.float32())),  # per cent, one a code; empty where the release gives none
        ("statements", pa.list_(pa.string())),  # as the release words them
        ("source_rate", pa.float32()),  # Hz, of the file
        ("source_seconds", pa.float32()),  # of the whole record without padding, however much of it this row holds
        ("window", pa.int16()),  # which ten seconds of the record, from 0
        ("valid_samples", pa.int32()),  # the rest is padding
        ("flat_leads", pa.int8()),
        ("flat_fraction", pa.float32()),  # of leads and time
        ("nonfinite", pa.float32()),  # share of samples that were invalid and are interpolated
        ("clipped", pa.float32()),  # share of samples beyond +-32.767 mV
        ("derived_leads", pa.int8()),  # limb leads that the file lacks and that follow from others
        ("checksum_errors", pa.int8()),  # signals that are not what their header lines say; null where nothing is said
        ("wander_uv", pa.float32()),  # RMS below 0.5 Hz
        ("mains_uv", pa.float32()),  # RMS of the 50 or 60 Hz line; null where the file's rate cannot hold it
        ("muscle_uv", pa.float32()),  # RMS from 40 Hz upwards, QRS and mains left out
        ("signal_hash", pa.string()),
        ("signal_shapes", pa.binary()),  # what another rate hardly changes (signal_shape.py); null without a beat
        ("signal", pa.binary(len(LEADS) * SAMPLES * 2)),  # [12, 5000] little-endian int16 microvolts at 500 Hz
    ]
)
IDENTITY: dict[str, Any] = {"people": pl.List(pl.String), "signal_shapes": pl.Binary}
QUARANTINE_SCHEMA = pa.schema(
    [("dataset", pa.string()), ("record_id", pa.string()), ("reason", pa.string()), ("message", pa.string())]
)


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


def identified(records: pl.DataFrame) -> pl.DataFrame:
    """Records with `people` and `signal_shapes` in every case: tables of an earlier version lack them, and a row without
    people is known by its set's name and its subject.
    """
    absent = {name: kind for name, kind in IDENTITY.items() if name not in records.columns}
    records = records.with_columns(pl.lit(None, kind).alias(name) for name, kind in absent.items())
    by_set = pl.concat_list(pl.concat_str(["dataset", "subject_id"], separator="/"))
    return records.with_columns(people=pl.coalesce("people", by_set))
