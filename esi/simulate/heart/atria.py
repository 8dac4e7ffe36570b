"""Rules of the atria and the AV node: P waves and PR.

Criteria: Hancock et al., AHA/ACCF/HRS Recommendations V (hypertrophy), Circulation 2009;119:e251.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.heart.beat import Beats, Event, Floats, Rows, Z


def first_degree_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """PR above 200 ms."""
    beats.pr_ms[rows] = 206 + 95 * u[:, 0] ** 1.7


def long_pr(beats: Beats, rows: Rows, u: Floats) -> None:
    """PR at the upper limit."""
    beats.pr_ms[rows] = 196 + 12 * u[:, 0]


def left_atrium(beats: Beats, rows: Rows, u: Floats) -> None:
    """P 120 ms or longer, notched, with a deep terminal part in V1."""
    beats.p_gap_ms[rows] = 50 + 22 * u[:, 0]
    beats.vector[rows, Event.P_LEFT] *= (1.2 + 0.4 * u[:, 1])[:, None]
    beats.vector[rows, Event.P_LEFT, Z] = 0.09 + 0.11 * u[:, 2]
    beats.pr_ms[rows] = np.maximum(beats.pr_ms[rows], 165)


def right_atrium(beats: Beats, rows: Rows, u: Floats) -> None:
    """P peaked and tall: towards 0.25 mV in II, initially tall in V1."""
    height = 0.15 + 0.17 * u[:, 0]
    beats.vector[rows, Event.P_RIGHT] = np.stack([0.02 - 0.02 * u[:, 1], height, -0.05 - 0.09 * u[:, 2]], axis=1)
    beats.vector[rows, Event.P_LEFT] *= 0.9
    beats.p_gap_ms[rows] = 24 + 6 * u[:, 3]
