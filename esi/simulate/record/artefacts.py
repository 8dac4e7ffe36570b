"""Artefacts of single electrodes in few records: jumps of a moving electrode, bursts of a muscle below it.

Legend: N records, T samples; electrodes in the order RA, LA, LL, C1..C6; leads I, II, V1..V6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Rows = NDArray[np.int64]


def add_jumps(rng: np.random.Generator, eight_mV: Floats32, rate: int, electrode: Rows, eight_of_nine: Floats32) -> None:
    """One to three times an electrode's potential jumps within 40 ms and returns exponentially.

    Args:
        eight_mV: [N, 8, T], changed in place. electrode: [N], -1 for a still record.
    """
    samples = eight_mV.shape[-1]
    time = np.arange(samples, dtype=np.float32) / rate
    for row in np.flatnonzero(electrode >= 0):
        for _ in range(rng.integers(1, 4)):
            start, size = rng.uniform(0, samples / rate), rng.choice([-1, 1]) * rng.uniform(0.2, 0.8)
            since = np.maximum(time - np.float32(start), 0)
            jump = size * np.exp(-since / rng.uniform(0.15, 0.6)) * np.minimum(since / 0.04, 1)
            eight_mV[row] += eight_of_nine[:, electrode[row], None] * jump.astype(np.float32)


def add_bursts(
    rng: np.random.Generator, eight_mV: Floats32, muscle_mV: Floats32, rate: int, electrode: Rows, eight_of_nine: Floats32
) -> None:
    """For 0.2 to 1.5 s (a standard deviation) a muscle below one electrode is three to ten times as loud as lead I is.

    Args:
        eight_mV: [N, 8, T], changed in place. muscle_mV: [N, 8, T], the muscle noise of these leads.
        electrode: [N], -1 for none.
    """
    samples = eight_mV.shape[-1]
    time = np.arange(samples, dtype=np.float32) / rate
    for row in np.flatnonzero(electrode >= 0):
        x = (time - np.float32(rng.uniform(0, samples / rate))) / np.float32(rng.uniform(0.2, 1.5))
        # Another second of the same muscle: noise of the same spectrum that is in none of the leads at this time.
        other = np.roll(muscle_mV[row, 0], samples // 2)
        burst = np.float32(rng.uniform(3, 10)) * np.exp(-0.5 * x * x) * other
        eight_mV[row] += eight_of_nine[:, electrode[row], None] * burst
