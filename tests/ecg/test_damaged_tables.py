"""Whatever happens to a table: each record is read equal, or has a fault, or what is lost is said, or the set is refused."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.ecg.entries import ReleaseError
from esi.ecg.readers import cpsc2018, mimic, ptbxl, wfdb_folder
from esi.ecg.readers.csv_files import read_columns
from tests.ecg.test_readers_cpsc2018 import write_mat
from tests.ecg.test_readers_wfdb_folder import EVERY_COLUMN
from tests.ecg.test_readers_wfdb_folder import settings as folder_settings

NAMES = "abcdefgh"
OWN = "record,labels,subject,age,sex,fold\n" + "".join(
    f'{name},"Müller block; ""x"", y{number}",s{number},{40 + number},f,{number}\n' if number % 2
    else f"{name},Sinus rhythm,,,male,{number}\n"
    for number, name in enumerate(NAMES)
)  # fmt: skip
PTBXL = "ecg_id,patient_id,age,sex,report,scp_codes,strat_fold,filename_lr,filename_hr\n" + "".join(
    f"{number},{number * 7}.0,{40 + number}.0,1,für {number},\"{{'NORM': {90 + number}.0, 'SR': 0.0}}\",{number + 1},"
    f"records100/{number}_lr,records500/{number}_hr\n"
    for number in range(8)
)
REFERENCE = "Recording,First_label,Second_label,Third_label\n" + "".join(
    f"A000{number},{number + 1},{9 - number},\n" for number in range(4)
)
RECORD_LIST = "subject_id,study_id,file_name,ecg_time,path\n" + "".join(
    f"1000{number},400{number},400{number},2180-07-23 08:44:00,files/p1000/400{number}\n" for number in range(8)
)
MEASUREMENTS = ",".join(["subject_id", "study_id", *mimic.REPORTS, "bandwidth"]) + "\n" + "".join(
    f'1000{number},400{number},Sinus rhythm,"Possible ""LVH"", für {number}"{"," * 16},0.05-150 Hz\n' for number in range(8)
)  # fmt: skip


@contextmanager
def own(table: bytes) -> Iterator[Callable[[], pl.DataFrame]]:
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            Path(folder, f"{name}.hea").touch()
        Path(folder, "labels.csv").write_bytes(table)
        yield lambda: wfdb_folder.entries(folder_settings(Path(folder), columns=EVERY_COLUMN))


@contextmanager
def of_ptbxl(table: bytes) -> Iterator[Callable[[], pl.DataFrame]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "records100").mkdir()
        for number in range(8):
            Path(folder, f"records100/{number}_lr.hea").touch()
        Path(folder, "ptbxl_database.csv").write_bytes(table)
        yield lambda: ptbxl.entries(Path(folder), 100)


@contextmanager
def of_cpsc2018(table: bytes) -> Iterator[Callable[[], pl.DataFrame]]:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(4):
            write_mat(Path(folder, f"A000{number}.mat"))
        Path(folder, "REFERENCE.csv").write_bytes(table)
        yield lambda: cpsc2018.entries(Path(folder))


@contextmanager
def of_mimic(records: bytes, measurements: bytes = MEASUREMENTS.encode()) -> Iterator[Callable[[], pl.DataFrame]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "files").mkdir()
        Path(folder, "record_list.csv").write_bytes(records)
        Path(folder, "machine_measurements.csv").write_bytes(measurements)
        yield lambda: mimic.entries(Path(folder), None)


TABLES: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "own": (OWN, own),
    "ptbxl": (PTBXL, of_ptbxl),
    "cpsc2018": (REFERENCE, of_cpsc2018),
    "record_list": (RECORD_LIST, of_mimic),
    "machine_measurements": (MEASUREMENTS, lambda table: of_mimic(RECORD_LIST.encode(), table)),
}


def rows_of(table: str, opened: Callable[[bytes], Any]) -> dict[str, Any]:
    with opened(table.encode()) as read, redirect_stderr(io.StringIO()):
        entries = read()
    assert entries["fault"].null_count() == entries.height
    return {row["record_id"]: row for row in entries.iter_rows(named=True)}


def letters(statements: list[str]) -> str:
    return "".join(char for char in "".join(statements) if char not in ' ,\n"')


EXPECTED = {name: rows_of(*each) for name, each in TABLES.items()}


@st.composite
def damages(draw: st.DrawFn, table: str) -> bytes:
    """One damage to one place: none that makes one number out of another, which nobody could tell."""
    data = table.encode()
    body = data.index(b"\n") + 1
    place = draw(st.integers(body, len(data) - 1))
    kind = draw(st.sampled_from(["cut", "quote", "separator", "newline", "byte", "null", "twice", "remove"]))
    if kind == "cut":
        return data[:place]
    if kind == "twice":
        begin, end = data.rindex(b"\n", 0, place) + 1, data.index(b"\n", place) + 1
        return data[:end] + data[begin:]
    if kind == "remove":  # one character that gives the table its form
        places = [number for number in range(body, len(data)) if data[number] in b',"\n']
        place = draw(st.sampled_from(places))
        return data[:place] + data[place + 1 :]
    inserted = {"quote": b'"', "separator": b",", "newline": b"\n", "byte": b"\xff", "null": b"\0"}[kind]
    return data[:place] + inserted + data[place:]


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_nothing_changes_or_is_lost_in_silence(name: str, data: st.DataObject) -> None:
    table, opened = TABLES[name]
    damaged = data.draw(damages(table))
    said = io.StringIO()
    with opened(damaged) as read, redirect_stderr(said):
        try:
            entries = read()
        except ReleaseError:
            return
    good = {row["record_id"]: row for row in entries.filter(pl.col("fault").is_null()).iter_rows(named=True)}
    faults = entries["fault"].drop_nulls().to_list()
    unended = "its last line has no end" in said.getvalue()
    loud = said.getvalue()
    for record, row in good.items():
        if unended and row == list(good.values())[-1]:
            continue  # a value that was cut in its middle: the message names the row
        expected = EXPECTED[name].get(record)
        if "is read as cp1252" in loud:
            continue  # in a table of ASCII alone, another byte is a letter of Windows
        assert expected is not None, (damaged, row)
        if row != expected:
            changed = {key for key in row if row[key] != expected[key]}
            assert changed <= {"codes", "statements", "likelihoods"}, (damaged, row, expected)
            # within quotation marks a comma or newline is content, and may make a code one that is not known
            same = letters(row["statements"]) == letters(expected["statements"])
            assert same or "give no statement" in loud or "has no row for" in loud, (damaged, row, expected)
    if set(EXPECTED[name]) - set(good):
        assert faults or "left out" in loud or "table was cut" in loud or "was cut, download" in loud, damaged


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_form_of_a_table_does_not_matter(name: str, data: st.DataObject) -> None:
    """Line ends of any kind and mixed, encodings, separators, a gap of empty rows, cells that are all quoted."""
    table, opened = TABLES[name]
    lines = table.splitlines()
    if data.draw(st.booleans(), "separator"):
        cells = pl.read_csv(io.StringIO(table), infer_schema=False)
        separator = data.draw(st.sampled_from(";\t|"))
        style = data.draw(st.sampled_from(["always", "necessary"]))
        lines = cells.write_csv(separator=separator, quote_style=style).splitlines()
    if data.draw(st.booleans(), "gap"):
        lines.insert(data.draw(st.integers(1, len(lines))), "")
    ends = data.draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(lines), max_size=len(lines)))
    if data.draw(st.booleans(), "one kind of end"):
        ends = ends[:1] * len(lines)
    text = "".join(map("".join, zip(lines, ends, strict=True)))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    with opened(text.encode(encoding)) as read, redirect_stderr(io.StringIO()):
        assert {row["record_id"]: row for row in read().iter_rows(named=True)} == EXPECTED[name]


@given(cells=st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_cells_come_back(cells: list[tuple[str, str]]) -> None:
    def clean(text: str) -> str | None:
        return text.encode("utf-8", "ignore").decode().replace("\0", "").replace("\r", "\n").strip() or None

    rows = [(clean(a), clean(b)) for a, b in cells]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        pl.DataFrame(rows, ["record", "labels"], orient="row").cast(pl.String).write_csv(path, quote_style="always")
        table = read_columns(path, ["record", "labels"], "mend it")
    assert table.cells.rows() == rows
    assert table.faults.null_count() == len(rows)
