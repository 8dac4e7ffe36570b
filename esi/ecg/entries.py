"""What a data set's own tables say of its records, before a signal is read: one row a record, in columns.

Columns, not objects: 800,000 records with their statements would take gigabytes as Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from esi.errors import EsiError

SCHEMA = pl.Schema(
    {
        "record_id": pl.String(),  # unique within the data set
        "subject_id": pl.String(),
        "path": pl.String(),  # of the file that opens the record (.hea, .mat, .hdf5), relative to the set's root
        "place": pl.Int64(),  # which of that file's records it is, from 0; null where the file holds one
        "age": pl.Float32(),  # years; null where unknown
        "sex": pl.String(),  # female, male or null
        "fold": pl.Int16(),  # where the release publishes one, else null
        "codes": pl.List(pl.String()),  # SCP or SNOMED CT codes
        "likelihoods": pl.List(pl.Float32()),  # per cent, one a code, 0 for unknown; empty where the release gives none
        "statements": pl.List(pl.String()),  # label texts, as the release words them
        "fault": pl.String(),  # why the row cannot be used, else null; its other columns hold what could be read of it
    }
)
OwnLabels = Mapping[str, Sequence[str]]  # of a set's own map: the statements that a label stands for


class ReleaseError(EsiError):
    """A data set is not where or what it should be; the message says what to download and where to put it."""


class RowError(ValueError):
    """A row of a table cannot be used; the message names the row and what to do."""


def entry_table(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows with keys of `SCHEMA` as a table of entries: absent keys are null, absent lists empty, others are passed over."""
    empty: dict[str, Any] = {name: [] if isinstance(kind, pl.List) else None for name, kind in SCHEMA.items()}
    return pl.DataFrame([{name: row.get(name, empty[name]) for name in SCHEMA} for row in rows], schema=SCHEMA, orient="row")


def require(path: Path, what: str, remedy: str) -> Path:
    """`path` itself if it exists.

    Raises:
        ReleaseError: it does not; the sentence names the path, what it should be, and what to do.
    """
    if not path.exists():
        raise ReleaseError(f"{path} is missing ({what}): {remedy}")
    return path
