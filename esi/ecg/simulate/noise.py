"""What electrodes and recorders add: baseline wander, muscle, mains and electrode motion, on the nine electrodes.
 The noise of an electrode reaches the leads as its potential does, so that Einthoven's and Goldberger's equations hold
for it too. Shapes: N records, T samples; electrodes in the order RA, LA, LL, C1..C6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.ecg.simulate.priors import SetName

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

EIGHT_OF_NINE = np.zeros((8, 9), np.float32)  # I, II, V1..V6 from the electrodes
EIGHT_OF_NINE[0, [0, 1]] = (-1, 1)
EIGHT_OF_NINE[1, [0, 2]] = (-1, 1)
EIGHT_OF_NINE[2:, :3] = -1 / 3  # Wilson's central terminal
EIGHT_OF_NINE[np.arange(2, 8), np.arange(3, 9)] = 1


@dataclass(frozen=True)
class Recorder:
    """Medians of the noise in one set (mV RMS an electrode; records spread log-normally around them), and the low-pass."""

    mains_hz: float
    wander_mV: float
    muscle_mV: float
    mains_mV: float
    motion_share: float  # of the records have an electrode that jumps
    smoothing_ms: float  # standard deviation of the low-pass's (Gaussian) impulse response


# PTB-XL and CPSC2018 are raw, the carts of MIMIC filter the baseline and the mains, Chapman's hospital filtered muscle
# as well.
RECORDERS: dict[SetName, Recorder] = {
    "ptbxl": Recorder(50, 0.035, 0.0085, 0.0020, 0.05, 1.2),
    "chapman": Recorder(50, 0.028, 0.0075, 0.0030, 0.05, 2.2),
    "mimic": Recorder(60, 0.020, 0.0080, 0.0010, 0.03, 1.5),
    "icbeb": Recorder(50, 0.040, 0.0100, 0.0030, 0.08, 1.8),
}


@dataclass(frozen=True)
class Noise:
    """Noise of the eight independent leads, and what a person who looks at the record would note down."""

    eight: Floats32  # [N, 8, T] mV: I, II, V1..V6
    wander_mV: Floats  # [N] RMS an electrode
    muscle_mV: Floats
    motion: NDArray[np.int64]  # [N] the electrode that jumped, -1: none


def draw_noise(
    rng: np.random.Generator, count: int, samples: int, rate: int, recorder: Recorder, breath_hz: Floats
) -> Noise:
    """Draw the noise of `count` records of `samples` samples at `rate` Hz."""
    time = (np.arange(samples) / rate).astype(np.float32)
    wander_mV = recorder.wander_mV * np.exp(0.7 * rng.standard_normal(count))
    muscle_mV = recorder.muscle_mV * np.exp(0.6 * rng.standard_normal(count))
    mains_mV = recorder.mains_mV * np.exp(0.8 * rng.standard_normal(count))

    # Muscle: white noise through (1 + z)(1 - z^3), which passes 20-150 Hz at 500 Hz, louder in spells and in the limbs.
    white = rng.standard_normal((count, 9, samples + 4), dtype=np.float32)
    electrodes = white[..., 4:] + white[..., 3:-1]
    electrodes -= white[..., 1:-3]
    electrodes -= white[..., :-4]
    loud = (muscle_mV[:, None] / 2 * np.exp(0.3 * rng.standard_normal((count, 9)))).astype(np.float32)
    loud[:, 3:] *= 0.7
    middle, width = rng.uniform(0, samples / rate, count), rng.uniform(0.4, 2.0, count)
    spell = np.exp(-0.5 * ((time - middle[:, None]) / width[:, None]) ** 2) * rng.exponential(0.5, (count, 1))
    electrodes *= loud[..., None] * (1 + spell[:, None, :]).astype(np.float32)

    # Wander: five slow waves with amplitudes as 1/f, and breathing; plus the mains and its third harmonic.
    hz = np.concatenate([rng.uniform(0.04, 0.6, (count, 5)), breath_hz[:, None]], axis=1)
    share = np.minimum(0.1 / hz, 1.5)
    share[:, 5] = 0.8
    share = share / np.sqrt((share**2).sum(axis=1, keepdims=True) / 2) * wander_mV[:, None]
    hz = np.concatenate([hz, np.full((count, 1), recorder.mains_hz), np.full((count, 1), 3 * recorder.mains_hz)], axis=1)
    share = np.concatenate([share, mains_mV[:, None] * np.array([1.4, 0.2])], axis=1)
    turn = 2 * np.pi * hz[..., None] * time + rng.uniform(0, 2 * np.pi, (count, 8, 1))
    in_phase = (share[:, None, :] * rng.normal(0, 0.8, (count, 9, 8))).astype(np.float32)
    across = (share[:, None, :] * rng.normal(0, 0.6, (count, 9, 8))).astype(np.float32)
    turn = turn.astype(np.float32)
    electrodes += in_phase @ np.sin(turn) + across @ np.cos(turn)

    motion = np.where(rng.random(count) < recorder.motion_share, rng.integers(0, 9, count), -1)
    for row in np.flatnonzero(motion >= 0):
        start, size, decay = (
            rng.uniform(0, samples / rate),
            rng.choice([-1, 1]) * rng.uniform(0.2, 0.8),
            rng.uniform(0.15, 0.6),
        )
        since = time - np.float32(start)
        electrodes[row, motion[row]] += size * np.where(
            since > 0, np.exp(-np.abs(since) / decay) * np.minimum(since / 0.04, 1), 0
        )
    return Noise(eight=EIGHT_OF_NINE @ electrodes, wander_mV=wander_mV, muscle_mV=muscle_mV, motion=motion)
