"""How fast training reads random records: `python -m benchmarks.reads`.

A simulated set is ingested, its memory-mapped store built at 500 Hz without a filter, every record compared with the Parquet
table to the bit, and batches of random rows are read.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.report import report
from benchmarks.simulated import mimic_release
from esi import params
from esi.ecg.ingest import ingest
from esi.ecg.signals import SignalStore, gather_microvolts, gather_millivolts, open_store
from esi.ecg.tables import signals_of, table_paths
from esi.settings.data import Signal
from esi.simulate.releases.cohort import simulate_cohort

BATCH = 48  # the paper's, a GPU


def equal_to_the_table(store: SignalStore, folder: Path) -> int:
    """How many records the store holds; each must be the table's.

    Raises:
        AssertionError: one is not.
    """
    row = 0
    for path in table_paths(folder):
        for batch in pq.ParquetFile(path).iter_batches(columns=["signal", "record_id"]):
            signals = signals_of(batch["signal"])
            rows = [store.row_of[record] for record in batch["record_id"].to_pylist()]
            assert np.array_equal(store.signals_NCT[rows], signals), f"{path}: the store holds another signal"
            row += len(signals)
    return row


def records_per_second(read: Callable[[list[tuple[SignalStore, int]]], object], store: SignalStore, repeats: int) -> int:
    """The median over batches of random rows."""
    rng = np.random.default_rng(0)
    times = []
    for _ in range(repeats):
        places = [(store, int(row)) for row in rng.integers(0, len(store.signals_NCT), BATCH)]
        start = time.perf_counter()
        read(places)
        times.append(time.perf_counter() - start)
    return round(BATCH / median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=8000)
    parser.add_argument("--repeats", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DVC_ROOT"] = name  # its cache goes with it
        simulate_cohort(folder, {"mimic": arguments.records}, 0)
        (folder / "bench").mkdir()
        ingest("bench", mimic_release(folder / "mimic"), params.load().quality, folder / "bench")
        figures = {}
        for rate in (500, 100):
            store = open_store(folder / "bench", Signal(rate=rate, highpass_hz=0))
            if rate == 500:
                figures["records_equal_to_the_bit"] = equal_to_the_table(store, folder / "bench")
            figures[f"int16_{rate}hz"] = records_per_second(gather_microvolts, store, arguments.repeats)
            figures[f"float32_{rate}hz"] = records_per_second(gather_millivolts, store, arguments.repeats)
        rng = np.random.default_rng(0)
        paths = table_paths(folder / "bench")
        file = pq.ParquetFile(paths[0])
        times = []
        for group in rng.integers(0, file.num_row_groups, 20):
            start = time.perf_counter()
            signals_of(file.read_row_group(int(group), columns=["signal"])["signal"].combine_chunks())[7]
            times.append(time.perf_counter() - start)
        figures["parquet_random_row"] = round(1 / median(times))
    report(
        "reads",
        f"{figures['int16_500hz']} random records/s at 500 Hz from the memory map ({figures['float32_500hz']} as float32 "
        f"millivolts; {figures['parquet_random_row']} out of Parquet), equal to the bit",
        {"records_per_second": figures, "threads": torch.get_num_threads()},
    )


if __name__ == "__main__":
    main()
