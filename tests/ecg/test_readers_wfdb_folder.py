from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.readers import wfdb_folder
from esi.ecg.wfdb.files import read_signals
from esi.settings.data import Ingest, WfdbFolder
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "your-own-data.md"
COLUMNS = {"record": "record", "labels": "labels"}
EVERY_COLUMN = COLUMNS | {"subject": "subject", "age": "age", "sex": "sex", "fold": "fold"}
HEADER = "record,labels,subject,age,sex,fold"


def settings(root: Path, table: str = "labels.csv", **others: Any) -> WfdbFolder:
    content = {
        "root": root, "watch": ".", "windows": "first", "folds": {"train": [1], "validation": [], "test": []},
        "format": "wfdb-folder", "table": table, "columns": COLUMNS, "separator": ";", "labels_are": "text",
    }  # fmt: skip
    return WfdbFolder.model_validate(content | others)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A table of rows, and empty headers for the records a to e."""
    for name in "abcde":
        (folder / f"{name}.hea").touch()
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def block(language: str) -> str:
    """The one block of a language that the documentation shows."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_documented_example(tmp_path: Path) -> None:
    given = YAML(typ="safe").load(block("yaml"))["ingest"]
    assert list(given) == ["hospital"]
    hospital = TypeAdapter(Ingest).validate_python(given["hospital"])
    assert isinstance(hospital, WfdbFolder)
    hospital = hospital.model_copy(update={"root": tmp_path})
    code: dict[str, Any] = {}
    exec(block("python"), code)
    signals = {}
    for record in ("2023/ecg-001", "2023/ecg-002", "2024/ecg-003"):
        place = (tmp_path / record).parent
        place.mkdir(exist_ok=True)
        signals[record] = np.rint(np.random.default_rng(len(signals)).normal(size=(5000, 12)) * 500) / 1000
        code["write_record"](str(place), Path(record).name, signals[record], 500)
    (tmp_path / "labels.csv").write_text(block("csv"))

    wfdb_folder.check(hospital)
    entries = wfdb_folder.entries(hospital)
    assert entries.schema == SCHEMA
    assert entries["record_id"].to_list() == list(signals)
    assert entries["subject_id"].to_list() == ["p-17", "p-17", "p-42"]
    assert entries["age"].to_list() == [64.0, 65.0, None]
    assert entries["sex"].to_list() == ["female", "female", "male"]
    assert entries["statements"].to_list() == [
        ["Sinus rhythm", "Left bundle branch block"],
        ["Atrial fibrillation", "Possible anterior infarct, age undetermined"],
        ["Normal ECG"],
    ]
    assert entries["codes"].to_list() == entries["statements"].to_list()
    for record, path in entries.select("record_id", "path").iter_rows():
        signal_CT, names, rate = read_signals(tmp_path / path)
        np.testing.assert_allclose(signal_CT, signals[record].T, atol=1e-9)
        assert (names, rate) == (code["LEADS"], 500.0)


def test_the_documented_refusal_is_the_real_one(tmp_path: Path) -> None:
    write(tmp_path, "a,x,,,f,", "b,x,,,m,", "c,x,,,W,")
    (fault,) = wfdb_folder.entries(settings(tmp_path, columns=EVERY_COLUMN))["fault"].drop_nulls()
    assert fault.removeprefix(f"{tmp_path}/") in PAGE.read_text(encoding="utf-8")


def test_the_same_from_csv_tsv_and_parquet(tmp_path: Path) -> None:
    write(tmp_path, "a,N;AF ; ,s1,64.0,F,3", 'b.hea,,"",unknown,Unknown,3', "./c.dat,AF;AF,s1,0,male,3.0")
    chosen = settings(tmp_path, columns=EVERY_COLUMN)
    entries = wfdb_folder.entries(chosen)
    assert entries["record_id"].to_list() == ["a", "b", "c"]
    assert entries["path"].to_list() == ["a.hea", "b.hea", "c.hea"]
    assert entries["codes"].to_list() == [["N", "AF"], [], ["AF"]]
    assert entries["subject_id"].to_list() == ["s1", "record-b", "s1"]
    assert entries["age"].to_list() == [64.0, None, 0.0]
    assert entries["sex"].to_list() == ["female", None, "male"]
    assert entries["fold"].to_list() == [3, 3, 3]
    table = pl.read_csv(tmp_path / "labels.csv", infer_schema=False)
    table.write_csv(tmp_path / "labels.tsv", separator="\t")
    assert wfdb_folder.entries(chosen.model_copy(update={"table": Path("labels.tsv")})).equals(entries)
    typed = table.with_columns(pl.col("labels").str.split(";"), pl.col("fold").cast(pl.Float64))
    typed.write_parquet(tmp_path / "labels.parquet")
    assert wfdb_folder.entries(chosen.model_copy(update={"table": Path("labels.parquet")})).equals(entries)


def test_only_the_named_columns_count(tmp_path: Path) -> None:
    entries = wfdb_folder.entries(settings(write(tmp_path, "a,x,s,old,?,?", "b,y,s,,,")))
    assert entries.drop("fault", "path", "place", "codes", "statements", "likelihoods").rows() == [
        ("a", "record-a", None, None, None),
        ("b", "record-b", None, None, None),
    ]


def test_codes_become_statements_by_the_reference_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "a,NORM;XYZ,,,,", "b,164889003;1,,,,")
    scp = wfdb_folder.entries(settings(tmp_path, labels_are="scp"))
    assert scp["codes"].to_list() == [["NORM", "XYZ"], ["164889003", "1"]]
    assert scp["statements"].to_list() == [["normal ECG"], []]
    assert "3 codes are not in data/reference/scp_statements.csv" in capsys.readouterr().err
    snomed = wfdb_folder.entries(settings(tmp_path, labels_are="snomed"))
    assert snomed["statements"].to_list() == [[], ["atrial fibrillation"]]


def test_records_that_the_table_does_not_list_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wfdb_folder.entries(settings(write(tmp_path, "b,x,,,,", "c,x,,,,")))
    assert "does not list 3 records, which are left out, first a.hea" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",x,,,,", "row 2 below the header: '' is not the path of a record below"),
        ("../a,x,,,,", r"row 2 below the header: '\.\./a' is not the path of a record below"),
        ("/data/a,x,,,,", "row 2 below the header: '/data/a' is not the path of a record below"),
        ("a.hea,x,,,,", r"rows \[1, 2\] below the header list one record, a, and differ: keep"),
        ("b,x,,old,,", "row 2 below the header: age 'old' is not in years from 0 to 120: correct it or empty the cell"),
        ("b,x,,300,,", "row 2 below the header: age '300' is not in years"),
        ("b,x,,,divers,", "row 2 below the header: sex 'divers' is none of"),
        ("b,x,,,,train", "row 2 below the header: fold 'train' is not a number from 0 to 99"),
        ("b,x,s1,,,2", r"rows \[1, 2\] below the header are one subject with the folds \[1, 2\]"),
        ("b,x,s1,,,", r"rows \[1, 2\] below the header are one subject with the folds \[1, None\]"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named_and_stops_no_other(tmp_path: Path, row: str, words: str) -> None:
    entries = wfdb_folder.entries(settings(write(tmp_path, "a,x,s1,,,1", row, "c,x,s3,,,1"), columns=EVERY_COLUMN))
    assert entries.height == 3
    assert re.search(words, entries["fault"][1])
    assert entries["fault"][0] in (None, entries["fault"][1])  # where two rows contradict each other, both have the fault
    assert entries["fault"][2] is None


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"absent is missing \(the folder of WFDB records\)"):
        wfdb_folder.check(settings(tmp_path / "absent"))
    with pytest.raises(ReleaseError, match=r"labels.csv is missing \(the table of labels\): put it there"):
        wfdb_folder.check(settings(tmp_path))
    write(tmp_path, "a,x", header="record,label")
    with pytest.raises(ReleaseError, match=r"labels.csv: columns \['labels'\] are missing among .*ingest columns in params"):
        wfdb_folder.check(settings(tmp_path))
    pl.read_csv(tmp_path / "labels.csv").write_parquet(tmp_path / "labels.parquet")
    with pytest.raises(ReleaseError, match=r"labels.parquet: columns \['labels'\] are missing"):
        wfdb_folder.check(settings(tmp_path, "labels.parquet"))
    typed = pl.DataFrame({"record": ["a"], "labels": ["x"]})
    typed.write_parquet(tmp_path / "labels.parquet")
    content = (tmp_path / "labels.parquet").read_bytes()
    (tmp_path / "labels.parquet").write_bytes(content[:20] + b"damaged!" + content[28:])
    with pytest.raises(ReleaseError, match=r"labels.parquet: is a damaged Parquet file"):
        wfdb_folder.entries(settings(tmp_path, "labels.parquet"))
    (tmp_path / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReleaseError, match=r"labels.parquet: is not a Parquet file"):
        wfdb_folder.check(settings(tmp_path, "labels.parquet"))
    (tmp_path / "labels.xlsx").touch()
    with pytest.raises(ReleaseError, match=r"labels.xlsx: is neither a .csv, .tsv nor .parquet file"):
        wfdb_folder.check(settings(tmp_path, "labels.xlsx"))


def test_what_spreadsheets_add_is_no_record_and_no_label(tmp_path: Path) -> None:
    write(tmp_path, "", "a,x; nan ;none,,,,", "", ",,,,,", '"b","x ""q"", y",,,,', "c,NaN,,,,", "")
    entries = wfdb_folder.entries(settings(tmp_path))
    assert entries.select("record_id", "statements").rows() == [("a", ["x"]), ("b", ['x "q", y']), ("c", [])]
    (tmp_path / "labels.csv").write_text("record,labels,labels\na,x,y\n")
    with pytest.raises(ReleaseError, match=r"columns \['labels'\] stand there twice: rename one of each"):
        wfdb_folder.entries(settings(tmp_path))


def test_records_of_any_name_in_linked_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/Müller 1.hea").touch()
    (tmp_path / "disk/left out.hea").touch()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/dir").symlink_to(tmp_path / "disk")
    (tmp_path / "root/dir/again").symlink_to(tmp_path / "root")
    (tmp_path / "root/labels.csv").write_text("record,labels\ndir/Müller 1,x\n")
    entries = wfdb_folder.entries(settings(tmp_path / "root/"))
    assert entries.select("record_id", "path").rows() == [("dir/Müller 1", "dir/Müller 1.hea")]
    assert "does not list 1 records, which are left out, first dir/left out.hea" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_table_as_any_program_writes_it(
    tmp_path: Path, encoding: str, end: str, separator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    rows = ["record,labels,age", 'a,"Vorhofflimmern bei Müller; LSB",64', "b,x,65"]
    text = end.join(row.replace(",", separator) for row in rows) + end
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    entries = wfdb_folder.entries(settings(tmp_path, columns=COLUMNS | {"age": "age"}))
    assert entries["statements"].to_list() == [["Vorhofflimmern bei Müller", "LSB"], ["x"]]
    assert entries["age"].to_list() == [64, 65]
    said = "labels.csv: is not in UTF-8 and is read as cp1252 (Windows)"
    assert (said in capsys.readouterr().err) == (encoding in ("latin-1", "cp1252"))


@pytest.mark.parametrize("lines", ['"a,Max Mustermann\nb,y\n', "a,Max Mustermann,more,cells\n"])
def test_a_broken_line_is_one_fault_without_its_content(tmp_path: Path, lines: str) -> None:
    (write(tmp_path) / "labels.csv").write_text(f"record,labels\n{lines}c,z\n")
    entries = wfdb_folder.entries(settings(tmp_path))
    (fault,) = entries["fault"].drop_nulls()
    assert re.search(r"labels.csv: row 1 below the header has .*: correct it or remove the row$", fault)
    assert "Mustermann" not in fault  # what a cell holds may be personal
    assert entries.filter(pl.col("fault").is_null())["record_id"].to_list() == ["b", "c"][-entries.height + 1 :]
