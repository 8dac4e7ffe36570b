from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from esi.ecg import signals as signals_module
from esi.ecg.signals import SignalStore, gather_millivolts, open_store, process
from esi.ecg.tables import SCHEMA, table_paths
from esi.errors import EsiError
from esi.files import write_table
from esi.settings.data import Signal

RAW = Signal(rate=500, highpass_hz=0)
LOW = Signal(rate=100, highpass_hz=0.5)


def write_records(folder: Path, count: int, seed: int = 0) -> np.ndarray:
    signals = np.random.default_rng(seed).integers(-3000, 3000, (count, 12, 5000)).astype("<i2")
    rows = [
        {
            "dataset": folder.name,
            "record_id": str(i),
            "valid_samples": 5000 if i else 3000,
            "signal_hash": f"{seed}-{i}",
            "signal": signals[i].tobytes(),
        }
        for i in range(count)
    ]
    for part in (0, 1):
        write_table(folder / f"part-{part:05d}.parquet", pa.Table.from_pylist(rows[part::2], SCHEMA))
    return signals


def test_stored_signals_are_the_tables_signals(tmp_path: Path, own_cache: Path) -> None:
    signals = write_records(tmp_path / "ptbxl", 5)
    signals[0, :, 3000:] = 0  # padding
    store = open_store(tmp_path / "ptbxl", RAW)
    for record, row in store.row_of.items():
        np.testing.assert_array_equal(store.signals_NCT[row], signals[int(record)])
    assert store.valid_N[store.row_of["0"]] == 3000


def test_millivolts_are_torchs_to_the_bit() -> None:
    """Every value that a sample can have: what was trained on tensors made by torch alone stays what it was."""
    every = np.arange(-32768, 32768, dtype="<i2").reshape(2, 8, 4096)
    store = SignalStore(every, np.array([4096, 7], np.int32), {}, "key")
    ecg_BCT, valid_B = gather_millivolts([(store, 1), (store, 0)])
    assert (ecg_BCT.dtype, valid_B.dtype, valid_B.tolist()) == (np.float32, np.int64, [7, 4096])
    assert torch.equal(torch.from_numpy(ecg_BCT), torch.from_numpy(every[::-1].copy()) * 1e-3)


def test_another_signal_or_setting_is_another_store(tmp_path: Path, own_cache: Path) -> None:
    write_records(tmp_path / "ptbxl", 4)
    first = open_store(tmp_path / "ptbxl", RAW)
    assert open_store(tmp_path / "ptbxl", RAW).key == first.key
    low = open_store(tmp_path / "ptbxl", LOW)
    write_records(tmp_path / "ptbxl", 4, seed=1)
    changed = open_store(tmp_path / "ptbxl", RAW)
    assert len({first.key, low.key, changed.key}) == 3
    assert (changed.signals_NCT[0] != first.signals_NCT[0]).any()
    assert low.signals_NCT.shape == (4, 12, 1000)


def stopped_after_one_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Begin to build the store of `folder` on one thread and fail in the second part; the sizes of what was processed."""
    processed: list[int] = []

    def failing(signals: np.ndarray, valid: np.ndarray, settings: Signal) -> np.ndarray:
        if processed:
            raise KeyboardInterrupt
        processed.append(len(signals))
        return process(signals, valid, settings)

    with monkeypatch.context() as patched:
        patched.setattr(signals_module, "process", failing)
        patched.setattr(os, "cpu_count", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            open_store(folder, LOW)
    return processed


def test_a_killed_build_goes_on_with_the_missing_part(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = write_records(tmp_path / "ptbxl", 9)
    assert stopped_after_one_part(tmp_path / "ptbxl", monkeypatch) == [5]
    (partial,) = (own_cache / "signals").glob("*.partial")
    rows: list[int] = []

    def counting(signals: np.ndarray, valid: np.ndarray, settings: Signal) -> np.ndarray:
        rows.append(len(signals))
        return process(signals, valid, settings)

    monkeypatch.setattr(signals_module, "process", counting)
    store = open_store(tmp_path / "ptbxl", LOW)
    assert rows == [4]
    assert not partial.exists()
    for record, row in store.row_of.items():
        alone = process(signals[[int(record)]], np.array([3000 if record == "0" else 5000]), LOW)[0]
        np.testing.assert_array_equal(store.signals_NCT[row], alone)


def test_a_build_goes_on_although_the_records_lie_in_other_parts_now(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ptbxl"
    write_records(folder, 9)
    stopped_after_one_part(folder, monkeypatch)
    together = pa.concat_tables([pq.read_table(path) for path in table_paths(folder)])
    for path, part in zip(table_paths(folder), (together[:7], together[7:]), strict=True):
        write_table(path, part)
    store = open_store(folder, LOW)
    assert store.signals_NCT.any(axis=(1, 2)).all(), "a row was never written"


def test_any_number_of_threads_gives_the_same_store(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_records(tmp_path / "ptbxl", 9)
    stores = []
    for threads in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / f"with {threads}"))
        stores.append(open_store(tmp_path / "ptbxl", LOW))
    assert stores[0].key == stores[1].key
    np.testing.assert_array_equal(stores[0].signals_NCT, stores[1].signals_NCT)


def test_a_disk_without_room_is_one_sentence(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_records(tmp_path / "ptbxl", 4)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
        with pytest.raises(EsiError, match=r"has room for 0.0 GB, and the signals take 0.0: make room"):
            open_store(tmp_path / "ptbxl", RAW)
    assert len(open_store(tmp_path / "ptbxl", RAW).signals_NCT) == 4


def test_processing_removes_the_wander_and_keeps_the_heart() -> None:
    time = np.arange(5000) / 500
    heart, wander = 800 * np.sin(2 * np.pi * 8 * time), 500 * np.sin(2 * np.pi * 0.15 * time) + 300
    out = process(np.tile((heart + wander).astype(np.int16), (1, 12, 1)), np.array([5000]), LOW)
    np.testing.assert_allclose(out[0, 0, 200:700], heart[::5][200:700], atol=40)


def test_padding_stays_zero_and_does_not_reach_into_the_record() -> None:
    signal = np.random.default_rng(0).integers(-900, 900, (2, 12, 5000)).astype(np.int16)
    signal[1] = signal[0]
    signal[1, :, 2500:] = 12345  # whatever lies behind the valid length must not matter
    out = process(signal, np.array([2500, 2500]), LOW)
    np.testing.assert_array_equal(out[0], out[1])
    assert not out[:, :, 500:].any()
