from __future__ import annotations

import csv
import re
from pathlib import Path

import polars as pl
import pytest

from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.readers import ptbxl
from esi.ecg.reference import scp_statements

HEADER = "ecg_id,patient_id,age,sex,scp_codes,strat_fold,filename_lr,filename_hr"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    for rate in (100, 500):
        (folder / f"records{rate}").mkdir()
    (folder / "ptbxl_database.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def row(codes: str = "\"{'NORM': 80.0, 'SR': 0.0}\"", ecg_id: str = "7", age: str = "50.0", fold: str = "3") -> str:
    return f"{ecg_id},,{age},1,{codes},{fold},records100/00000/00007_lr,records500/00000/00007_hr"


def test_the_real_table(real: Path) -> None:
    entries = ptbxl.entries(real / "ptb-xl", 100)
    assert entries.schema == SCHEMA
    assert entries.height == 1732
    first = entries.row(0, named=True)
    assert (first["record_id"], first["subject_id"], first["age"], first["sex"]) == ("1", "15709", 56.0, "female")
    assert (first["fold"], first["codes"], first["likelihoods"]) == (3, ["NORM", "LVOLT", "SR"], [100.0, 0.0, 0.0])
    assert first["statements"] == ["normal ECG", "low QRS voltages in the frontal and horizontal leads", "sinus rhythm"]
    table = pl.read_csv(real / "ptb-xl/ptbxl_database.csv", infer_schema_length=None)
    assert (entries["age"] == 90).to_list() == (table["age"].is_in([90.0, 300.0])).to_list()
    assert entries["age"].null_count() == table["age"].null_count() > 0
    anonymous = entries.filter(table["patient_id"].is_null())["subject_id"]
    assert anonymous.n_unique() == len(anonymous) == 630
    assert (entries["codes"].list.len() == entries["likelihoods"].list.len()).all()
    # every code has a statement, in the same place
    assert (entries["codes"].list.len() == entries["statements"].list.len()).all()


def test_either_rate_has_its_files(real: Path) -> None:
    low, high = ptbxl.entries(real / "ptb-xl", 100), ptbxl.entries(real / "ptb-xl", 500)
    assert low.drop("path").equals(high.drop("path"))
    assert (low["path"][0], high["path"][0]) == ("records100/00000/00001_lr.hea", "records500/00000/00001_hr.hea")
    assert all((real / "ptb-xl" / path).exists() for path in low["path"])
    assert sum((real / "ptb-xl" / path).exists() for path in high["path"]) == 260  # the subset holds no more of them


def test_the_reference_table_is_the_releases_own(real: Path) -> None:
    with (real / "ptb-xl/scp_statements.csv").open(newline="") as file:
        theirs = {row[""]: row for row in csv.DictReader(file)}
    assert len(theirs) == 71
    assert theirs.keys() == scp_statements().keys()
    for code, ours in scp_statements().items():
        release = theirs[code]
        assert ours.description == release["description"], code
        flags = [release[name] == "1.0" for name in ("diagnostic", "form", "rhythm")]
        assert [ours.diagnostic, ours.form, ours.rhythm] == flags, code
        assert (ours.superclass, ours.subclass) == (release["diagnostic_class"], release["diagnostic_subclass"]), code


def test_statements_of_another_release_are_refused(real: Path, tmp_path: Path) -> None:
    write(tmp_path, row())
    text = (real / "ptb-xl/scp_statements.csv").read_text()
    (tmp_path / "scp_statements.csv").write_text(text)
    ptbxl.check(tmp_path, 500)
    (tmp_path / "scp_statements.csv").write_text(text.replace(",STTC,NST_,", ",STTC,STTC,"))
    with pytest.raises(ReleaseError, match=r"classes otherwise 1 of 71 codes, such as \['NST_'\]"):
        ptbxl.check(tmp_path, 500)


def test_empty_cells_and_unknown_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = "\"{'NEW_': 35.0, 'AFIB': 100.0}\""
    entries = ptbxl.entries(write(tmp_path, row(), row(unknown, "8", "", ""), row("{}", "9", "300.0")), 500)
    assert entries["age"].to_list() == [50.0, None, 90.0]
    assert entries["fold"].to_list() == [3, None, 3]
    assert entries["codes"].to_list() == [["NORM", "SR"], ["NEW_", "AFIB"], []]
    assert entries["likelihoods"].to_list() == [[80.0, 0.0], [35.0, 100.0], []]
    assert entries["statements"].to_list() == [["normal ECG", "sinus rhythm"], ["atrial fibrillation"], []]
    assert "1 codes are not in data/reference/scp_statements.csv" in (said := capsys.readouterr().err)
    assert "NEW_ (1 records)" in said


@pytest.mark.parametrize(
    "broken",
    [
        row("no dict"),
        row("\"['NORM']\""),
        row("\"{'NORM': 'high'}\""),
        row(age="old"),
        row(fold="x"),
        row(ecg_id=""),
        row("\"{'NORM': 1e999}\""),
        row("\"{'NORM': -3}\""),
        row('"' + "[" * 9000 + '"'),
        row(age="-3"),
        row(fold="99999"),
        row(fold="2.5"),
        row().replace(",1,", ",3,"),
        row().replace("records500/00000/00007_hr", "../../00007_hr"),
    ],
)
def test_a_broken_row_is_named_and_stops_no_other(tmp_path: Path, broken: str) -> None:
    entries = ptbxl.entries(write(tmp_path, row(ecg_id="6"), broken, row(ecg_id="8")), 500)
    assert entries["record_id"].to_list() in (["6", "7", "8"], ["6", "row 2", "8"])
    assert entries["fault"].is_null().to_list() == [True, False, True]
    assert re.search(r"ptbxl_database.csv: row 2 below the header .*download PTB-XL", entries["fault"][1])


def test_a_table_that_went_through_pandas(tmp_path: Path) -> None:
    text = row(age="nan", fold="3.0").replace(",1,", ",1.0,")
    entries = ptbxl.entries(write(tmp_path, text), 500)
    assert entries.select("age", "sex", "fold").rows() == [(None, "female", 3)]


def test_missing_or_foreign_tables_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"ptbxl_database.csv is missing .*download PTB-XL"):
        ptbxl.check(tmp_path, 100)
    write(tmp_path, "1,50", header="ecg_id,age")
    with pytest.raises(ReleaseError, match=r"columns .*'scp_codes'.* are missing"):
        ptbxl.check(tmp_path, 100)


def test_the_rate_that_was_not_downloaded_is_named(tmp_path: Path) -> None:
    write(tmp_path, row())
    (tmp_path / "records500").rmdir()
    ptbxl.check(tmp_path, 100)
    with pytest.raises(ReleaseError, match="records500 is missing .* rate in params.yaml to 100"):
        ptbxl.check(tmp_path, 500)
