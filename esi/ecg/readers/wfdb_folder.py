"""Anybody's own records: a folder of WFDB files, and a table (CSV, TSV or Parquet) of their labels.

docs/your-own-data.md shows how it is used.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from os.path import isfile
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from tqdm import tqdm

from esi.ecg.entries import OwnLabels, ReleaseError, RowError, entry_table, require
from esi.ecg.readers.cells import whole
from esi.ecg.readers.codes import (
    CodeTable,
    folded,
    scp_table,
    snomed_table,
    with_own_statements,
    with_statements,
)
from esi.ecg.readers.csv_files import Table, read_columns, require_columns
from esi.ecg.readers.folders import files_below, path_below
from esi.ecg.readers.free_text import split_statements
from esi.ecg.readers.people import OLDEST, SEXES, age_of, sex_of
from esi.ecg.readers.reader import Reader
from esi.ecg.readers.table_rows import read_rows, refuse
from esi.errors import shown
from esi.settings.data import WfdbFolder

COLUMNS_REMEDY = "give the names of its columns under the data set's ingest columns in params.yaml, and the table as UTF-8"
_CELL_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_EXTENSIONS = {".hea", ".dat", ".mat"}
_UNKNOWN = {"", "unknown", "nan", "na", "n/a", "none", "null"}
_LARGEST_FOLD = 99


class OwnFolder(Reader[WfdbFolder]):
    """Whose subjects these are, `release` of the settings tells, or the names of the records."""

    def check(self) -> None:
        check(self.settings)

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        return entries(self.settings, own)


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


def entries(settings: WfdbFolder, own: OwnLabels | None = None) -> pl.DataFrame:
    """The records that the table lists as `entries.SCHEMA`, in its order.

    Labels that are text are the record's statements and its codes as well, so that tasks can be defined on them. A record
    without a subject is a subject of its own. A row that cannot be understood, that contradicts another or names a path out
    of the folder has a fault. Headers below the folder that the table does not list are counted on stderr.

    Args:
        settings: where the folder and its table lie, and what the columns hold.
        own: the set's own map of labels.

    Raises:
        ReleaseError: a column is missing, or not one of the codes is known.
    """
    check(settings)
    path = settings.root / settings.table
    codes = {"scp": scp_table, "snomed": snomed_table}[settings.labels_are]() if settings.labels_are != "text" else None
    codes = codes and codes.with_own(own or {})
    table = _table(path, settings)
    whole_labels = {folded(label) for label in own or {}}
    with tqdm(total=table.cells.height, desc=f"rows of {path.name}", unit="row") as bar:

        def read(place: str, cells: dict[str, str | None]) -> dict[str, Any]:
            bar.update()
            return _row(settings, codes, whole_labels, place, {name: cell or "" for name, cell in cells.items()})

        rows = read_rows(path, table, settings.columns.record, read)
    _refuse_divided_subjects(path, rows)
    entries = entry_table(rows)
    unlisted = set(files_below(settings.root, ".hea")).difference(entries["path"].drop_nulls())
    if unlisted:
        print(f"{path}: does not list {len(unlisted)} records, which are left out, first {min(unlisted)}", file=sys.stderr)
    if codes is None:
        return with_own_statements(entries.with_columns(statements="codes"), own or {})
    return with_statements(entries, codes, path)


def _columns(settings: WfdbFolder) -> list[str]:
    return [name for name in settings.columns.model_dump().values() if name is not None]


def _table(path: Path, settings: WfdbFolder) -> Table:
    """The columns that the settings name, as stripped text."""
    if path.suffix != ".parquet":
        return read_columns(path, _columns(settings), COLUMNS_REMEDY, _CELL_SEPARATORS[path.suffix])
    try:
        table = pl.read_parquet(path, columns=_columns(settings))
    except (pl.exceptions.PolarsError, OSError):
        raise ReleaseError(f"{path}: is a damaged Parquet file: write it anew") from None
    lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List)]
    table = table.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(settings.separator))
    return Table(table.select(pl.all().cast(pl.String).str.strip_chars()), pl.Series([None] * table.height, dtype=pl.String))


def _row(settings: WfdbFolder, codes: CodeTable | None, own: set[str], place: str, cells: dict[str, str]) -> dict[str, Any]:
    columns = settings.columns
    record = _record(settings, place, cells[columns.record])
    labels = [label.strip() for label in cells[columns.labels].split(settings.separator)]
    labels = [label for label in labels if label.lower() not in _UNKNOWN]
    if codes is not None:
        labels = [code for label in labels for code in codes.codes_of(label)]
    else:  # what the set's own map has is one label, however it is written
        labels = [each for label in labels for each in ([label] if folded(label) in own else split_statements(label))]
    return {
        "record_id": record,
        "subject_id": (cells[columns.subject] if columns.subject else "") or f"record-{record}",
        "path": f"{record}.hea",
        "age": _age(place, cells[columns.age]) if columns.age else None,
        "sex": _sex(place, cells[columns.sex]) if columns.sex else None,
        "fold": _fold(place, cells[columns.fold]) if columns.fold else None,
        "codes": list(dict.fromkeys(labels)),
    }


def _record(settings: WfdbFolder, place: str, text: str) -> str:
    """The record's path below root without its extension."""
    text = text.replace("\\", "/")
    extension = PurePosixPath(text).suffix
    record = text.removesuffix(extension) if extension in _EXTENSIONS else text
    folder = settings.table.parent.as_posix()
    found = path_below(settings.root, f"{record}.hea", folder) if record else None
    if found and (digits := whole(record)) not in (None, record) and not isfile(settings.root / found):
        named = path_below(settings.root, f"{digits}.hea", folder)  # 1000001.0 of a table that went through pandas
        found = named if named and isfile(settings.root / named) else found
    if found is None or PurePosixPath(found).name == ".hea":
        raise RowError(
            f"{place}: {shown(text)!r} is not the path of a record below {settings.root}: correct it or remove the row"
        )
    return PurePosixPath(found.removesuffix(".hea")).as_posix()


def _age(place: str, text: str) -> float | None:
    age = age_of(text)
    if age is None and text.lower() not in _UNKNOWN:
        raise RowError(f"{place}: age {shown(text)!r} is not in years from 0 to {OLDEST:.0f}: correct it or empty the cell")
    return age


def _sex(place: str, text: str) -> str | None:
    sex = sex_of(text)
    if sex is None and text.lower() not in _UNKNOWN:
        raise RowError(f"{place}: sex {shown(text)!r} is none of {sorted(SEXES)}: write one of these or empty the cell")
    return sex


def _fold(place: str, text: str) -> int | None:
    if text.lower() in _UNKNOWN:
        return None
    fold = whole(text)  # 3.0 of a table that went through pandas
    if fold is None or int(fold) > _LARGEST_FOLD:
        raise RowError(
            f"{place}: fold {shown(text)!r} is not a number from 0 to {_LARGEST_FOLD}: correct it or empty the cell"
        )
    return int(fold)


def _refuse_divided_subjects(path: Path, rows: list[dict[str, Any]]) -> None:
    of_subject = defaultdict(list)
    for row in rows:
        if row.get("fault") is None:
            of_subject[row["subject_id"]].append((row["row"], row))
    for same in of_subject.values():
        folds = list(dict.fromkeys(row["fold"] for _, row in same))
        if len(folds) > 1:
            remedy = "give all records of a subject the same fold, or none"
            refuse(path, same, f"are one subject with the folds {folds}", remedy)
