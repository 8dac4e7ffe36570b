from __future__ import annotations

import csv
import gzip
import random
import re
from pathlib import Path

import pytest

from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.readers import mimic

REPORTS = [f"report_{number}" for number in range(18)]
RECORD_COLUMNS = ["subject_id", "study_id", "file_name", "ecg_time", "path"]


def record(study: int, subject: int, time: str = "2180-07-23 08:44:00") -> list[object]:
    return [subject, study, study, time, f"files/p{subject // 10000}/p{subject}/s{study}/{study}"]


def write(
    folder: Path, records: list[list[object]], reports: dict[int, list[str]], patients: list[list[object]] | None = None
) -> Path:
    """A release; `reports` gives the cells of report_0, report_1, ... of each study."""
    (folder / "files").mkdir(exist_ok=True)
    rows = [[10000032, study, 1, "", *(cells + [""] * 18)[:18], "0.05-150 Hz"] for study, cells in reports.items()]
    people = patients if patients is not None else [[10000032, "F", 52, 2178, "2014 - 2016", ""]]
    for name, columns, content in (
        ("record_list.csv", RECORD_COLUMNS, records),
        ("machine_measurements.csv", ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, "bandwidth"], rows),
        ("patients.csv", ["subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group", "dod"], people),
    ):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([columns, *content])
    return folder


def test_a_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = ["Sinus rhythm", "Possible LVH, age undetermined", "", '"Poor" R wave', "  ", "Abnormal ECG"]
    write(
        tmp_path,
        [record(40689238, 10000032), record(42402632, 10000117, "2181-01-05 09:00:00")],
        {40689238: cells, 49999999: ["of no record"]},
    )
    entries = mimic.entries(tmp_path, tmp_path / "patients.csv")
    assert entries.schema == SCHEMA
    assert entries.row(0, named=True) == {
        "record_id": "40689238",
        "subject_id": "10000032",
        "path": "files/p1000/p10000032/s40689238/40689238.hea",
        "place": None,
        "age": 54.0,  # 52 in 2178, recorded in 2180
        "sex": "female",
        "fold": None,
        "codes": [],
        "likelihoods": [],
        "statements": ["Sinus rhythm", "Possible LVH, age undetermined", '"Poor" R wave', "Abnormal ECG"],
        "fault": None,
    }
    without = entries.row(1, named=True)  # neither a measurement nor a patient
    assert (without["record_id"], without["age"], without["sex"], without["statements"]) == ("42402632", None, None, [])
    said = capsys.readouterr().err
    assert "machine_measurements.csv: has no row for the study_id of 1 of 2 records" in said
    assert "patients.csv: has no row for the subject_id of 1 of 2 records" in said


def test_without_patients_and_with_gzipped_ones(tmp_path: Path) -> None:
    write(tmp_path, [record(1, 10000032)], {1: ["Sinus rhythm"]})
    (tmp_path / "patients.csv.gz").write_bytes(gzip.compress((tmp_path / "patients.csv").read_bytes()))
    packed = mimic.entries(tmp_path, tmp_path / "patients.csv.gz")
    assert packed.equals(mimic.entries(tmp_path, tmp_path / "patients.csv"))
    assert packed["age"].to_list() == [54.0]
    bare = mimic.entries(tmp_path, None)
    assert bare.schema == SCHEMA
    assert (bare["age"].to_list(), bare["sex"].to_list()) == ([None], [None])


@pytest.mark.parametrize(
    ("time", "age", "year", "expected"),
    [
        ("2180-01-01 00:00:00", "60", "2180", 60.0),
        ("2170-12-31 23:59:00", "60", "2180", 50.0),
        ("2185-01-01 00:00:00", "91", "2180", 96.0),
        ("", "60", "2180", None),
        ("2180-01-01 00:00:00", "", "2180", None),
        ("2100-01-01 00:00:00", "60", "2180", None),  # before birth
    ],
)
def test_age_at_the_recording(tmp_path: Path, time: str, age: str, year: str, expected: float | None) -> None:
    write(tmp_path, [record(1, 10000032, time)], {}, [[10000032, "M", age, year, "", ""]])
    assert mimic.entries(tmp_path, tmp_path / "patients.csv")["age"].to_list() == [expected]


def test_records_keep_their_order_and_their_own_reports(tmp_path: Path) -> None:
    drawn = random.Random(3)
    studies = drawn.sample(range(40_000_000, 49_999_999), 3000)
    reports = {study: [f"statement {drawn.randrange(50)}" for _ in range(drawn.randrange(6))] for study in studies}
    shuffled = dict(sorted(reports.items()))
    write(tmp_path, [record(study, 10_000_000 + study % 700) for study in studies], shuffled)
    entries = mimic.entries(tmp_path, None)
    assert entries["record_id"].to_list() == [str(study) for study in studies]
    assert entries["statements"].to_list() == list(reports.values())


def test_rows_that_are_there_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, [record(1, 10000032), record(1, 10000032), record(2, 10000032)], {1: ["Sinus rhythm"]})
    assert mimic.entries(tmp_path, None)["record_id"].to_list() == ["1", "2"]  # the very same row: one record
    write(tmp_path, [record(1, 10000032), record(1, 10000117), record(2, 10000032)], {1: ["Sinus rhythm"]})
    entries = mimic.entries(tmp_path, None)
    assert entries["record_id"].to_list() == ["1", "1", "2"]
    assert entries["fault"].is_null().to_list() == [False, False, True]
    assert "record_list.csv: row 1 below the header is one of several for one study_id that differ" in entries["fault"][0]
    write(tmp_path, [record(1, 10000032)], {}, [[10000032, "M", 60, 2180, "", ""], [10000032, "F", 60, 2180, "", ""]])
    capsys.readouterr()
    unknown = mimic.entries(tmp_path, tmp_path / "patients.csv")
    assert unknown.select("age", "sex", "fault").rows() == [(None, None, None)]
    assert "patients.csv: 2 of 2 rows are broken, whose ages and sexes stay empty, first: " in capsys.readouterr().err


def test_a_row_without_study_subject_or_path_is_named(tmp_path: Path) -> None:
    rows = [
        record(1, 10000032),
        [10000032, "", "", "2180-07-23 08:44:00", "files/x"],
        [10000032, 3, 3, "2180-07-23 08:44:00", ""],
        ["", 4, 4, "2180-07-23 08:44:00", "files/x"],
        [10000032, 5, 5, "2180-07-23 08:44:00", "../files/x"],
    ]
    entries = mimic.entries(write(tmp_path, rows, {}), None)
    assert entries["record_id"].to_list() == ["1", "row 2", "3", "4", "5"]
    assert entries["fault"][0] is None
    for number, what in enumerate(["study_id", "path", "subject_id"], start=2):
        assert f"record_list.csv: row {number} below the header has no {what}: " in entries["fault"][number - 1]
    assert "row 5 below the header names a path that leads out of the set" in entries["fault"][4]


def test_ids_that_a_spreadsheet_has_touched(tmp_path: Path) -> None:
    write(tmp_path, [record(1, 10000032), record(2, 10000117)], {1: ["Sinus rhythm"], 2: ["AF"]})
    expected = mimic.entries(tmp_path, tmp_path / "patients.csv")
    for name in ("machine_measurements.csv", "patients.csv"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(
            re.sub(r"^10000032,(\d*)", r"10000032.0,\1.0" if "mach" in name else "10000032.0,", text, flags=re.M)
        )
    assert mimic.entries(tmp_path, tmp_path / "patients.csv").equals(expected)


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"record_list.csv is missing .*download MIMIC-IV-ECG"):
        mimic.check(tmp_path, None)
    write(tmp_path, [record(1, 10000032)], {})
    mimic.check(tmp_path, tmp_path / "patients.csv")
    with pytest.raises(ReleaseError, match=r"hosp/patients.csv.gz of MIMIC-IV"):
        mimic.check(tmp_path, tmp_path / "nobody.csv")
    (tmp_path / "machine_measurements.csv").write_text("study_id,report_0\n1,0\n")
    with pytest.raises(ReleaseError, match=r"machine_measurements.csv: columns .*'report_17'.* are missing"):
        mimic.check(tmp_path, None)
    (tmp_path / "machine_measurements.csv").write_text("")
    with pytest.raises(ReleaseError, match=r"machine_measurements.csv: is not a CSV file"):
        mimic.check(tmp_path, None)
    write(tmp_path, [record(1, 10000032)], {})
    (tmp_path / "files").rmdir()
    with pytest.raises(ReleaseError, match=r"files is missing \(MIMIC-IV-ECG's signals\)"):
        mimic.check(tmp_path, None)
