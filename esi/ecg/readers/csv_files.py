"""A release's CSV files as columns of text: absent files, absent columns and broken lines are sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from esi.ecg.entries import ReleaseError


def require_columns(path: Path, columns: Sequence[str], remedy: str, separator: str = ",") -> None:
    """Whether a table has the columns that its reader needs; reads the first line alone.

    Raises:
        ReleaseError: it has not, or it is no such table.
    """
    read_columns(path, columns, remedy, separator, rows=0)


def read_columns(
    path: Path, columns: Sequence[str], remedy: str, separator: str = ",", rows: int | None = None
) -> pl.DataFrame:
    """The named columns of a CSV file (gzipped or not) as text, in that order; empty cells are null.

    Args:
        path: an existing file in UTF-8.
        columns: their names in the first line.
        remedy: what to do about a table that is not as it must be.
        separator: between two cells.
        rows: how many to read; None for all.

    Raises:
        ReleaseError: a column is missing or the file is no CSV file.
    """
    try:
        present = pl.read_csv(path, separator=separator, infer_schema=False, n_rows=0).columns
        absent = [name for name in columns if name not in present]
        if absent:
            raise ReleaseError(f"{path}: columns {absent} are missing among {present}: {remedy}")
        twice = [name for name in columns if f"{name}_duplicated_0" in present]
        if twice:
            raise ReleaseError(f"{path}: columns {twice} stand there twice: rename one of each")
        wanted = list(dict.fromkeys(columns))
        return pl.read_csv(path, separator=separator, infer_schema=False, columns=wanted, n_rows=rows).select(wanted)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0].split("`")[0].strip()  # between backticks it quotes cells, which may be personal
        raise ReleaseError(f"{path}: is not a CSV file in UTF-8 ({reason}): {remedy}") from None
