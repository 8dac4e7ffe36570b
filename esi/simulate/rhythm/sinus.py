"""Sinus rhythm: heart rates, and how the cycle varies with breathing and at 0.1 Hz.

Legend: N records, K beats a record.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import INDEX
from esi.simulate.heart.subjects import Subjects

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def sinus_times(
    rng: np.random.Generator, subjects: Subjects, present: Bools, seconds: Floats, breath_hz: Floats, breath: Floats
) -> tuple[Floats, Floats]:
    """When sinus beats come: times [N, K] in s, from before the start to after the end of each record, and rates [N].

    The cycle varies with breathing, less so in the old, and at 0.1 Hz (Task Force of ESC and NASPE, Circulation
    1996;93:1043).

    Args:
        present: the conditions [N, C].
        breath_hz, breath: frequency and phase [N] of breathing.
    """
    rate = sinus_rate(rng, subjects, present)
    cycle = 60 / rate
    columns = int(1.25 * np.max(seconds / cycle)) + 6  # premature atrial beats use up to 15 % more
    count = len(subjects)
    turn = np.arange(columns) * cycle[:, None] * 2 * np.pi
    swing = 0.045 * np.clip((85 - subjects.age) / 50, 0.15, 1.2)
    wandering = present[:, INDEX["SARRH"]]
    swing[wandering] = rng.uniform(0.11, 0.19, wandering.sum())
    swing[present[:, INDEX["STACH"]]] *= 0.3  # a fast sinus node hardly varies
    slow = rng.uniform(0, 2 * np.pi, (count, 1))
    rr = 1 + swing[:, None] * np.sin(turn * breath_hz[:, None] + breath[:, None])
    rr += 0.3 * swing[:, None] * np.sin(turn * 0.1 + slow) + 0.008 * rng.standard_normal((count, columns))
    rr *= cycle[:, None]
    inside = np.cumsum(rr, axis=1) < seconds[:, None]  # the mean rate is that of the beats that are seen
    rr *= (cycle * inside.sum(axis=1) / np.where(inside, rr, 0).sum(axis=1))[:, None]
    return np.cumsum(rr, axis=1) - rr[:, :1] * (1 + rng.random((count, 1))), rate


def sinus_rate(rng: np.random.Generator, subjects: Subjects, present: Bools) -> Floats:
    """Mean sinus rate of each record, beats a minute, inside the limits of its rhythm (60 and 100)."""
    usual = 74 + 9 * subjects.pulse + 4 * rng.standard_normal(len(subjects))
    tail = np.abs(rng.standard_normal(len(subjects)))
    rate = np.clip(usual, 62, 97)
    rate = np.where(present[:, INDEX["SBRAD"]], np.clip(57 - 5 * tail, 40, 57), rate)
    rate = np.where(present[:, INDEX["STACH"]], np.clip(104 + 13 * tail, 104, 150), rate)
    return np.where(present[:, INDEX["SARRH"]], np.clip(usual - 4, 58, 88), rate)
