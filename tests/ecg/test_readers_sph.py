"""SPH: what its reader does beyond what every reader does (test_readers.py)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from esi.ecg.ingest import ingest
from esi.ecg.readers.sph import STATEMENTS
from esi.ecg.releases import list_entries
from esi.ecg.tables import signals_of, table_paths
from tests.conftest import REAL
from tests.ecg.test_ingest import LIMITS, settings
from tests.ecg.written_releases import write_sph

h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[hdf5]'")
SPH = REAL.parent / "real_more/sph"
with_real = pytest.mark.skipif(not SPH.is_dir(), reason="the SPH records do not lie in ../shared/real_more")


@with_real
def test_real_records(tmp_path: Path, own_cache: Path) -> None:
    """Their table calls them SPH00001.h5; nine of the ten are in it."""
    (tmp_path / "sph").mkdir()
    (tmp_path / "sph/records").symlink_to(SPH / "records")
    (tmp_path / "sph/metadata.csv").write_text((SPH / "smoke_metadata.csv").read_text())
    (tmp_path / "out").mkdir()
    figures = ingest("sph", settings(tmp_path / "sph", "sph"), LIMITS, tmp_path / "out")
    assert (figures["records"], figures["quarantined"], figures["subjects"]) == (9, 0, 9)
    table = pq.read_table(table_paths(tmp_path / "out")[0])
    rows = pl.from_arrow(table.drop_columns("signal"))
    assert isinstance(rows, pl.DataFrame)
    first = rows.row(0, named=True)
    assert (first["record_id"], first["age"], first["sex"]) == ("SPH00001", 55.0, "male")
    assert first["statements"] == ["sinus bradycardia", "sinus arrhythmia"]
    assert rows["source_seconds"].to_list() == [10.0, 12.0, 13.0, 10.0, 10.0, 13.0, 10.0, 12.0, 15.0]
    with h5py.File(SPH / "records/SPH00001.h5") as file:
        own = np.rint(file["ecg"][:].astype(np.float64) * 1e3)
    stored = signals_of(table["signal"].combine_chunks())
    np.testing.assert_array_equal(stored[0], own)
    first_three = stored[:, :3].astype(int)  # I, II, III
    einthoven = np.abs(first_three[:, 0] + first_three[:, 2] - first_three[:, 1])
    assert np.median(einthoven) <= 2, "the leads are in another order"


@with_real
def test_every_primary_statement_of_the_real_table_is_known() -> None:
    with (SPH / "metadata_with_measurements_25770.csv").open(newline="") as file:
        cells = [row["AHA_Code"] for row in csv.DictReader(file)]
    assert {code.split("+")[0] for cell in cells for code in cell.split(";")} == set(STATEMENTS)


def test_modified_statements_are_codes_besides_and_repeated_ones_count_once(tmp_path: Path) -> None:
    write_sph(tmp_path)
    table = tmp_path / "metadata.csv"
    table.write_text(table.read_text().replace("60+310;23", "1;1", 1))
    entries = list_entries(settings(tmp_path, "sph"))
    assert entries["codes"].to_list()[:2] == [["1"], ["60", "60+310", "23"]]
    assert entries["statements"].to_list()[:2] == [["normal ECG"], ["ventricular premature complexes", "sinus arrhythmia"]]


@pytest.mark.parametrize("broken", ["../../A00002", "A00002,60+x"])
def test_a_broken_row_is_named_and_stops_no_other(tmp_path: Path, broken: str) -> None:
    write_sph(tmp_path)
    table = tmp_path / "metadata.csv"
    old = "A00002,60+310" if "," in broken else "A00002"
    table.write_text(table.read_text().replace(old, broken, 1))
    (fault,) = list_entries(settings(tmp_path, "sph"))["fault"].drop_nulls()
    assert "metadata.csv: row 2 below the header is not one of SPH's" in fault


def test_an_ecg_of_another_shape_goes_to_quarantine(tmp_path: Path, own_cache: Path) -> None:
    write_sph(tmp_path)
    with h5py.File(tmp_path / "records/A00003.h5", "w") as file:
        file["ecg"] = np.ones((8, 5000), np.float16)
    (tmp_path / "out").mkdir()
    ingest("sph", settings(tmp_path, "sph"), LIMITS, tmp_path / "out")
    (row,) = pl.read_parquet(tmp_path / "out/quarantine.parquet").iter_rows(named=True)
    assert (row["record_id"], row["reason"]) == ("A00003", "unreadable")
    assert row["message"] == "records/A00003.h5: holds an ecg of shape (8, 5000), not (12, samples)"
