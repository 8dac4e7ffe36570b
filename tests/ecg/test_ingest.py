from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import wfdb

from esi.ecg.entries import ReleaseError
from esi.ecg.ingest import ingest, signals_of, table_paths
from esi.ecg.leads import LEADS
from esi.params import Folds, Ingest

FOLDS = Folds(train=[1, 2, 3, 4, 5, 6, 7, 8], validation=[9], test=[10])


def settings(root: Path, format_: str = "challenge", rate: int = 500) -> Ingest:
    return Ingest.model_validate(
        {"format": format_, "root": root, "watch": ".", "rate": rate, "patients": None, "folds": FOLDS}
    )


def write_record(folder: Path, name: str, leads: tuple[str, ...] = LEADS, scale: float = 1.0) -> np.ndarray:
    signal = np.rint(np.random.default_rng(len(name)).normal(size=(5000, len(leads))) * 200) / 1000 * scale
    each = len(leads)
    comments = ["Age: 50", "Sex: Male", "Dx: 426783006"]
    wfdb.wrsamp(
        name, 500, ["mV"] * each, list(leads), signal, fmt=["16"] * each, adc_gain=[1000.0] * each, baseline=[0] * each,
        comments=comments, write_dir=str(folder),
    )  # fmt: skip
    return signal


def test_the_table_holds_the_signal_and_quarantine_holds_the_rest(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    out.mkdir()
    signal = write_record(raw, "good")
    write_record(raw, "wrong", leads=(*LEADS[:-1], "V7"))
    write_record(raw, "dead", scale=0.0)
    (raw / "torn.hea").write_text("torn 12")
    write_record(raw, "lost")
    (raw / "lost.dat").unlink()
    figures = ingest("mine", settings(raw), out)
    table = pq.read_table(table_paths(out)[0])
    assert table["record_id"].to_pylist() == ["good"]
    stored = signals_of(table["signal"].combine_chunks())[0]
    np.testing.assert_array_equal(stored, np.rint(signal.T * 1000))
    quarantine = pl.read_parquet(out / "quarantine.parquet")
    assert dict(quarantine.select("record_id", "reason").iter_rows()) == {
        "wrong": "leads", "dead": "flat", "torn": "bad header", "lost": "missing file",
    }  # fmt: skip
    assert all(record in message for record, message in quarantine.select("record_id", "message").iter_rows())
    assert (figures["records"], figures["quarantined"], figures["quarantined_bad_header"]) == (1, 4, 1)


def test_nothing_usable_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "torn.hea").write_text("torn 12")
    with pytest.raises(ReleaseError, match=r"none of 1 records can be used.*bad header"):
        ingest("mine", settings(tmp_path), tmp_path)


def test_the_same_release_gives_the_same_bytes(tmp_path: Path, real: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ingest("icbeb", settings(real / "cinc2021/cpsc_2018"), tmp_path / name)
    for path in table_paths(tmp_path / "a"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_real_ptbxl_has_no_subject_in_two_splits(tmp_path: Path, real: Path) -> None:
    figures = ingest("ptbxl", settings(real / "ptb-xl", "ptbxl", 100), tmp_path)
    assert (figures["records"], figures["quarantined"], figures["records_validation"]) == (1732, 0, 242)
    table = pl.scan_parquet(table_paths(tmp_path)).select("subject_id", "split").collect()
    assert table.group_by("subject_id").agg(pl.col("split").n_unique())["split"].max() == 1
