"""Anybody's own records: a folder of WFDB files, and a table (CSV, TSV or Parquet) of their labels.

docs/your-own-data.md shows how it is used.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from tqdm import tqdm

from esi.ecg.entries import ReleaseError, entry_table, require
from esi.ecg.readers.codes import with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import files_below
from esi.ecg.readers.people import OLDEST, SEXES, age_of
from esi.ecg.reference import scp_statements, snomed_descriptions
from esi.settings.data import WfdbFolder

COLUMNS_REMEDY = "give the names of its columns under the data set's ingest columns in params.yaml, and the table as UTF-8"
_CELL_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_EXTENSIONS = {".hea", ".dat", ".mat"}
_UNKNOWN = {"", "unknown", "nan", "na", "n/a", "none", "null"}
_LARGEST_FOLD = 99


def check(settings: WfdbFolder) -> None:
    """Whether the folder and its table lie there, and the table has the columns that the settings name.

    Raises:
        ReleaseError: something is missing.
    """
    require(settings.root, "the folder of WFDB records", "set the data set's ingest root in params.yaml to it")
    path = require(
        settings.root / settings.table,
        "the table of labels",
        "put it there, or set the data set's ingest table in params.yaml to its path below root",
    )
    if path.suffix == ".parquet":
        try:
            present = list(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, OSError):
            raise ReleaseError(f"{path}: is not a Parquet file: write it anew, or give a .csv or .tsv") from None
        absent = [name for name in _columns(settings) if name not in present]
        if absent:
            raise ReleaseError(f"{path}: columns {absent} are missing among {present}: {COLUMNS_REMEDY}")
    elif path.suffix in _CELL_SEPARATORS:
        require_columns(path, _columns(settings), COLUMNS_REMEDY, _CELL_SEPARATORS[path.suffix])
    else:
        raise ReleaseError(f"{path}: is neither a .csv, .tsv nor .parquet file: save the table as one of them")


def entries(settings: WfdbFolder) -> pl.DataFrame:
    """The records that the table lists as `entries.SCHEMA`, in its order.

    Labels that are text are the record's statements and its codes as well, so that tasks can be defined on them. A record
    without a subject is a subject of its own. Headers below the folder that the table does not list are counted on stderr.

    Raises:
        ReleaseError: a column is missing; a record is listed twice or has no header; an age, sex or fold cannot be
            understood; a subject stands in two folds. The sentence names the row.
    """
    check(settings)
    path = settings.root / settings.table
    cells = tqdm(_table(path, settings).iter_rows(named=True), desc=f"rows of {path.name}", unit="row")
    rows = [
        _row(settings, f"{path}: row {number} below the header", row)
        for number, row in enumerate(cells, start=1)
        if any(row.values())  # spreadsheets write rows of empty cells
    ]
    table = entry_table(rows)
    _refuse_contradictions(path, table)
    unlisted = set(files_below(settings.root, ".hea")) - set(table["path"])
    if unlisted:
        print(f"{path}: does not list {len(unlisted)} records, which are left out, first {min(unlisted)}", file=sys.stderr)
    match settings.labels_are:
        case "scp":
            descriptions = {code: statement.description for code, statement in scp_statements().items()}
            return with_statements(table, descriptions, "scp_statements.csv", settings.root)
        case "snomed":
            return with_statements(table, snomed_descriptions(), "snomed_statements.csv", settings.root)
        case _:
            return table.with_columns(statements="codes")


def _columns(settings: WfdbFolder) -> list[str]:
    return [name for name in settings.columns.model_dump().values() if name is not None]


def _table(path: Path, settings: WfdbFolder) -> pl.DataFrame:
    """The columns that the settings name, as stripped text."""
    if path.suffix == ".parquet":
        try:
            table = pl.read_parquet(path, columns=_columns(settings))
        except (pl.exceptions.PolarsError, OSError):
            raise ReleaseError(f"{path}: is a damaged Parquet file: write it anew") from None
        lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List)]
        table = table.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(settings.separator))
    else:
        table = read_columns(path, _columns(settings), COLUMNS_REMEDY, _CELL_SEPARATORS[path.suffix])
    return table.select(pl.all().cast(pl.String).str.strip_chars().fill_null(""))


def _row(settings: WfdbFolder, place: str, cells: dict[str, str]) -> dict[str, Any]:
    columns = settings.columns
    record = _record(settings.root, place, cells[columns.record])
    labels = [label.strip() for label in cells[columns.labels].split(settings.separator)]
    return {
        "record_id": record,
        "subject_id": (cells[columns.subject] if columns.subject else "") or f"record-{record}",
        "path": f"{record}.hea",
        "age": _age(place, cells[columns.age]) if columns.age else None,
        "sex": _sex(place, cells[columns.sex]) if columns.sex else None,
        "fold": _fold(place, cells[columns.fold]) if columns.fold else None,
        "codes": list(dict.fromkeys(label for label in labels if label.lower() not in _UNKNOWN)),
    }


def _record(root: Path, place: str, text: str) -> str:
    """The record's path below root without its extension."""
    path = PurePosixPath(text.replace("\\", "/"))
    if not text or path.is_absolute() or ".." in path.parts:
        raise ReleaseError(f"{place}: {text!r} is not the path of a record below {root}: correct it or remove the row")
    record = path.with_suffix("") if path.suffix in _EXTENSIONS else path
    if not os.path.isfile(root / f"{record}.hea"):  # False, unlike that of Path, for a name that no file can have
        raise ReleaseError(f"{place}: {root / str(record)}.hea is missing: put it there, or correct or remove the row")
    return str(record)


def _age(place: str, text: str) -> float | None:
    age = age_of(text)
    if age is None and text.lower() not in _UNKNOWN:
        raise ReleaseError(f"{place}: age {text!r} is not in years from 0 to {OLDEST:.0f}: correct it or empty the cell")
    return age


def _sex(place: str, text: str) -> str | None:
    if text.lower() not in SEXES | dict.fromkeys(_UNKNOWN):
        raise ReleaseError(f"{place}: sex {text!r} is none of {sorted(SEXES)}: write one of these or empty the cell")
    return SEXES.get(text.lower())


def _fold(place: str, text: str) -> int | None:
    if text.lower() in _UNKNOWN:
        return None
    number = text.removesuffix(".0")  # of a table that went through pandas
    if not (number.isdecimal() and int(number) <= _LARGEST_FOLD):
        raise ReleaseError(f"{place}: fold {text!r} is not a number from 0 to {_LARGEST_FOLD}: correct it or empty the cell")
    return int(number)


def _refuse_contradictions(path: Path, table: pl.DataFrame) -> None:
    rows = table.select("record_id", "subject_id", "fold", row=pl.int_range(1, pl.len() + 1))
    repeated = rows.filter(pl.col("record_id").is_duplicated())
    if repeated.height:
        twice = repeated.filter(pl.col("record_id") == repeated["record_id"][0])
        raise ReleaseError(
            f"{path}: rows {twice['row'].to_list()} below the header list one record, {twice['record_id'][0]}: keep one row"
        )
    split = rows.filter(pl.col("fold").n_unique().over("subject_id") > 1)
    if split.height:
        one = split.filter(pl.col("subject_id") == split["subject_id"][0])
        raise ReleaseError(
            f"{path}: rows {one['row'].head(20).to_list()} below the header are one subject with the folds "
            f"{one['fold'].unique(maintain_order=True).to_list()}: give all records of a subject the same fold, or none"
        )
