from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import savemat

from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.leads import LEADS
from esi.ecg.readers import challenge, cpsc2018
from esi.ecg.wfdb import cpsc_mat
from esi.ecg.wfdb.files import RecordError, parse_header, read_signals

HEADER = "Recording,First_label,Second_label,Third_label"


def write_mat(path: Path, sex: str = "Male", age: float = 74.0, samples: int = 20, compressed: bool = True) -> np.ndarray:
    signal_CT = np.random.default_rng(samples).normal(size=(12, samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"ECG": {"sex": sex, "age": age, "data": signal_CT}}, do_compression=compressed)
    return signal_CT


def write(folder: Path, *rows: str) -> Path:
    """A set of the records that the rows of REFERENCE.csv name."""
    for row in rows:
        write_mat(folder / "TrainingSet1" / f"{row.split(',')[0]}.mat")
    (folder / "REFERENCE.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return folder


def test_both_layouts_of_real_records_give_the_same(real: Path, tmp_path: Path) -> None:
    """The 99 real records, put into the original layout with the labels of the original REFERENCE."""
    theirs = real / "cinc2021/cpsc_2018"
    with (real / "meta/cpsc2018_reference_reports.csv").open(newline="") as file:
        reference = {row["Recording"]: row for row in csv.DictReader(file)}
    rows = [HEADER]
    for number, header in enumerate(sorted(theirs.glob("*.hea"))):
        signal_CT, _, _ = read_signals(header)
        comments = parse_header(header).comments
        content = {"sex": comments["sex"], "age": float(comments["age"]), "data": signal_CT}
        place = tmp_path / f"TrainingSet{number % 3 + 1}"
        place.mkdir(exist_ok=True)
        savemat(place / f"{header.stem}.mat", {"ECG": content}, do_compression=number % 2 == 0)
        rows.append(",".join([header.stem, *(reference[header.stem][name] for name in HEADER.split(",")[1:])]))
    (tmp_path / "REFERENCE.csv").write_text("\n".join(rows) + "\n")

    original, converted = cpsc2018.entries(tmp_path), challenge.entries(theirs)
    assert original.height == 99
    assert sum(original["codes"].list.len() > 1) == 5
    assert original.drop("path").equals(converted.drop("path"))
    for mine, other in zip(original["path"], converted["path"], strict=True):
        signal_CT, names, rate = cpsc_mat.read_signals(tmp_path / mine)
        expected_CT, expected_names, expected_rate = read_signals(theirs / other)
        assert (names, rate) == (expected_names, expected_rate)
        np.testing.assert_array_equal(signal_CT, expected_CT)


def test_labels_ages_and_sexes(tmp_path: Path) -> None:
    write(tmp_path, "A0003,9,5,6", "A0001,5,2.0,", "A0002,1,,")
    write_mat(tmp_path / "TrainingSet1/A0001.mat", sex="Female", age=-1)
    write_mat(tmp_path / "TrainingSet1/A0002.mat", sex="Male", age=np.nan)
    entries = cpsc2018.entries(tmp_path)
    assert entries.schema == SCHEMA
    assert entries["record_id"].to_list() == entries["subject_id"].to_list() == ["A0001", "A0002", "A0003"]
    assert entries["codes"].to_list() == [
        ["164889003", "59118001"],  # by class number, as the Challenge's headers have them
        ["426783006"],
        ["59118001", "284470004", "164931005"],
    ]
    assert entries["age"].to_list() == [None, None, 74.0]
    assert entries["sex"].to_list() == ["female", "male", "male"]
    assert entries["path"][0] == "TrainingSet1/A0001.mat"


def test_what_is_absent_or_damaged_stays_an_entry_and_what_is_unlisted_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "A0001,5,,", "A0002,1,,", "A0003,2,,")
    (tmp_path / "TrainingSet1/A0002.mat").unlink()
    (tmp_path / "TrainingSet1/A0003.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut short")
    write_mat(tmp_path / "TrainingSet2/A0009.mat")
    entries = cpsc2018.entries(tmp_path)
    assert entries["path"].to_list() == ["TrainingSet1/A0001.mat", "A0002.mat", "TrainingSet1/A0003.mat"]
    assert entries["codes"].to_list() == [["59118001"], ["426783006"], ["164889003"]]
    assert entries["age"].to_list() == [74.0, None, None]
    assert "1 .mat files are not in REFERENCE.csv and are left out, first TrainingSet2/A0009.mat" in capsys.readouterr().err


@pytest.mark.parametrize("compressed", [True, False])
def test_signals(tmp_path: Path, compressed: bool) -> None:
    written_CT = write_mat(tmp_path / "A0001.mat", samples=700, compressed=compressed)
    signal_CT, names, rate = cpsc_mat.read_signals(tmp_path / "A0001.mat")
    np.testing.assert_array_equal(signal_CT, written_CT)
    assert (signal_CT.dtype, names, rate) == (np.float64, list(LEADS), 500.0)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"absent.mat: cannot be read") as caught:
        cpsc_mat.read_signals(tmp_path / "absent.mat")
    assert caught.value.reason == "missing file"
    write_mat(tmp_path / "cut.mat", samples=3000)
    content = (tmp_path / "cut.mat").read_bytes()
    savemat(tmp_path / "val.mat", {"val": np.zeros((12, 5))})
    savemat(tmp_path / "turned.mat", {"ECG": {"sex": "Male", "age": 1.0, "data": np.zeros((5000, 12))}})
    savemat(tmp_path / "text.mat", {"ECG": {"sex": "Male", "age": 1.0, "data": "nothing"}})
    for name, broken, words in (
        ("cut.mat", content[: len(content) // 2], "is not a MATLAB file of version 5 to 7"),
        ("noise.mat", b"\x00\xff" * 500, "is not a MATLAB file of version 5 to 7"),
        ("empty.mat", b"", "is not a MATLAB file of version 5 to 7"),
        ("val.mat", None, r"holds \['val'\], not CPSC2018's struct ECG"),
        ("turned.mat", None, r"shape \(5000, 12\)"),
        ("text.mat", None, "not numbers of shape"),
    ):
        if broken is not None:
            (tmp_path / name).write_bytes(broken)
        with pytest.raises(RecordError, match=words) as caught:
            cpsc_mat.read_signals(tmp_path / name)
        assert caught.value.reason == "unreadable"
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A0002,10,,", "row 2 below the header: labels .* are not numbers from 1 to 9"),
        ("A0002,RBBB,,", "row 2 below the header: labels .* are not numbers from 1 to 9"),
        ("A0002,2.5,,", "row 2 below the header: labels .* are not numbers from 1 to 9"),
        ("A0001,6,,", r"rows \[1, 2\] below the header list one record, A0001, and differ: keep the one that is right"),
        (",5,,", "row 2 below the header: Recording None is no name of a record"),
        ("A0002,5", "row 2 below the header has 2 cells, not 4 as the header"),
    ],
)
def test_a_broken_row_is_named_and_stops_no_other(tmp_path: Path, row: str, words: str) -> None:
    entries = cpsc2018.entries(write(tmp_path, "A0001,5,,", row, "A0003,5,,"))
    faults = entries["fault"].drop_nulls().to_list()
    assert len(faults) == 1
    assert re.search(words, faults[0])
    assert "A0003" in entries.filter(pl.col("fault").is_null())["record_id"]


def test_a_folder_of_another_kind_is_one_sentence(tmp_path: Path, real: Path) -> None:
    with pytest.raises(ReleaseError, match=r"absent is missing .*download the training sets and REFERENCE.csv"):
        cpsc2018.check(tmp_path / "absent")
    with pytest.raises(ReleaseError, match=r"holds 0 REFERENCE.csv .*download"):
        cpsc2018.check(tmp_path)
    (tmp_path / "REFERENCE.csv").write_text(f"{HEADER}\nA0001,5,,\n")
    with pytest.raises(ReleaseError, match=r"holds no .mat file"):
        cpsc2018.check(tmp_path)
    (tmp_path / "A0001.mat").symlink_to(real.resolve() / "cinc2021/cpsc_2018/A0001.mat")
    with pytest.raises(ReleaseError, match=r"holds \['val'\].*format in params.yaml to challenge"):
        cpsc2018.check(tmp_path)
    (tmp_path / "REFERENCE.csv").write_text("Recording,label\nA0001,5\n")
    with pytest.raises(ReleaseError, match=r"columns .*'First_label'.* are missing"):
        cpsc2018.check(tmp_path)
