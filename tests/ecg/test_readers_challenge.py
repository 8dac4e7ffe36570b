from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.readers import challenge

SIGNALS = "r 1 500 10\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n"


def by_id(root: Path) -> dict[str, dict[str, Any]]:
    entries = challenge.entries(root)
    assert entries.schema == SCHEMA
    return {row["record_id"]: row for row in entries.iter_rows(named=True)}


def test_real_headers(real: Path) -> None:
    found = by_id(real / "cinc2021")
    assert len(found) == 243
    assert found["A0001"] == {
        "record_id": "A0001",
        "subject_id": "A0001",
        "path": "cpsc_2018/A0001.hea",
        "place": None,
        "age": 74.0,
        "sex": "male",
        "fold": None,
        "codes": ["59118001"],  # its header says RBBB in letters
        "likelihoods": [],
        "statements": ["right bundle branch block"],
        "fault": None,
    }
    assert found["JS00001"]["codes"] == ["164889003", "59118001", "164934002"]
    assert found["JS00001"]["statements"] == ["atrial fibrillation", "right bundle branch block", "T wave abnormal"]
    assert (found["E00002"]["age"], found["E00002"]["sex"]) == (None, "female")  # "#Age: NaN"
    assert all(row["codes"] and row["sex"] and len(row["statements"]) == len(row["codes"]) for row in found.values())


@pytest.mark.parametrize(
    ("age", "years"), [("85", 85.0), ("NaN", None), ("", None), ("-1", None), ("300", None), ("Unknown", None), ("0.5", 0.5)]
)
@pytest.mark.parametrize(("mark", "gap"), [("#", " "), ("# ", " "), ("#", ""), ("#\t", "\t")])
def test_comment_lines(tmp_path: Path, mark: str, gap: str, age: str, years: float | None) -> None:
    lines = f"{mark}Age:{gap}{age}\n{mark}Sex:{gap}F\n{mark}Dx:{gap}426783006,RBBB\r\n#Rx: Unknown\n"
    (tmp_path / "r.hea").write_bytes((SIGNALS + lines).encode())
    row = by_id(tmp_path)["r"]
    assert (row["age"], row["sex"]) == (years, "female")
    assert row["codes"] == ["426783006", "59118001"]
    assert row["statements"] == ["sinus rhythm", "right bundle branch block"]


@pytest.mark.parametrize(
    ("dx", "codes"),
    [
        ("Unknown", []),
        ("", []),
        ("NaN", []),
        ("AF,RBBB", ["164889003", "59118001"]),
        ("164889003, 59118001 ,164889003", ["164889003", "59118001"]),
    ],
)
def test_diagnoses(tmp_path: Path, dx: str, codes: list[str]) -> None:
    (tmp_path / "r.hea").write_text(f"{SIGNALS}#Age: 5\n#Sex: Unknown\n#Dx: {dx}\n")
    assert (by_id(tmp_path)["r"]["codes"], by_id(tmp_path)["r"]["sex"]) == (codes, None)


def test_unknown_codes_are_kept_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        (tmp_path / f"{name}.hea").write_text(f"{SIGNALS}#Dx: 1,426783006,{'2' if name == 'a' else '1'}\n")
    assert by_id(tmp_path)["a"]["codes"] == ["1", "426783006", "2"]
    assert by_id(tmp_path)["a"]["statements"] == ["sinus rhythm"]
    assert "2 codes are not in data/reference/snomed_statements.csv" in (said := capsys.readouterr().err)
    assert "1 (3 records), 2 (1 records)" in said


def test_ecg_arrhythmia_with_its_broken_header_and_a_listed_record_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "WFDBRecords/01/019"
    folder.mkdir(parents=True)
    # the public JS01052.hea has lost the end of its first line and the start of the second
    (folder / "JS01052.hea").write_text("JS01052 12 500 500000/mV 16 0 15 31255 0 I\n#Age: 63\n#Sex: Male\n#Dx: 426177001\n")
    (folder / "JS01053.hea").write_text("JS01053 12 500 5000\n#Age: 20\n#Sex: Female\n#Dx: 426783006\n")
    (tmp_path / "RECORDS").write_text("WFDBRecords/01/019/\n")
    (folder / "RECORDS").write_text("JS01052\nJS01053\nJS01054\n")
    (tmp_path / "ConditionNames_SNOMED-CT.csv").write_text("Acronym Name,Full Name,Snomed_CT\n")
    found = by_id(tmp_path)
    assert list(found) == ["JS01052", "JS01053", "JS01054"]
    assert (found["JS01052"]["age"], found["JS01052"]["statements"]) == (63.0, ["sinus bradycardia"])
    assert found["JS01054"]["path"] == "WFDBRecords/01/019/JS01054.hea"
    assert (found["JS01054"]["age"], found["JS01054"]["codes"]) == (None, [])


def test_listed_folders_that_are_not_there_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g1").mkdir()
    (tmp_path / "g1/r.hea").write_text(f"{SIGNALS}#Dx: 426783006\n")
    (tmp_path / "RECORDS").write_text("g1/\ng2/\ng3/\n")
    assert list(by_id(tmp_path)) == ["r"]
    assert "lists 2 folders that are not there, first g2" in capsys.readouterr().err


def test_names_with_spaces_and_a_folder_that_links_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a b.hea").write_text(f"{SIGNALS}#Dx: 426783006\n")
    (tmp_path / "RECORDS").write_text("a b\r\n\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(by_id(tmp_path)) == ["a b"]


def test_a_linked_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/r.hea").write_text(f"{SIGNALS}#Dx: 426783006\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/g1").symlink_to(tmp_path / "disk")
    assert by_id(tmp_path / "root")["r"]["path"] == "g1/r.hea"


def test_a_folder_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"holds no \.hea file: download the set"):
        challenge.entries(tmp_path)
    with pytest.raises(ReleaseError, match="is missing .*download the set"):
        challenge.check(tmp_path / "absent")
    (tmp_path / "00001_hr.hea").write_text(SIGNALS)
    with pytest.raises(ReleaseError, match="no `#Dx:` line: set the data set's ingest format"):
        challenge.check(tmp_path)


def test_the_order_is_that_of_the_paths(tmp_path: Path) -> None:
    for number in range(challenge.CHUNK + 5):  # more than one task of the pool
        (tmp_path / f"r{number:04d}.hea").write_text(f"{SIGNALS}#Age: {number % 100}\n#Dx: 426783006\n")
    entries = challenge.entries(tmp_path)
    assert entries["record_id"].to_list() == [f"r{number:04d}" for number in range(challenge.CHUNK + 5)]
    assert entries["age"].to_list() == [float(number % 100) for number in range(challenge.CHUNK + 5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_of_records_as_any_program_writes_them(
    tmp_path: Path, encoding: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g1").mkdir()
    (tmp_path / "g2").mkdir()
    for name in ("g1/a", "g2/b"):
        (tmp_path / f"{name}.hea").write_text(f"{SIGNALS}#Dx: 426783006\n")
    lines = ["a", "../g2/b", "./a.hea", str(tmp_path / "g2/b"), "lost", "../../etc/passwd"]
    (tmp_path / "g1/RECORDS").write_bytes("".join(line + end for line in lines).encode(encoding))
    assert list(by_id(tmp_path)) == ["a", "lost", "b"]
    assert "RECORDS lists 1 records outside of it, first g1/../../etc/passwd" in capsys.readouterr().err
