"""How conditions of repolarisation shape ST and T: one rule a condition, as in `depolarisation`.

Criteria: Rautaharju et al., AHA/ACCF/HRS Recommendations IV (ST, T, QT), Circulation 2009;119:e241; Wagner et al., VI
(ischaemia, infarction), 119:e262.
"""

from __future__ import annotations

import numpy as np

from esi.ecg.simulate.beat import Beats, Event, Floats, Rows, X, Y, Z


def strain(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST sloping down into an asymmetrically inverted T in I, aVL, V5 and V6, the mirror image in V1-V2."""
    size = 0.7 + 0.6 * u[:, 0]
    beats.vector[rows, Event.ST_EARLY] = np.array([-0.08, -0.02, -0.06]) * size[:, None]
    beats.vector[rows, Event.ST_LATE] = np.array([-0.17, -0.03, -0.11]) * size[:, None]
    beats.vector[rows, Event.T] = np.array([-0.24, 0.02, -0.24]) * size[:, None]


def diffuse_ischaemia(beats: Beats, rows: Rows, u: Floats) -> None:
    """Horizontal ST depression of 0.1 mV or more in many leads, T kept low."""
    depth = 0.11 + 0.12 * u[:, 0]
    for event in (Event.ST_EARLY, Event.ST_LATE):
        beats.vector[rows, event] = np.stack([-depth, -0.7 * depth, 0.25 * depth], axis=1)
    beats.vector[rows, Event.T] *= (0.65 - 0.5 * u[:, 1])[:, None]


def anterolateral_ischaemia(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST depression and inverted T in V3-V6, I and aVL."""
    depth = 0.07 + 0.09 * u[:, 0]
    beats.vector[rows, Event.ST_EARLY] = np.stack([-depth, 0.15 * depth, 0.2 * depth], axis=1)
    beats.vector[rows, Event.ST_LATE] = np.stack([-1.2 * depth, 0.15 * depth, 0.3 * depth], axis=1)
    beats.vector[rows, Event.T] = np.stack([-0.12 - 0.2 * u[:, 1], 0.06 + 0 * depth, 0.02 + 0.08 * u[:, 2]], axis=1)


def inferior_ischaemia(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST depression and inverted T in II, III and aVF."""
    depth = 0.07 + 0.09 * u[:, 0]
    beats.vector[rows, Event.ST_EARLY, Y] = -depth
    beats.vector[rows, Event.ST_LATE, Y] = -depth
    beats.vector[rows, Event.T, Y] = -0.14 - 0.18 * u[:, 1]


def unspecific_st(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST depression below 0.1 mV."""
    depth = 0.045 + 0.035 * u[:, 0]
    beats.vector[rows, Event.ST_EARLY] = np.stack([-1.1 * depth, -0.8 * depth, 0.3 * depth], axis=1)
    beats.vector[rows, Event.ST_LATE] = np.stack([-0.8 * depth, -0.6 * depth, 0.2 * depth], axis=1)
    beats.vector[rows, Event.T] *= (0.9 - 0.3 * u[:, 1])[:, None]


def anterior_t_inversion(beats: Beats, rows: Rows, u: Floats) -> None:
    """T inverted symmetrically in V2-V5."""
    beats.vector[rows, Event.T] = np.stack([-0.14 - 0.16 * u[:, 0], 0.12 * u[:, 1], 0.10 + 0.16 * u[:, 2]], axis=1)
    beats.vector[rows, Event.ST_LATE] *= 0.2


def low_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T below a tenth of R in every lead."""
    beats.vector[rows, Event.T] *= (0.10 + 0.14 * u[:, 0])[:, None]
    beats.vector[rows, Event.ST_LATE] *= 0.3


def undiagnostic_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T flat, diphasic or slightly inverted in I, aVL, V5 and V6."""
    beats.vector[rows, Event.T, X] = 0.03 - 0.11 * u[:, 0]
    beats.vector[rows, Event.T, Y] *= 0.3 + 0.5 * u[:, 1]
    beats.vector[rows, Event.T, Z] *= 0.4 + 0.6 * u[:, 2]
    beats.vector[rows, Event.ST_LATE, X] = 0.0


def st_elevation(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST elevation of 0.1 mV or more (V2-V3: 0.2 mV), in anterior or in inferior leads, with the mirror image elsewhere."""
    height = 0.13 + 0.13 * u[:, 0]
    anterior = np.array([0.35, 0.10, -1.2])
    inferior = np.array([-0.25, 1.0, 0.15])
    direction = np.where(u[:, 1:2] < 0.6, anterior, inferior)
    beats.vector[rows, Event.ST_EARLY] = direction * height[:, None]
    beats.vector[rows, Event.ST_LATE] = 1.2 * direction * height[:, None]
    beats.vector[rows, Event.T] += 0.9 * direction * height[:, None]


def long_qt(beats: Beats, rows: Rows, u: Floats) -> None:
    """QTc above 480 ms."""
    beats.qtc_ms[rows] = 485 + 60 * u[:, 0]
