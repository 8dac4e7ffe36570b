"""MIMIC-IV-ECG 1.0 as PhysioNet distributes it: record_list.csv, machine_measurements.csv, files/p1000/..."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from esi.ecg.entries import Entry, ReleaseError, require

REMEDY = (
    "download MIMIC-IV-ECG 1.0 from PhysioNet (mimic-iv-ecg, 90 GB), unpack it there, "
    "or set the data set's ingest root in params.yaml to the folder that holds record_list.csv"
)
PATIENTS_REMEDY = (
    "download hosp/patients.csv.gz of MIMIC-IV (a credentialed set of PhysioNet) and set the data set's ingest patients in "
    "params.yaml to it, or to null to go without ages and sexes"
)
REPORTS = 18  # report_0 .. report_17


def entries(root: Path, patients: Path | None) -> list[Entry]:
    """The records of a MIMIC-IV-ECG folder, with the cart's statements; age and sex come from MIMIC-IV's patients.

    The age at the recording is anchor_age plus the years since anchor_year, as MIMIC-IV defines it.

    Raises:
        ReleaseError: a table is missing or lacks a column.
    """
    records = _table(
        require(root / "record_list.csv", "MIMIC-IV-ECG's list of records", REMEDY),
        ["subject_id", "study_id", "ecg_time", "path"],
    )
    reports = [f"report_{number}" for number in range(REPORTS)]
    measurements_path = require(root / "machine_measurements.csv", "MIMIC-IV-ECG's machine reports", REMEDY)
    measurements = _table(measurements_path, ["study_id", *reports])
    if patients is not None:
        require(patients, "MIMIC-IV's table of patients", PATIENTS_REMEDY)
        people = _table(patients, ["subject_id", "gender", "anchor_age", "anchor_year"])
    else:
        people = pl.DataFrame(schema=dict.fromkeys(["subject_id", "gender", "anchor_age", "anchor_year"], pl.String))
    table = (
        records.join(measurements, on="study_id", how="left", validate="m:1")
        .join(people, on="subject_id", how="left", validate="m:1")
        .with_columns(
            age=pl.col("anchor_age").cast(pl.Float64, strict=False)
            + pl.col("ecg_time").str.slice(0, 4).cast(pl.Float64, strict=False)
            - pl.col("anchor_year").cast(pl.Float64, strict=False)
        )
    )
    return [
        Entry(
            record_id=row["study_id"],
            subject_id=row["subject_id"],
            header=root / f"{row['path']}.hea",
            age=row["age"],
            sex={"M": "male", "F": "female"}.get(row["gender"] or ""),
            statements=tuple(text for name in reports if (text := (row[name] or "").strip())),
        )
        for row in table.iter_rows(named=True)
    ]


def _table(path: Path, columns: list[str]) -> pl.DataFrame:
    """The named columns of a CSV file (gzipped or not), all as text."""
    table = pl.read_csv(path, infer_schema=False)
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise ReleaseError(f"{path}: columns {absent} are missing: it has {table.columns}")
    return table.select(columns)
