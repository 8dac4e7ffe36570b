"""Signals as the model sees them, in memory-mapped files: one ingested data set, filtered and resampled once per machine.

A random record out of Parquet costs up to 44 ms, out of a memory map 0.04 ms. The store lies under .cache, keyed by the
content of the signals and by the signal settings, and is built anew where it is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from scipy import signal as dsp
from tqdm import tqdm

from esi.ecg.ingest import signals_of, table_paths
from esi.ecg.leads import LEADS, RATE, SAMPLES
from esi.files import cache_folder, content_hash, json_hash, replacing_folder
from esi.params import Signal

VERSION = 1  # of the processing below: a change of it must not meet an old store
HIGHPASS_ORDER = 2


@dataclass(frozen=True)
class SignalStore:
    """All signals of one data set."""

    signals_NCT: np.ndarray  # memory map, int16 microvolts [N, 12, 10 s x rate]
    valid_N: np.ndarray  # valid samples at that rate
    row_of: dict[str, int]  # record id -> row
    key: str  # content hash of signals and settings


def open_store(ecg_folder: Path, settings: Signal) -> SignalStore:
    """The signals of one ingested data set at `settings.rate`, from the cache or built into it.

    Args:
        ecg_folder: data/ecg/<dataset>.
        settings: rate in Hz and corner of the high-pass in Hz.
    """
    paths = table_paths(ecg_folder)
    records = pl.scan_parquet(paths).select("record_id", "valid_samples", "signal_hash").collect()
    key = content_hash(json_hash(settings.model_dump()), str(VERSION), *records["record_id"], *records["signal_hash"])
    folder = cache_folder("signals") / key[:32]
    step = RATE // settings.rate
    if not folder.exists():
        with replacing_folder(folder) as temporary:
            out = np.lib.format.open_memmap(
                temporary / "signals.npy", "w+", "<i2", (records.height, len(LEADS), SAMPLES // step)
            )
            with tqdm(total=records.height, desc=f"signals {ecg_folder.name}", unit="record") as bar:
                row = 0
                for path in paths:
                    for batch in pq.ParquetFile(path).iter_batches(256, columns=["signal", "valid_samples"]):
                        table = signals_of(batch["signal"])
                        valid = batch["valid_samples"].to_numpy()
                        out[row : row + len(table)] = process(table, valid, settings)
                        row += len(table)
                        bar.update(len(table))
            out.flush()
            del out
    return SignalStore(
        signals_NCT=np.load(folder / "signals.npy", mmap_mode="r"),
        valid_N=records["valid_samples"].to_numpy() // step,
        row_of={record: row for row, record in enumerate(records["record_id"])},
        key=key,
    )


def process(microvolts_NCT: np.ndarray, valid_N: np.ndarray, settings: Signal) -> np.ndarray:
    """High-pass (zero phase) and resample: int16 microvolts [N, 12, 5000] -> [N, 12, 10 s x rate]. Padding stays 0."""
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
