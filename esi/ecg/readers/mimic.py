"""MIMIC-IV-ECG 1.0 as PhysioNet distributes it: record_list.csv, machine_measurements.csv, files/p1000/..."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from esi.ecg.entries import SCHEMA, OwnLabels, require
from esi.ecg.readers.cells import whole
from esi.ecg.readers.codes import with_own_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import path_below
from esi.ecg.readers.people import OLDEST
from esi.ecg.readers.reader import Reader
from esi.settings.data import MimicRelease

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


class Mimic(Reader[MimicRelease]):
    """With MIMIC-IV's table of patients, where the settings name one."""

    release = "mimic-iv-ecg"

    def check(self) -> None:
        check(self.root, self.settings.patients)

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        return entries(self.root, self.settings.patients, own)


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


def entries(root: Path, patients: Path | None, own: OwnLabels | None = None) -> pl.DataFrame:
    """The records of a MIMIC-IV-ECG folder as `entries.SCHEMA`, in the order of record_list.csv, with the cart's statements.

    Age and sex come from MIMIC-IV's patients; the age at the recording is anchor_age plus the years since anchor_year, as
    MIMIC-IV defines it. A record whose row in record_list.csv or machine_measurements.csv is broken, or stands there twice
    and says two things, has a fault; what the three tables lack of one another is said on stderr.

    Args:
        root: the folder with record_list.csv.
        patients: MIMIC-IV's table of patients; None to go without ages and sexes.
        own: the set's own map of labels.

    Raises:
        ReleaseError: a table is missing or lacks a column.
    """
    check(root, patients)
    records_path, reports_path = root / "record_list.csv", root / "machine_measurements.csv"
    records = _rows(records_path, RECORDS, REMEDY, ["study_id", "subject_id", "path"], "study_id")
    paths = [path if path is None else path_below(root, f"{path.removesuffix('.hea')}.hea") for path in records["path"]]
    records = records.with_columns(path=pl.Series(paths, dtype=pl.String))
    outside = records["path"].is_null() & records["fault"].is_null()
    records = records.with_columns(fault=_fault(records_path, outside, "names a path that leads out of the set"))
    reports = _reports(reports_path, records["study_id"])
    table = records.join(reports, on="study_id", how="left", maintain_order="left")
    table = table.with_columns(fault=pl.coalesce("fault", "report_fault"))
    _say_absent(table.filter(pl.col("fault").is_null())["statements"], reports_path, "study_id")
    if patients is None:
        table = table.with_columns(age=pl.lit(None, SCHEMA["age"]), sex=pl.lit(None, pl.String))
    else:
        table = table.join(_people(patients), on="subject_id", how="left", maintain_order="left")
        _say_absent(table["anchor_age"], patients, "subject_id")
        year = pl.col("ecg_time").str.slice(0, 4).cast(pl.Float32, strict=False)
        age = pl.col("anchor_age") + year - pl.col("anchor_year")
        table = table.with_columns(age=pl.when(age.is_between(0, OLDEST)).then(age))
    entries = table.select(
        record_id=pl.coalesce("study_id", pl.concat_str(pl.lit("row "), pl.col("row"))),
        subject_id="subject_id",
        path="path",
        place=pl.lit(None, SCHEMA["place"]),
        age="age",
        sex="sex",
        fold=pl.lit(None, SCHEMA["fold"]),
        codes=pl.lit([], SCHEMA["codes"]),
        likelihoods=pl.lit([], SCHEMA["likelihoods"]),
        statements=pl.col("statements").fill_null(pl.lit([], SCHEMA["statements"])),
        fault="fault",
    )
    return with_own_statements(entries, own or {})


def _say_absent(joined: pl.Series, path: Path, key: str) -> None:
    if joined.null_count():
        print(
            f"{path}: has no row for the {key} of {joined.null_count()} of {len(joined)} records, whose cells stay empty",
            file=sys.stderr,
        )


def _reports(path: Path, studies: pl.Series) -> pl.DataFrame:
    """study_id, the statements of its machine report without empty cells, and the fault of its row."""
    rows = _rows(path, ["study_id", *REPORTS], REMEDY, ["study_id"], "study_id")
    cells = [pl.col(name).str.strip_chars().replace("", None) for name in REPORTS]
    reports = rows.select("study_id", statements=pl.concat_list(cells).list.drop_nulls(), report_fault="fault")
    listed = studies.drop_nulls().unique()
    foreign = ~reports["study_id"].is_in(listed.implode()).fill_null(False)
    if foreign.any():
        print(
            f"{path}: has {reports.height} rows, {foreign.sum()} of them of no record in record_list.csv: if that table was "
            "cut, download it again",
            file=sys.stderr,
        )
    lost = reports["report_fault"].filter(foreign).drop_nulls()
    reports = reports.filter(pl.col("study_id").is_not_null()).unique("study_id", keep="first", maintain_order=True)
    if len(lost):  # of a record whose row is not there it cannot be told that this is not its row
        absent = pl.DataFrame({"study_id": listed.filter(~listed.is_in(reports["study_id"].implode()))})
        fault = f"{path}: has no row for it, but a broken one: {lost[0]}"
        none = absent.with_columns(statements=pl.lit([], SCHEMA["statements"]), report_fault=pl.lit(fault))
        reports = pl.concat([reports, none])
    return reports


def _people(path: Path) -> pl.DataFrame:
    rows = _rows(path, PATIENTS, PATIENTS_REMEDY, ["subject_id"], "subject_id")
    broken = rows.filter(pl.col("fault").is_not_null())
    if broken.height:
        print(
            f"{path}: {broken.height} of {rows.height} rows are broken, whose ages and sexes stay empty, first: "
            f"{broken['fault'][0]}",
            file=sys.stderr,
        )
    return rows.filter(pl.col("fault").is_null()).select(
        "subject_id",
        pl.col("anchor_age", "anchor_year").str.replace(",", ".").cast(pl.Float32, strict=False),
        sex=pl.col("gender").replace_strict({"M": "male", "F": "female"}, default=None, return_dtype=pl.String),
    )


def _rows(path: Path, columns: list[str], remedy: str, needed: list[str], key: str) -> pl.DataFrame:
    """The table's columns with the number of each `row` and its `fault`; no empty rows, and none that repeats another."""
    table = read_columns(path, columns, remedy)
    rows = table.cells.with_columns(fault=table.faults).with_row_index("row", 1)
    rows = rows.filter(pl.any_horizontal(pl.col("fault", *columns).is_not_null()))
    for name in [name for name in needed if name.endswith("_id")]:
        rows = rows.with_columns(_whole(rows[name]))
    rows = rows.with_columns(fault=_fault(path, rows["fault"].is_not_null(), pl.col("fault")))
    for name in needed:
        empty = rows[name].is_null() & rows["fault"].is_null()
        rows = rows.with_columns(fault=_fault(path, empty, f"has no {name}"))
    rows = rows.unique([*columns, "fault"], keep="first", maintain_order=True)
    twice = rows.filter(pl.col("fault").is_null())[key]
    twice = twice.filter(twice.is_duplicated()).unique()
    repeated = rows[key].is_in(twice.implode()).fill_null(False) & rows["fault"].is_null()
    return rows.with_columns(fault=_fault(path, repeated, f"is one of several for one {key} that differ"))


def _fault(path: Path, where: pl.Series, what: str | pl.Expr) -> pl.Expr:
    said = pl.lit(what) if isinstance(what, str) else what
    place, remedy = pl.lit(f"{path}: row "), pl.lit(": keep what is right, or remove the row")
    text = pl.concat_str(place, pl.col("row"), pl.lit(" below the header "), said, remedy)
    return pl.when(where).then(text).otherwise("fault")


def _whole(ids: pl.Series) -> pl.Series:
    """Ids as a spreadsheet has not touched them: 40689238.0 is 40689238."""
    odd = ~ids.str.contains(r"^\d+$").fill_null(True)
    if not odd.any():
        return ids
    return pl.Series(ids.name, [whole(text) or text if text else None for text in ids], pl.String)
