"""MIMIC-IV-ECG 1.0 as PhysioNet distributes it: record_list.csv, machine_measurements.csv, files/p1000/..."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from esi.ecg.entries import SCHEMA, ReleaseError, require
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.people import OLDEST

REMEDY = (
    "download MIMIC-IV-ECG 1.0 from PhysioNet (mimic-iv-ecg, 90 GB), unpack it there, "
    "or set the data set's ingest root in params.yaml to the folder that holds record_list.csv"
)
PATIENTS_REMEDY = (
    "download hosp/patients.csv.gz of MIMIC-IV (a credentialed set of PhysioNet) and set the data set's ingest patients in "
    "params.yaml to it, or to null to go without ages and sexes"
)
RECORDS = ["subject_id", "study_id", "ecg_time", "path"]
REPORTS = [f"report_{number}" for number in range(18)]
PATIENTS = ["subject_id", "gender", "anchor_age", "anchor_year"]


def check(root: Path, patients: Path | None) -> None:
    """Whether MIMIC-IV-ECG lies in a folder, and MIMIC-IV's patients where they are said to be.

    Raises:
        ReleaseError: one of them does not.
    """
    require_columns(require(root / "record_list.csv", "MIMIC-IV-ECG's list of records", REMEDY), RECORDS, REMEDY)
    reports = require(root / "machine_measurements.csv", "MIMIC-IV-ECG's machine reports", REMEDY)
    require_columns(reports, ["study_id", *REPORTS], REMEDY)
    require(root / "files", "MIMIC-IV-ECG's signals", REMEDY)
    if patients is not None:
        require_columns(require(patients, "MIMIC-IV's table of patients", PATIENTS_REMEDY), PATIENTS, PATIENTS_REMEDY)


def entries(root: Path, patients: Path | None) -> pl.DataFrame:
    """The records of a MIMIC-IV-ECG folder as `entries.SCHEMA`, in the order of record_list.csv, with the cart's statements.

    Age and sex come from MIMIC-IV's patients; the age at the recording is anchor_age plus the years since anchor_year, as
    MIMIC-IV defines it.

    Raises:
        ReleaseError: a table is missing, lacks a column, or has two rows for one record or patient.
    """
    check(root, patients)
    records_path, reports_path = root / "record_list.csv", root / "machine_measurements.csv"
    records = _one_row_each(records_path, read_columns(records_path, RECORDS, REMEDY), "study_id")
    table = records.join(_reports(reports_path), on="study_id", how="left", maintain_order="left")
    _say_absent(table["statements"], reports_path, "study_id")
    if patients is None:
        table = table.with_columns(age=pl.lit(None, SCHEMA["age"]), sex=pl.lit(None, pl.String))
    else:
        table = table.join(_people(patients), on="subject_id", how="left", maintain_order="left")
        _say_absent(table["anchor_age"], patients, "subject_id")
        year = pl.col("ecg_time").str.slice(0, 4).cast(pl.Float32, strict=False)
        age = pl.col("anchor_age") + year - pl.col("anchor_year")
        table = table.with_columns(age=pl.when(age.is_between(0, OLDEST)).then(age))
    return table.select(
        record_id="study_id",
        subject_id="subject_id",
        path=pl.col("path").str.strip_suffix(".hea") + ".hea",
        age="age",
        sex="sex",
        fold=pl.lit(None, SCHEMA["fold"]),
        codes=pl.lit([], SCHEMA["codes"]),
        likelihoods=pl.lit([], SCHEMA["likelihoods"]),
        statements=pl.col("statements").fill_null(pl.lit([], SCHEMA["statements"])),
    )


def _say_absent(joined: pl.Series, path: Path, key: str) -> None:
    if joined.null_count():
        print(
            f"{path}: has no row for the {key} of {joined.null_count()} of {len(joined)} records, whose cells stay empty",
            file=sys.stderr,
        )


def _reports(path: Path) -> pl.DataFrame:
    """study_id and the statements of its machine report, empty cells left out."""
    table = _one_row_each(path, read_columns(path, ["study_id", *REPORTS], REMEDY), "study_id")
    cells = [pl.col(name).str.strip_chars().replace("", None) for name in REPORTS]
    return table.select("study_id", statements=pl.concat_list(cells).list.drop_nulls())


def _people(path: Path) -> pl.DataFrame:
    table = _one_row_each(path, read_columns(path, PATIENTS, PATIENTS_REMEDY), "subject_id")
    return table.select(
        "subject_id",
        pl.col("anchor_age", "anchor_year").cast(pl.Float32, strict=False),
        sex=pl.col("gender").replace_strict({"M": "male", "F": "female"}, default=None, return_dtype=pl.String),
    )


def _one_row_each(path: Path, table: pl.DataFrame, key: str) -> pl.DataFrame:
    """The table without rows that repeat another one in full."""
    for name in [name for name in ("study_id", "subject_id", "path") if name in table.columns]:
        empty = table[name].is_null().arg_true()
        if len(empty):
            raise ReleaseError(f"{path}: row {empty[0] + 1} below the header has no {name}: complete it, or {REMEDY}")
    if not table[key].is_duplicated().any():
        return table
    table = table.unique(maintain_order=True)
    repeated = table[key].filter(table[key].is_duplicated())
    if len(repeated):
        raise ReleaseError(
            f"{path}: {repeated.n_unique()} values of {key} stand there with two different rows, first {repeated[0]}: "
            "keep the row that is right"
        )
    return table
