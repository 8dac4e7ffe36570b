"""How fast the simulator draws on one core: `python -m benchmarks.simulate`.

Records of 10 s at 500 Hz with the conditions of one set are drawn a batch at a time, as the cohort draws them. Then some
more are drawn under the profiler, for the time of each function that `draw_records` calls. Times are the process's own.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import time
from typing import Any, get_args

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import report
from esi.ecg.leads import LEADS, SAMPLES
from esi.simulate.conditions.priors import SetName
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import draw_records
from esi.simulate.record.findings import draw_conditions
from esi.simulate.releases.batches import BATCH

PROFILED = 8  # batches


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--records", type=int, default=2048)
    arguments.add_argument("--set", choices=get_args(SetName), default="ptbxl")
    return arguments


def draw_batch(rng: np.random.Generator, name: SetName) -> None:
    """Draw the subjects, the conditions and the signal of one batch."""
    subjects = draw_subjects(rng, BATCH, name)
    signal = draw_records(rng, subjects, draw_conditions(rng, subjects, name), name).signal_mV
    assert signal.shape == (BATCH, len(LEADS), SAMPLES), (
        f"{signal.shape} drawn: {len(LEADS)} leads of {SAMPLES} samples expected"
    )


def measure(records: int, name: SetName) -> dict[str, Any]:
    """Records a second, the peak of the process's memory, and how it grew after the first batch."""
    rng = np.random.default_rng(0)
    batches = -(-records // BATCH)
    draw_batch(rng, name)  # fills the caches
    before = peak_mb()
    start = time.process_time()
    for _ in range(batches):
        draw_batch(rng, name)
    seconds = time.process_time() - start
    return {
        "records_a_second": round(batches * BATCH / seconds),
        "ms_a_record": round(1000 * seconds / (batches * BATCH), 3),
        "records": batches * BATCH,
        "batch": BATCH,
        "peak_memory_mb": peak_mb(),
        "memory_growth_mb": peak_mb() - before,
    }


def parts(name: SetName) -> dict[str, float]:
    """Milliseconds a record of each function that `draw_records` calls, the slowest first; "all" is a whole record."""
    rng = np.random.default_rng(0)
    draw_batch(rng, name)
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for _ in range(PROFILED):
        draw_batch(rng, name)
    profile.disable()
    of = {}
    for (_, _, function), (_, _, own, cumulative, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if function == draw_records.__name__:
            of["draw_records itself"] = own
        if function == draw_batch.__name__:
            of["all"] = cumulative
        times = [values[3] for (_, _, caller), values in callers.items() if caller == draw_records.__name__]
        if times:
            of[function] = sum(times)
    ms = {part: round(1000 * seconds / (PROFILED * BATCH), 3) for part, seconds in of.items()}
    return {part: ms[part] for part in sorted(ms, key=lambda each: -ms[each]) if ms[part] >= 0.005}


def peak_mb() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    arguments = parser().parse_args()
    with threadpool_limits(1):
        figures = measure(arguments.records, arguments.set)
        ms = parts(arguments.set)
    report(
        "simulate",
        f"{figures['records_a_second']} records/s on one thread; ms a record: "
        + ", ".join(f"{part} {value}" for part, value in ms.items())
        + f"; peak {figures['peak_memory_mb']} MB, {figures['memory_growth_mb']} MB more than after {BATCH} records",
        {**figures, "ms_a_record_by_part": ms, "set": arguments.set, "threads": 1},
    )


if __name__ == "__main__":
    main()
