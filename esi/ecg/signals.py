"""Signals as a model reads them, out of memory-mapped files: one ingested data set, filtered and resampled once per machine.

A random record out of Parquet costs up to 44 ms, out of a memory map 0.04 ms. The store lies under .cache, keyed by the
content of the signals, by the signal settings and by the code, and is built where it is absent.

Legend: N records, B batch, C leads, T samples.
"""

from __future__ import annotations

import math
import os
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from tqdm import tqdm

from esi.closure import code_hash
from esi.ecg.leads import LEADS, RATE, SAMPLES
from esi.ecg.tables import ROW_GROUP_RECORDS, signals_of, table_paths
from esi.errors import EsiError
from esi.files import cache_folder, content_hash, json_hash
from esi.sealed import clear, sealed_folder
from esi.settings.data import Signal

HIGHPASS_ORDER = 2
MILLIVOLTS = 1e-3  # of the stored microvolts


@dataclass(frozen=True)
class SignalStore:
    """All signals of one data set."""

    signals_NCT: np.ndarray  # memory map, int16 microvolts [N, 12, 10 s x rate]
    valid_N: np.ndarray  # valid samples at that rate
    row_of: dict[str, int]  # record id -> row
    key: str  # content hash of signals, settings and code


def open_store(ecg_folder: Path, settings: Signal) -> SignalStore:
    """The signals of one ingested data set at `settings.rate`, from the cache or built into it.

    Args:
        ecg_folder: data/ecg/<dataset>.
        settings: rate in Hz and corner of the high-pass in Hz.
    """
    paths = table_paths(ecg_folder)
    records = pl.scan_parquet(paths).select("record_id", "valid_samples", "signal_hash").collect()
    key = content_hash(
        json_hash(settings.model_dump()),
        code_hash(__name__),
        records["valid_samples"].to_numpy().tobytes(),
        *records["record_id"],
        *records["signal_hash"],
    )[:32]
    folder = sealed_folder(cache_folder("signals") / key, lambda work: _build(paths, records.height, settings, work))
    return SignalStore(
        signals_NCT=np.load(folder / "signals.npy", mmap_mode="r"),
        valid_N=records["valid_samples"].to_numpy() // (RATE // settings.rate),
        row_of={record: row for row, record in enumerate(records["record_id"])},
        key=key,
    )


def gather_microvolts(places: Sequence[tuple[SignalStore, int]]) -> np.ndarray:
    """Records out of their stores, by row: int16 microvolts [B, 12, T], as stored."""
    first = places[0][0].signals_NCT
    signals_BCT = np.empty((len(places), *first.shape[1:]), first.dtype)
    for place, (store, row) in enumerate(places):
        signals_BCT[place] = store.signals_NCT[row]
    return signals_BCT


def gather_millivolts(places: Sequence[tuple[SignalStore, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Records out of their stores, by row: float32 millivolts [B, 12, T] and valid samples int64 [B]."""
    valid_B = np.array([store.valid_N[row] for store, row in places], np.int64)
    return gather_microvolts(places) * np.float32(MILLIVOLTS), valid_B


def _build(paths: list[Path], records: int, settings: Signal, work: Path) -> None:
    """Write signals.npy into `work`, a part file at a time on all cores; a killed build goes on where it was."""
    begun, array = work / "begun.done", work / "signals.npy"
    shape = (records, len(LEADS), SAMPLES * settings.rate // RATE)
    if not (begun.exists() and _mapped(array, shape)):
        clear(work)
        free, needed = shutil.disk_usage(work).free, math.prod(shape) * 2
        if free < needed:  # a mapped file on a full disk ends the process without a word
            raise EsiError(f"{work} has room for {free / 1e9:.1f} GB, and the signals take {needed / 1e9:.1f}: make room")
        np.lib.format.open_memmap(array, "w+", "<i2", shape).flush()
        begun.touch()
    out = np.lib.format.open_memmap(array, "r+")
    sizes = [pq.read_metadata(path).num_rows for path in paths]
    first_rows = np.cumsum([0, *sizes[:-1]]).tolist()

    with tqdm(total=records, desc=f"signals {paths[0].parent.name}", unit="record") as bar:

        def write_part(path: Path, row: int, size: int) -> None:
            done = work / f"{row}-{size}.done"  # by its rows: the same records may lie in other parts when the build goes on
            rows = slice(row, row + size)
            if not (done.is_file() and done.read_text() == _checksum(out[rows])):
                for batch in pq.ParquetFile(path).iter_batches(ROW_GROUP_RECORDS, columns=["signal", "valid_samples"]):
                    signals = signals_of(batch["signal"])
                    out[row : row + len(signals)] = process(signals, batch["valid_samples"].to_numpy(), settings)
                    row += len(signals)
                out.flush()
                done.write_text(_checksum(out[rows]))
            bar.update(size)

        # Threads: filters and Parquet leave the interpreter's lock alone, and a process would import torch first.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(write_part, paths, first_rows, sizes))


def _mapped(array: Path, shape: tuple[int, ...]) -> bool:
    """Whether the file of a build that was killed is whole."""
    try:
        out = np.lib.format.open_memmap(array, "r")
    except (OSError, ValueError):
        return False
    return out.shape == shape and out.dtype == np.dtype("<i2")


def _checksum(rows_NCT: np.ndarray) -> str:
    """Of finished rows: what a killed build left is read again before it is believed."""
    return f"{zlib.crc32(np.ascontiguousarray(rows_NCT).data):08x}"


def process(microvolts_NCT: np.ndarray, valid_N: np.ndarray, settings: Signal) -> np.ndarray:
    """High-pass (zero phase) and resample: int16 microvolts [N, 12, 5000] -> [N, 12, 10 s x rate]. Padding stays 0."""
    from scipy import signal as dsp  # a second's import, and a store is built once a machine

    out = np.zeros((*microvolts_NCT.shape[:2], SAMPLES * settings.rate // RATE), np.int16)
    step = RATE // settings.rate
    sos = (
        dsp.butter(HIGHPASS_ORDER, settings.highpass_hz, "highpass", fs=RATE, output="sos") if settings.highpass_hz else None
    )
    for valid in np.unique(valid_N):
        rows = np.flatnonzero(valid_N == valid)
        signal = microvolts_NCT[rows, :, :valid].astype(np.float64)
        if sos is not None:
            signal = dsp.sosfiltfilt(sos, signal, axis=-1)
        if step > 1:
            signal = dsp.resample_poly(signal, 1, step, axis=-1, padtype="edge")
        length = valid // step
        limits = np.iinfo(np.int16)
        out[rows, :, :length] = np.clip(np.rint(signal[..., :length]), limits.min, limits.max)
    return out
