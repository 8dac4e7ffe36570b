"""Does the memory of ingest grow with the number of records? `python -m benchmarks.ingest_memory --records 2000 20000`.

Simulated MIMIC-IV-ECG sets of each size are ingested by a process of their own; every 50 ms the proportional set size of
that process and its workers is summed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.report import report
from esi.simulate.releases.cohort import simulate_cohort

INGEST = """
import sys
from pathlib import Path
from benchmarks.simulated import mimic_release
from esi import params
from esi.ecg.ingest import ingest

if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    ingest("bench", mimic_release(root), params.load().quality, out)
"""


def peak_megabytes(root: Path, out: Path, script: Path) -> tuple[float, float]:
    """Peak memory in MB of one ingest, workers included, and its seconds."""
    script.write_text(INGEST)
    out.mkdir()
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, script, root, out], env=os.environ | {"PYTHONPATH": "."})
    peak = 0
    while process.poll() is None:
        used = 0
        try:
            for each in [parent := psutil.Process(process.pid), *parent.children(recursive=True)]:
                used += each.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, used)
        time.sleep(0.05)
    assert process.returncode == 0
    return peak / 1e6, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 20_000])
    arguments = parser.parse_args()
    megabytes, per_second = {}, {}
    for records in arguments.records:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate_cohort(folder, {"mimic": records}, 0)
            peak, seconds = peak_megabytes(folder / "mimic", folder / "out", folder / "run.py")
            megabytes[records] = round(peak)
            per_second[records] = round(records / seconds)
    smallest, largest = min(megabytes), max(megabytes)
    report(
        "ingest_memory",
        f"{megabytes[smallest]} MB at the peak for {smallest} records, {megabytes[largest]} MB for {largest}",
        {"peak_megabytes": megabytes, "records_per_second": per_second},
    )


if __name__ == "__main__":
    main()
