"""PTB-XL as PhysioNet distributes it (version 1.0.3): ptbxl_database.csv, scp_statements.csv, records100, records500."""

from __future__ import annotations

import ast
import csv
from pathlib import Path
from typing import Any

import polars as pl

from esi.ecg.entries import ReleaseError, entry_table, require
from esi.ecg.readers.codes import with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.people import age_of
from esi.ecg.reference import scp_statements

REMEDY = (
    "download PTB-XL 1.0.3 from PhysioNet (ptb-xl, 1.8 GB, open access), unpack it there, "
    "or set the data set's ingest root in params.yaml to the folder that holds ptbxl_database.csv"
)
COLUMNS = ["ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold"]
OVER_89 = 300.0  # the release's mark for ages that would identify a subject
AGE_OF_OVER_89 = 90.0


def check(root: Path, rate: int) -> None:
    """Whether PTB-XL lies in a folder, with the signals of this rate and the statements that this project knows.

    Raises:
        ReleaseError: it does not.
    """
    table = require(root / "ptbxl_database.csv", "PTB-XL's table of records", REMEDY)
    require_columns(table, [*COLUMNS, _file_column(rate)], REMEDY)
    other = {100: 500, 500: 100}[rate]
    require(
        root / f"records{rate}",
        f"PTB-XL's signals at {rate} Hz",
        f"download them, or set the data set's ingest rate in params.yaml to {other} if you have records{other}",
    )
    if (root / "scp_statements.csv").exists():
        _same_statements(root / "scp_statements.csv")


def entries(root: Path, rate: int) -> pl.DataFrame:
    """The records of a PTB-XL folder as `entries.SCHEMA`, in the order of its table.

    A statement counts whatever its likelihood: 0 means "unknown" in this release, and the published benchmark (Strodthoff et
    al. 2020) counts them so. A row without a subject is taken as a subject of its own.

    Args:
        root: the folder with ptbxl_database.csv.
        rate: 500 or 100, which of the two copies of the signals.

    Raises:
        ReleaseError: the table is missing, or not PTB-XL's.
    """
    check(root, rate)
    path = root / "ptbxl_database.csv"
    table = read_columns(path, [*COLUMNS, _file_column(rate)], REMEDY).rename({_file_column(rate): "file"})
    rows = entry_table(_row(path, number, row) for number, row in enumerate(table.iter_rows(named=True), start=1))
    descriptions = {code: statement.description for code, statement in scp_statements().items()}
    return with_statements(rows, descriptions, "scp_statements.csv", root)


def _file_column(rate: int) -> str:
    return {100: "filename_lr", 500: "filename_hr"}[rate]


def _row(table: Path, number: int, row: dict[str, str | None]) -> dict[str, Any]:
    try:
        codes = {str(code): float(likelihood) for code, likelihood in ast.literal_eval(row["scp_codes"] or "{}").items()}
        if not all(0 <= likelihood <= 100 for likelihood in codes.values()):
            raise ValueError(codes)
        age = float(row["age"]) if row["age"] and row["age"].lower() != "nan" else None
        if age is not None and age != OVER_89 and age_of(str(age)) is None:
            raise ValueError(age)
        return {
            "record_id": str(int(row["ecg_id"] or "")),
            "subject_id": str(int(float(row["patient_id"]))) if row["patient_id"] else f"record-{row['ecg_id']}",
            "path": f"{(row['file'] or '').removesuffix('.hea')}.hea",
            "age": AGE_OF_OVER_89 if age == OVER_89 else age,
            "sex": {"0": "male", "1": "female"}.get((row["sex"] or "").removesuffix(".0")),
            "fold": _fold(row["strat_fold"]) if row["strat_fold"] else None,
            "codes": list(codes),
            "likelihoods": list(codes.values()),
        }
    except (ValueError, SyntaxError, AttributeError, TypeError, OverflowError, RecursionError, MemoryError):
        shown = {name: row[name] for name in ("ecg_id", "scp_codes", "strat_fold")}
        raise ReleaseError(f"{table}: row {number} below the header is not one of PTB-XL's ({shown}): {REMEDY}") from None


def _fold(text: str) -> int:
    number = float(text)
    if number not in range(1, 11):
        raise ValueError(text)
    return int(number)


def _same_statements(path: Path) -> None:
    """The label tasks go by data/reference/scp_statements.csv: a release that classes its codes otherwise does not fit."""
    columns = ["diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"]
    require_columns(path, columns, REMEDY)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    theirs = {row[0]: dict(zip(rows[0], row, strict=False)) for row in rows[1:] if row}
    differing = [
        code
        for code, ours in scp_statements().items()
        if code not in theirs
        or [theirs[code][flag] in ("1.0", "1") for flag in columns[:3]] != [ours.diagnostic, ours.form, ours.rhythm]
        or [theirs[code][name] for name in columns[3:]] != [ours.superclass, ours.subclass]
    ]
    if differing:
        raise ReleaseError(
            f"{path}: is not that of PTB-XL 1.0.3, for it lacks or classes otherwise {len(differing)} of 71 codes, such as "
            f"{differing[:5]}: the label tasks would not be the published ones; {REMEDY}"
        )
