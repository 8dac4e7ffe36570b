"""Ingest against a plain loop over `wfdb.rdrecord` that writes the same Parquet: `python -m benchmarks.ingest`.

Both read the same release (a simulated MIMIC-IV-ECG set, or `--ptbxl FOLDER`), turn by turn, and the tables are compared
row by row. The loop is what one writes with wfdb-python, pyarrow and one process; standard form and noise figures are the
project's own in both, so that only reading, processes and writing differ.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from benchmarks.report import report
from benchmarks.simulated import FOLDS, mimic_release
from esi import params
from esi.ecg.ingest import ingest
from esi.ecg.releases import list_entries
from esi.ecg.standard import StandardEcg, windows
from esi.ecg.tables import COMPRESSION, ROW_GROUP_RECORDS, SCHEMA, table_paths
from esi.ecg.wfdb.files import read_signals
from esi.settings.data import Ingest, PtbxlRelease, Quality
from esi.simulate.releases.cohort import simulate_cohort


def plain_loop(settings: Ingest, limits: Quality, out: Path) -> None:
    """Every record by wfdb.rdrecord, a row group at a time."""
    import wfdb  # here, for the processes of `ingest` import this module too, and would wait for pandas

    rows: list[dict[str, Any]] = []
    with pq.ParquetWriter(out, SCHEMA, **COMPRESSION) as writer:
        for entry in tqdm(list_entries(settings).iter_rows(named=True), unit="record", desc="plain loop"):
            header = settings.root / entry["path"]
            if not header.with_suffix(".dat").exists():
                continue
            record = wfdb.rdrecord(str(header.with_suffix("")))
            (ecg,) = windows(record.p_signal.T, record.sig_name, record.fs, False, limits)
            if not isinstance(ecg, StandardEcg):
                continue
            signal = ecg.microvolts.tobytes()
            rows.append(
                {
                    name: entry[name]
                    for name in ("record_id", "subject_id", "age", "sex", "codes", "likelihoods", "statements")
                }
                | {"dataset": "bench", "fold": 1, "split": "train", "signal": signal}
                | {"signal_hash": hashlib.sha256(signal).hexdigest()[:32], **vars(ecg.noise)}
                | {name: getattr(ecg, name) for name in ("source_rate", "source_seconds", "window", "valid_samples")}
                | {name: getattr(ecg, name) for name in ("flat_leads", "nonfinite", "clipped")}
            )
            if len(rows) == ROW_GROUP_RECORDS:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                rows.clear()
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


def reading_alone(settings: Ingest, records: int = 1000) -> float:
    """How many times faster a record's millivolts are read than by wfdb.rdrecord."""
    import wfdb

    headers = [settings.root / path for path in list_entries(settings)["path"][:records]]
    headers = [header for header in headers if header.with_suffix(".dat").exists()]
    start = time.perf_counter()
    for header in headers:
        wfdb.rdrecord(str(header.with_suffix("")))
    middle = time.perf_counter()
    for header in headers:
        read_signals(header)
    return (middle - start) / (time.perf_counter() - middle)


def compare(ours: Path, theirs: Path) -> int:
    """How many rows both tables hold; they must be equal in all but the folds.

    Raises:
        AssertionError: they are not.
    """
    table = pa.concat_tables(pq.read_table(path) for path in table_paths(ours)).drop(["fold", "split"])
    assert table.equals(pq.read_table(theirs).drop(["fold", "split"])), "the two ways gave different tables"
    return table.num_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=2000, help="of the simulated set")
    parser.add_argument("--ptbxl", type=Path, help="a PTB-XL folder to read instead of the simulated set")
    parser.add_argument("--rate", type=int, choices=(100, 500), default=500, help="of the PTB-XL copy")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    limits = params.load().quality
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings: Ingest
        if arguments.ptbxl:
            settings = PtbxlRelease(
                format="ptbxl", root=arguments.ptbxl, watch=".", windows="first", folds=FOLDS, rate=arguments.rate
            )
        else:
            simulate_cohort(folder, {"mimic": arguments.records}, 0)
            settings = mimic_release(folder / "mimic")
        for repeat in range(arguments.repeats):
            out = folder / f"ours-{repeat}"
            out.mkdir()
            for way in ("plain", "ours") if repeat % 2 else ("ours", "plain"):
                start = time.perf_counter()
                if way == "ours":
                    ingest("bench", settings, limits, out)
                else:
                    plain_loop(settings, limits, folder / "plain.parquet")
                seconds[way].append(time.perf_counter() - start)
            records = compare(out, folder / "plain.parquet")
        reading = reading_alone(settings)
    rates = {way: records / median(times) for way, times in seconds.items()}
    ratio = median(plain / ours for ours, plain in zip(seconds["ours"], seconds["plain"], strict=True))
    source = f"PTB-XL at {arguments.rate} Hz" if arguments.ptbxl else "simulated MIMIC-IV-ECG"
    report(
        "ingest_ptbxl" if arguments.ptbxl else "ingest",
        f"{rates['ours']:.0f} records/s, {ratio:.1f} x the plain wfdb loop ({rates['plain']:.0f}); "
        f"reading alone {reading:.1f} x; equal tables ({source})",
        {
            "source": source,
            "records": records,
            "records_per_second": round(rates["ours"], 1),
            "plain_loop_records_per_second": round(rates["plain"], 1),
            "ratio": round(ratio, 2),
            "ratio_of_reading_alone": round(reading, 2),
            "ratios": [round(plain / ours, 2) for ours, plain in zip(seconds["ours"], seconds["plain"], strict=True)],
        },
    )


if __name__ == "__main__":
    main()
