from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pyarrow.parquet as pq
import pytest
import wfdb
from pydantic import TypeAdapter

from esi.ecg import ingest as module
from esi.ecg import shards
from esi.ecg.entries import ReleaseError, entry_table
from esi.ecg.ingest import ingest
from esi.ecg.leads import LEADS
from esi.ecg.readers.reader import Reader
from esi.ecg.releases import reader_of
from esi.ecg.tables import SCHEMA, signals_of, table_paths
from esi.settings.data import Folds, Ingest, Quality
from tests.conftest import ROOT

FOLDS = Folds(train=[1, 2, 3, 4, 5, 6, 7, 8], validation=[9], test=[10])
LIMITS = Quality(
    min_seconds=2, max_flat_leads=2, max_flat_fraction=None, max_nonfinite=0.05, max_clipped=0.0,
    max_wander_uv=None, max_mains_uv=None, max_muscle_uv=None,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """No shard of another run is found."""


def settings(root: Path, format_: str = "challenge", **others: object) -> Ingest:
    content = {"format": format_, "root": root, "watch": ".", "windows": "first", "folds": FOLDS} | others
    return TypeAdapter(Ingest).validate_python(content)


def write_record(folder: Path, name: str, leads: tuple[str, ...] = LEADS, scale: float = 1.0) -> np.ndarray:
    signal = np.rint(np.random.default_rng(list(name.encode())).normal(size=(5000, len(leads))) * 200) / 1000 * scale
    each = len(leads)
    comments = ["Age: 50", "Sex: Male", "Dx: 426783006"]
    wfdb.wrsamp(
        name, 500, ["mV"] * each, list(leads), signal, fmt=["16"] * each, adc_gain=[1000.0] * each, baseline=[0] * each,
        comments=comments, write_dir=str(folder),
    )  # fmt: skip
    return signal


def write_release(folder: Path, records: int) -> Path:
    folder.mkdir()
    for number in range(records):
        write_record(folder, f"r{number:02d}")
    (folder / "r03.dat").write_bytes(b"")
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def ingested(root: Path, out: Path, workers: int = 1) -> dict[str, bytes]:
    out.mkdir()
    ingest("mine", settings(root), LIMITS, out, workers)
    return bytes_of(out)


def test_the_table_holds_the_signal_and_quarantine_holds_the_rest(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    out.mkdir()
    signal_mV = write_record(raw, "good")
    write_record(raw, "wrong", leads=(*LEADS[:-1], "V7"))
    write_record(raw, "dead", scale=0.0)
    (raw / "torn.hea").write_text("torn 12")
    write_record(raw, "lost")
    (raw / "lost.dat").unlink()
    figures = ingest("mine", settings(raw), LIMITS, out)
    table = pq.read_table(table_paths(out)[0])
    assert table.schema.equals(SCHEMA)
    assert table["record_id"].to_pylist() == ["good"]
    stored = signals_of(table["signal"].combine_chunks())[0]
    np.testing.assert_array_equal(stored, np.rint(signal_mV.T * 1000))
    quarantine = pl.read_parquet(out / "quarantine.parquet")
    assert dict(quarantine.select("record_id", "reason").iter_rows()) == {
        "wrong": "leads", "dead": "flat", "torn": "bad header", "lost": "missing file",
    }  # fmt: skip
    for record, message in quarantine.select("record_id", "message").iter_rows():
        assert record in message
        assert str(tmp_path) not in message, "where the release lies on this machine is nobody else's business"
    assert (figures["records"], figures["quarantined"], figures["quarantined_bad_header"]) == (1, 4, 1)


def test_nothing_usable_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "torn.hea").write_text("torn 12\n#Dx: 426783006\n")
    with pytest.raises(ReleaseError, match=r"none of 1 records can be used.*bad header"):
        ingest("mine", settings(tmp_path), LIMITS, tmp_path)


def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 20)
    monkeypatch.setattr(module, "SHARD_RECORDS", 6)
    alone = ingested(raw, tmp_path / "alone")
    assert sorted(alone) == [*(f"part-{number:05d}.parquet" for number in range(4)), "quarantine.parquet"]
    assert ingested(raw, tmp_path / "together", workers=3) == alone


def test_an_interrupted_run_goes_on_with_the_missing_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 20)
    monkeypatch.setattr(module, "SHARD_RECORDS", 6)
    whole = ingested(raw, tmp_path / "whole")
    read: list[str] = []
    real_read = shards._read

    def counting(reader: Reader, path: str, *others: Any):
        read.append(path)
        if len(read) == 15:
            raise KeyboardInterrupt
        return real_read(reader, path, *others)

    monkeypatch.setattr(shards, "_read", counting)
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        ingest("mine", settings(raw), LIMITS, tmp_path / "out", 1)
    assert not list((tmp_path / "out").iterdir())
    write_record(raw, "r01", scale=2.0)  # mended meanwhile: its shard is read again
    ingest("mine", settings(raw), LIMITS, tmp_path / "out", 1)
    assert read[15:] == [f"r{number:02d}.hea" for number in (*range(6), *range(12, 20))]
    resumed = bytes_of(tmp_path / "out")
    assert resumed.pop("part-00000.parquet") != whole.pop("part-00000.parquet")
    assert resumed == whole


def test_a_killed_run_leaves_no_process_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 30)
    monkeypatch.setattr(module, "SHARD_RECORDS", 2)
    whole = ingested(raw, tmp_path / "whole")
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom esi.ecg import ingest as module\n"
        "from tests.ecg import test_ingest as own\n"
        "if __name__ == '__main__':\n    module.SHARD_RECORDS = 2\n    raw, out = map(Path, sys.argv[1:])\n"
        "    module.ingest('mine', own.settings(raw), own.LIMITS, out, 2)\n"
    )
    (tmp_path / "out").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(tmp_path)}
    process = subprocess.Popen([sys.executable, script, raw, tmp_path / "out"], env=environment, stderr=subprocess.DEVNULL)
    cache = tmp_path / ".cache" / "ingest"
    while process.poll() is None and not list(cache.rglob("*.quarantine.parquet")):
        time.sleep(0.005)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=30)[1], "workers outlived their parent"
    done = len(list(cache.rglob("*.quarantine.parquet")))
    assert 0 < done < 15
    ingest("mine", settings(raw), LIMITS, tmp_path / "out", 2)
    assert bytes_of(tmp_path / "out") == whole
    assert not list(cache.rglob("*.parquet")), "a finished run leaves nothing behind"


def test_a_run_that_dies_while_it_hands_over_its_shards_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 20)
    monkeypatch.setattr(module, "SHARD_RECORDS", 6)
    whole = ingested(raw, tmp_path / "whole")
    real_move = shutil.move
    moved: list[Path] = []

    def dying(source: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        real_move(source, target)

    monkeypatch.setattr(shutil, "move", dying)
    (tmp_path / "lost").mkdir()
    with pytest.raises(KeyboardInterrupt):
        ingest("mine", settings(raw), LIMITS, tmp_path / "lost", 1)
    monkeypatch.setattr(shutil, "move", real_move)
    assert ingested(raw, tmp_path / "out") == whole


def test_two_runs_at_once_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 20)
    monkeypatch.setattr(module, "SHARD_RECORDS", 6)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda name: ingested(raw, tmp_path / name), ("first", "second"))
    assert first == second
    assert pq.read_table(tmp_path / "first/part-00000.parquet").num_rows == 5


def test_where_the_release_lies_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 6)
    (raw / "odd.hea").write_text("odd 1 500 9\nodd.dat 999 200/mV 16 0 0 0 0 I\n#Dx: 1\n")
    expected = ingested(raw, tmp_path / "absolute")
    (tmp_path / "link").symlink_to(raw)
    assert ingested(tmp_path / "link", tmp_path / "linked") == expected
    monkeypatch.chdir(tmp_path)
    assert ingested(Path("raw/"), tmp_path / "relative") == expected
    messages = pl.read_parquet(tmp_path / "relative/quarantine.parquet")["message"]
    assert messages.str.starts_with("odd.hea: wfdb cannot read it").sum() == 1
    assert not messages.str.contains(str(tmp_path)).any()


def test_a_shard_without_a_usable_record_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = write_release(tmp_path / "raw", 9)
    for number in (3, 4, 5):
        (raw / f"r{number:02d}.dat").write_bytes(b"")
    monkeypatch.setattr(module, "SHARD_RECORDS", 3)
    assert list(ingested(raw, tmp_path / "out")) == ["part-00000.parquet", "part-00001.parquet", "quarantine.parquet"]
    assert pl.read_parquet(tmp_path / "out/quarantine.parquet")["record_id"].to_list() == ["r03", "r04", "r05"]
    ids = [pq.read_table(path)["record_id"].to_pylist() for path in table_paths(tmp_path / "out")]
    assert ids == [["r00", "r01", "r02"], ["r06", "r07", "r08"]]


def test_the_signal_file_that_a_header_names_is_what_a_shard_depends_on(tmp_path: Path) -> None:
    """The Challenge's S23074.hea names JS23074.mat."""
    write_record(tmp_path, "JS23074")
    (tmp_path / "JS23074.hea").rename(tmp_path / "S23074.hea")
    entry = entry_table([{"record_id": "S23074", "subject_id": "S23074", "path": "S23074.hea"}])
    shard = shards.Shard("mine", reader_of(settings(tmp_path)), False, LIMITS, entry, tmp_path)
    before = shard.files()
    assert shard.files() == before
    (tmp_path / "JS23074.dat").write_bytes(b"another")
    assert shard.files() != before


def test_the_same_release_gives_the_same_bytes(tmp_path: Path, real: Path) -> None:
    assert ingested(real / "cinc2021/cpsc_2018", tmp_path / "a") == ingested(real / "cinc2021/cpsc_2018", tmp_path / "b")


def test_all_windows_of_long_real_records_are_rows_of_one_subject(tmp_path: Path, real: Path) -> None:
    figures = ingest("ptb", settings(real / "cinc2021/ptb", windows="all"), LIMITS, tmp_path)
    rows = pl.scan_parquet(table_paths(tmp_path)).drop("signal").collect()
    assert figures["further_windows"] == rows.height - rows["subject_id"].n_unique() > 20
    assert rows.group_by("subject_id").agg(pl.col("split").n_unique())["split"].max() == 1
    first = rows.filter(pl.col("subject_id") == "S0001")  # 38.4 s at 1000 Hz
    assert first["record_id"].to_list() == ["S0001", "S0001-w1", "S0001-w2", "S0001-w3"]
    assert first["valid_samples"].to_list() == [5000, 5000, 5000, 4200]
    assert first["source_seconds"].to_list() == pytest.approx([38.4] * 4)


def test_real_ptbxl_has_no_subject_in_two_splits(tmp_path: Path, real: Path) -> None:
    figures = ingest("ptbxl", settings(real / "ptb-xl", "ptbxl", rate=100), LIMITS, tmp_path)
    assert (figures["records"], figures["quarantined"], figures["records_validation"]) == (1732, 0, 242)
    table = pl.scan_parquet(table_paths(tmp_path)).select("subject_id", "split", "codes", "likelihoods").collect()
    assert table.group_by("subject_id").agg(pl.col("split").n_unique())["split"].max() == 1
    assert (table["codes"].list.len() == table["likelihoods"].list.len()).all()
