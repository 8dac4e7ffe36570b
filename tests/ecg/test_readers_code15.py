"""CODE-15%: what its reader does beyond what every reader does (test_readers.py)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from esi.ecg.ingest import ingest
from esi.ecg.readers.hdf5 import CHUNKS
from esi.ecg.releases import list_entries, reader_of
from esi.ecg.tables import signals_of, table_paths
from esi.ecg.wfdb.files import read_signals
from esi.settings.data import Ingest
from tests.conftest import REAL
from tests.ecg.test_ingest import LIMITS, settings
from tests.ecg.written_releases import CODE15_HEADER, write_code15, write_tracings

h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[hdf5]'")
LABELLED = REAL.parent / "real_more/code15_labelled"


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """No shard of another run is found."""


def release(folder: Path, *rows: str) -> Ingest:
    """A table of these rows; the file exams_part0.hdf5 holds the exams 7 and 8."""
    signal_CT = np.random.default_rng(0).normal(size=(12, 2934))
    write_tracings(folder / "exams_part0.hdf5", {7: signal_CT, 8: signal_CT[:, :2800]})
    (folder / "exams.csv").write_text("\n".join([CODE15_HEADER, *rows]) + "\n")
    return settings(folder, "code15")


def row(exam: str = "7", age: str = "50", male: str = "True", af: str = "True", file: str = "exams_part0.hdf5") -> str:
    return f"{exam},{age},{male},49.1,False,False,False,False,False,{af},31,,,False,{file}"


def tables(given: Ingest, out: Path) -> tuple[dict[str, np.ndarray], pl.DataFrame]:
    """Microvolts of each record, and the quarantine."""
    out.mkdir()
    ingest("mine", given, LIMITS, out)
    rows = pq.read_table(table_paths(out)[0])
    signals = signals_of(rows["signal"].combine_chunks())
    return dict(zip(rows["record_id"].to_pylist(), signals, strict=True)), pl.read_parquet(out / "quarantine.parquet")


@pytest.mark.skipif(not LABELLED.is_dir(), reason="the labelled CODE-15% records do not lie in ../shared/real_more")
def test_real_exams_are_the_same_from_hdf5_as_from_wfdb(tmp_path: Path) -> None:
    with (LABELLED / "meta.csv").open(newline="") as file:
        exams = list(csv.DictReader(file))
    folder = tmp_path / "code15"
    folder.mkdir()
    for name in {exam["trace_file"] for exam in exams}:
        of_file = [exam["exam_id"] for exam in exams if exam["trace_file"] == name]
        write_tracings(folder / name, {int(exam): read_signals(LABELLED / f"{exam}.hea")[0] for exam in of_file})
    columns = CODE15_HEADER.split(",")
    (folder / "exams.csv").write_text(
        "\n".join([CODE15_HEADER, *(",".join(exam[name] for name in columns) for exam in exams)]) + "\n"
    )
    given = settings(folder, "code15")
    entries = list_entries(given)
    assert entries.height == len(exams) == 10
    counts = entries["statements"].explode().value_counts().sort("statements")
    assert dict(counts.iter_rows())["first degree AV block"] == sum(exam["1dAVb"] == "True" for exam in exams) == 3
    found, quarantine = tables(given, tmp_path / "out")
    assert quarantine.is_empty()

    rows = [f"{exam['exam_id']},x" for exam in exams]
    own = tmp_path / "own"
    own.mkdir()
    for path in LABELLED.iterdir():
        (own / path.name).symlink_to(path)
    (own / "table.csv").write_text("\n".join(["record,labels", *rows]) + "\n")
    text = {
        "table": "table.csv",
        "columns": {"record": "record", "labels": "labels"},
        "separator": ";",
        "labels_are": "text",
    }
    same, _ = tables(settings(own, "wfdb-folder", **text), tmp_path / "wfdb")
    assert found.keys() == same.keys()
    for exam, signal_CT in same.items():
        assert np.abs(signal_CT.astype(int) - found[exam]).max() <= 1, exam  # float32 in the file


def test_persons_and_labels_however_the_flags_are_written(tmp_path: Path) -> None:
    entries = list_entries(release(tmp_path, row(), row("8.0", "nan", "0", "1")))
    assert entries.select("record_id", "age", "sex").rows() == [("7", 50.0, "male"), ("8", None, "female")]
    assert entries["codes"].to_list() == [["AF"], ["AF"]]
    assert entries["subject_id"].to_list() == ["31", "31"]


@pytest.mark.parametrize("broken", [row("x"), row(af="perhaps"), row(male="M"), row(file="../part.hdf5"), row(file="a.csv")])
def test_a_broken_row_is_named_and_stops_no_other(tmp_path: Path, broken: str) -> None:
    entries = list_entries(release(tmp_path, row("8"), broken, row("9")))
    (fault,) = entries["fault"].drop_nulls()
    assert "exams.csv: row 2 below the header is not one of CODE-15%'s" in fault
    assert entries.filter(pl.col("fault").is_null())["record_id"].to_list() == ["8", "9"]


def test_an_exam_that_its_file_lacks_goes_to_quarantine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, quarantine = tables(release(tmp_path, row("9"), row("7")), tmp_path / "out")
    assert list(found) == ["7"]
    assert quarantine.select("record_id", "reason", "message").rows() == [
        ("9", "missing record", "exams_part0.hdf5: does not hold this exam")
    ]
    assert "does not list 1 exams of the .hdf5 files" in capsys.readouterr().err


def test_a_file_and_its_unpacked_chunks_stay_for_the_next_record(tmp_path: Path) -> None:
    """A dataset that is opened anew unpacks its chunk anew: 174 ms a record instead of 4 where a chunk holds 64 of them."""
    given = release(tmp_path, row("7"), row("8"))
    with reader_of(given) as reader:
        first = reader._file.dataset(tmp_path / "exams_part0.hdf5", "tracings")
        reader.open("exams_part0.hdf5", 0)
        assert reader._file.dataset(tmp_path / "exams_part0.hdf5", "tracings") is first
        assert first.file.id.get_access_plist().get_cache()[2] == CHUNKS
    assert not first, "closed behind the last record"


def test_padding_is_no_part_of_a_record(tmp_path: Path) -> None:
    out = tmp_path / "out"
    tables(release(tmp_path, row("7"), row("8")), out)
    seconds = pl.read_parquet(table_paths(out)[0], columns=["source_seconds"])["source_seconds"].to_list()
    assert seconds == pytest.approx([2934 / 400, 2800 / 400])


@pytest.mark.parametrize("shape", [(2, 4096, 8), (2, 4096), (2,)])
def test_tracings_of_another_shape_go_to_quarantine(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_code15(tmp_path)
    with h5py.File(tmp_path / "exams_part0.hdf5", "w") as file:
        file["exam_id"], file["tracings"] = np.array([1169160, 2873686]), np.ones(shape, np.float32)
    found, quarantine = tables(settings(tmp_path, "code15"), tmp_path / "out")
    assert list(found) == ["168405", "271011"]
    assert set(quarantine["reason"]) == {"unreadable"}
    assert "exams_part0.hdf5: holds tracings of shape" in quarantine["message"][0]
