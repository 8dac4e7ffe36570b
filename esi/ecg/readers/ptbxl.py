"""PTB-XL as PhysioNet distributes it (version 1.0.3): ptbxl_database.csv, records100, records500."""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl

from esi.ecg.entries import Entry, ReleaseError, require
from esi.ecg.reference import scp_statements

REMEDY = (
    "download PTB-XL 1.0.3 from PhysioNet (ptb-xl, 1.8 GB, open access), unpack it there, "
    "or set the data set's ingest root in params.yaml to the folder that holds ptbxl_database.csv"
)
OVER_89 = 300.0  # the release's mark for ages that would identify a subject
AGE_OF_OVER_89 = 90.0


def entries(root: Path, rate: int) -> list[Entry]:
    """The records of a PTB-XL folder.

    A statement counts whatever its likelihood: 0 means "unknown" in this release, and the published benchmark (Strodthoff et
    al. 2020) counts them so. A row without a subject is taken as a subject of its own.

    Args:
        root: the folder with ptbxl_database.csv.
        rate: 500 or 100, which of the two copies of the signals.

    Raises:
        ReleaseError: the table is missing, or not PTB-XL's.
    """
    table_path = require(root / "ptbxl_database.csv", "PTB-XL's table of records", REMEDY)
    table = pl.read_csv(table_path, infer_schema=False)
    file_column = "filename_hr" if rate == 500 else "filename_lr"
    needed = ["ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", file_column]
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise ReleaseError(f"{table_path}: columns {absent} are missing: is it PTB-XL 1.0.3?")
    return [_entry(root, row, file_column) for row in table.select(needed).iter_rows(named=True)]


def _entry(root: Path, row: dict[str, str | None], file_column: str) -> Entry:
    record_id = str(row["ecg_id"])
    try:
        codes = tuple(ast.literal_eval(row["scp_codes"] or "{}"))
    except (ValueError, SyntaxError):
        raise ReleaseError(
            f"{root / 'ptbxl_database.csv'}: ecg_id {record_id}: scp_codes {row['scp_codes']!r} is no Python dict"
        ) from None
    known = scp_statements()
    return Entry(
        record_id=record_id,
        subject_id=str(int(float(row["patient_id"]))) if row["patient_id"] else f"record-{record_id}",
        header=root / f"{row[file_column]}.hea",
        age=_age(row["age"]),
        sex={"0": "male", "1": "female"}.get(row["sex"] or ""),
        fold=int(float(row["strat_fold"])) if row["strat_fold"] else None,
        codes=codes,
        statements=tuple(known[code].description for code in codes if code in known),
    )


def _age(text: str | None) -> float | None:
    if not text:
        return None
    age = float(text)
    return AGE_OF_OVER_89 if age == OVER_89 else age
