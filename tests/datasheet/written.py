"""Ingested tables as the tests write them: the ingest's schema, made-up rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from esi import params
from esi.ecg.tables import QUARANTINE_SCHEMA, SCHEMA
from esi.files import write_table
from esi.params import Params
from esi.settings.data import Folds, Ingest, PtbxlRelease, Release
from tests.conftest import ROOT

UNREAD = pa.schema([field for field in SCHEMA if field.name != "signal"])  # whoever reads a signal fails on these tables
PLAIN: dict[str, Any] = {
    "dataset": "mine",
    "age": 50.0,
    "sex": "female",
    "fold": 1,
    "split": "train",
    "codes": [],
    "likelihoods": [],
    "statements": [],
    "source_rate": 500.0,
    "source_seconds": 10.0,
    "window": 0,
    "valid_samples": 5000,
    "flat_leads": 0,
    "flat_fraction": 0.0,
    "nonfinite": 0.0,
    "clipped": 0.0,
    "wander_uv": 20.0,
    "mains_uv": 2.0,
    "muscle_uv": 5.0,
}
FOLDS = Folds(train=[1, 2, 3, 4, 5, 6, 7, 8], validation=[9], test=[10])


def write_set(
    folder: Path, rows: Sequence[Mapping[str, Any]], refused: Sequence[tuple[str, str]] = (), parts: int = 1
) -> Path:
    """A data set's tables; what a row leaves out is as in `PLAIN`, its subject and its signal its own.

    Args:
        folder: of the data set.
        rows: what is particular about each row.
        refused: (record id, reason) of the quarantine.
        parts: how many part files.
    """
    whole = [
        PLAIN | {"record_id": str(number), "subject_id": f"s{number}", "signal_hash": f"{folder.name}{number}"} | dict(row)
        for number, row in enumerate(rows)
    ]
    for part in range(parts):
        write_table(folder / f"part-{part:05d}.parquet", pa.Table.from_pylist(whole[part::parts], UNREAD))
    quarantine = [
        {"dataset": folder.name, "record_id": record, "reason": reason, "message": f"/home/me/{record}.hea"}
        for record, reason in refused
    ]
    write_table(folder / "quarantine.parquet", pa.Table.from_pylist(quarantine, QUARANTINE_SCHEMA))
    return folder


def ptbxl_at(root: Path) -> PtbxlRelease:
    return PtbxlRelease(root=root, watch=".", windows="first", folds=FOLDS, format="ptbxl", rate=500)


def challenge_at(root: Path) -> Release:
    return Release(root=root, watch=".", windows="first", folds=FOLDS, format="challenge")


def settings_with(ingest: Mapping[str, Ingest], simulated: Path) -> Params:
    """The project's parameters with other data sets, the first of them in the pairs."""
    loaded = params.load(ROOT / "params.yaml")
    return loaded.model_copy(
        update={
            "ingest": dict(ingest),
            "simulate": loaded.simulate.model_copy(update={"folder": simulated}),
            "pairs": loaded.pairs.model_copy(update={"sets": [next(iter(ingest))]}),
        }
    )
