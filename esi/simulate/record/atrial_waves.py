"""Waves of atria that never rest: fibrillation and flutter. Dipoles [N, 3, T] in mV, times in s."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import RATE
from esi.simulate.conditions.catalogue import INDEX
from esi.simulate.heart.subjects import Subjects
from esi.simulate.rhythm.atrial_rhythms import Flutter

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

# One typical F wave as it stands in the inferior leads: a slow fall, a steep one, a steep rise, a small overshoot.
_PHASE = np.array([0.0, 0.40, 0.62, 0.84, 0.92, 1.0])
_LEVEL = np.array([0.20, -0.05, -0.85, 0.35, 0.45, 0.20])
_HARMONICS = np.fft.rfft(np.interp(np.arange(256) / 256, _PHASE, _LEVEL))[1:8] / 128
# In V1 a small upright wave at the place of the steep rise.
_HARMONICS_V1 = np.fft.rfft(np.exp(-0.5 * ((np.arange(256) / 256 - 0.78) / 0.11) ** 2))[1:6] / 128


def fibrillation(rng: np.random.Generator, subjects: Subjects, samples: int) -> Floats32:
    """Fibrillatory waves, 4-9 Hz and largest in V1 (Petrutiu et al., Europace 2007;9:466)."""
    count = len(subjects)
    shape = subjects.shape[:, INDEX["AFIB"]]
    time = np.arange(samples) / RATE
    dipole = np.zeros((count, 3, samples))
    for part in range(2):
        hz = 4.6 + 3.6 * shape[:, :1] + rng.normal(0, 0.25, (count, 1)) + 0.5 * part
        drift = 1.5 * np.sin(2 * np.pi * rng.uniform(0.1, 0.5, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        drift += 0.8 * np.sin(2 * np.pi * rng.uniform(0.6, 1.4, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        phase = 2 * np.pi * hz * time + drift + rng.uniform(0, 6.3, (count, 1))
        wave = np.sin(phase) + 0.35 * np.sin(2 * phase + 0.6) + 0.12 * np.sin(3 * phase)  # steeper on one side
        swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.15, 0.6, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        direction = np.array([0.15, 0.55, -0.75]) + 0.25 * rng.standard_normal((count, 3))
        size = (0.035 + 0.055 * shape[:, 1:2]) * (1.0, 0.6)[part]
        dipole += direction[:, :, None] * (size * wave * swell)[:, None, :]
    return dipole.astype(np.float32)


def flutter(rng: np.random.Generator, waves: list[Flutter], subjects: Subjects, samples: int) -> Floats32:
    """Saw-tooth F waves without a flat baseline, negative in II, III and aVF and upright in V1.

    One heart in eight has the reverse kind, upright in the inferior leads (Saoudi et al., Eur Heart J 2001;22:1162).
    """
    u = subjects.shape[:, INDEX["AFLT"]]
    time = np.arange(samples) / RATE
    dipole = np.zeros((len(waves), 3, samples))
    for row, wave in enumerate(waves):
        turn = np.exp(2j * np.pi * (time - wave.onset) / wave.cycle)
        inferior, chest = (np.polyval([*part[::-1], 0], turn).real for part in (_HARMONICS, _HARMONICS_V1))
        size = 0.07 + 0.16 * u[row, 1]
        sign = -1.0 if u[row, 2] > 0.875 else 1.0
        size *= 1 + 0.04 * np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time + rng.uniform(0, 6.3))
        down = np.array([0.10, 0.95, 0.05]) + 0.08 * rng.standard_normal(3)
        front = np.array([-0.15, 0.0, -0.8]) + 0.10 * rng.standard_normal(3)
        dipole[row] = sign * (down[:, None] * inferior + front[:, None] * chest * (0.5 + u[row, 3])) * size
    return dipole.astype(np.float32)
