"""Rules of ischaemia and subendocardial injury by territory, and of the strain of a hypertrophied left ventricle.

Criteria: Wagner et al., AHA/ACCF/HRS Recommendations VI, Circulation 2009;119:e262; Hancock et al., V, 119:e251. Sizes
follow PTB-XL's records (training folds): a flat or slightly inverted T and an ST depression of some 0.05 mV are the rule,
whatever the territory, while T in V1-V2 stays upright unless the front of the heart is meant; deep ones are a minority.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.heart.beat import ST, Beats, Event, Floats, Rows, X, Y, Z
from esi.simulate.heart.rule import (
    ANTERIOR,
    ANTEROLATERAL,
    INFERIOR,
    INFEROLATERAL,
    LATERAL,
    SEPTAL,
    Rule,
    add,
    depress,
    towards,
    turn_t,
)


def _ischaemia(wall: Floats, depth_mV: float, inverted_mV: float) -> Rule:
    """ST depression and an inverted T towards a wall: at severity 0 a trace of both, at 1 `depth_mV` and `inverted_mV`."""

    def rule(beats: Beats, rows: Rows, u: Floats) -> None:
        severity = u[:, 0]
        depth = 0.03 + depth_mV * severity * (0.4 + 0.6 * u[:, 2])
        # Sloping down into T, or horizontal.
        add(beats, rows, [Event.ST_EARLY], wall, -depth * (0.35 + 0.65 * u[:, 3]))
        add(beats, rows, [Event.ST_LATE], wall, -depth - 0.3 * np.maximum(towards(beats, rows, Event.ST_LATE, wall), 0))
        turn_t(beats, rows, wall, 0.25 - 0.25 * severity, -(0.02 + (inverted_mV - 0.02) * severity**1.3))
        # Some T waves come up again at their end.
        add(beats, rows, [Event.T_END], wall, 0.10 * (u[:, 1] > 0.7) * severity)
        beats.vector[rows, Event.T, X] *= 1 - 0.35 * u[:, 1]
        beats.vector[rows, Event.T, Y] *= 1 - 0.30 * u[:, 1]

    rule.__doc__ = "ST depression and a flat or inverted T in the leads of a wall."
    return rule


anteroseptal_ischaemia = _ischaemia(SEPTAL, 0.05, 0.30)
anterior_ischaemia = _ischaemia(ANTERIOR, 0.07, 0.36)
anterolateral_ischaemia = _ischaemia(ANTEROLATERAL, 0.13, 0.30)
lateral_ischaemia = _ischaemia(LATERAL, 0.11, 0.30)
inferior_ischaemia = _ischaemia(0.97 * INFERIOR + 0.24 * LATERAL, 0.15, 0.36)  # T is lower in V5 and V6 as well
inferolateral_ischaemia = _ischaemia(INFEROLATERAL, 0.15, 0.30)


def _injury(*walls: Floats) -> Rule:
    """Subendocardial injury: ST depression of 0.1 to 0.2 mV, and T inverted deeper than in ischaemia."""
    wall = np.sum(walls, axis=0) / np.linalg.norm(np.sum(walls, axis=0))

    def rule(beats: Beats, rows: Rows, u: Floats) -> None:
        depth = 0.08 + 0.14 * u[:, 0] * (0.4 + 0.6 * u[:, 2])
        depress(beats, rows, Event.ST_EARLY, wall, 0.7 * depth)
        depress(beats, rows, Event.ST_LATE, wall, depth)
        turn_t(beats, rows, wall, 0.1 - 0.1 * u[:, 0], -(0.08 + 0.40 * u[:, 0] ** 1.5))
        beats.vector[rows, Event.T, X] *= 1 - 0.5 * u[:, 3]

    rule.__doc__ = "ST depression and an inverted T in the leads of a wall."
    return rule


anteroseptal_injury = _injury(0.6 * ANTEROLATERAL, 0.35 * SEPTAL)  # PTB-XL's INJAS shows in V3-V5, I and aVL
anterolateral_injury = _injury(0.6 * ANTEROLATERAL, 0.45 * LATERAL)
inferior_injury = _injury(INFERIOR)
lateral_injury = _injury(LATERAL)
inferolateral_injury = _injury(INFEROLATERAL)


def strain(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST sloping down into an asymmetrically inverted T in I, aVL, V5 and V6, the mirror image in V1-V2."""
    size = 0.25 + 0.95 * u[:, 0]
    beats.vector[rows, Event.ST_EARLY] = np.array([-0.06, -0.02, -0.07]) * size[:, None]
    beats.vector[rows, Event.ST_LATE] = np.array([-0.15, -0.03, -0.12]) * size[:, None]
    t = np.stack([0.06 - 0.28 * size, 0.08 - 0.10 * u[:, 1], -0.14 - 0.14 * u[:, 2]], axis=1)
    beats.vector[rows, Event.T] = t


def diffuse_ischaemia(beats: Beats, rows: Rows, u: Floats) -> None:
    """Horizontal ST depression in many leads, ST elevation in aVR, T low or inverted."""
    depth = 0.035 + 0.17 * u[:, 0]
    beats.vector[rows, Event.T, X] *= 0.6 - 0.6 * u[:, 1]
    beats.vector[rows, Event.T, Y] *= 0.6 - 0.4 * u[:, 1]
    beats.vector[rows, Event.T, Z] *= 1 - 0.5 * u[:, 3]
    way = np.stack([-depth, -(0.2 + 0.5 * u[:, 2]) * depth, -0.3 * depth], axis=1)
    beats.vector[rows[:, None], ST] += way[:, None, :]
    beats.vector[rows, Event.T, X] -= 0.32 * u[:, 0]
