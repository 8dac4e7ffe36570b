"""Rules of ST, T, U and QT where no territory is named: unspecific changes, early repolarisation, drugs, electrolytes.

Criteria: Rautaharju et al., AHA/ACCF/HRS Recommendations IV (ST, T, QT), Circulation 2009;119:e241; Macfarlane et al., The
early repolarization pattern, J Am Coll Cardiol 2015;66:470.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.heart.beat import ST, Beats, Event, Floats, P, Rows, X, Y, Z
from esi.simulate.heart.rule import ANTERIOR, APICAL, INFERIOR, INFEROLATERAL, LATERAL, SEPTAL, add, depress, towards, turn_t


def unspecific_st(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST depression below 0.1 mV, T a little lower."""
    depth = 0.045 + 0.04 * u[:, 0]
    way = np.stack([-1.0 * depth, -(0.3 + 0.6 * u[:, 2]) * depth, (0.6 * u[:, 3] - 0.3) * depth], axis=1)
    beats.vector[rows, Event.ST_EARLY] += 1.1 * way
    beats.vector[rows, Event.ST_LATE] += 0.8 * way
    beats.vector[rows, Event.T] *= (0.85 - 0.55 * u[:, 1])[:, None]
    beats.vector[rows, Event.T, X] *= 1 - 0.6 * u[:, 1]


def st_depression(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST depressed in V5, V6 and I as a rule (PTB-XL), in inferior or anterior leads too; sloping up, level or down."""
    depth = 0.10 + 0.10 * u[:, 0]
    wall = np.where(u[:, 1:2] < 0.6, APICAL, np.where(u[:, 1:2] < 0.85, INFEROLATERAL, ANTERIOR))
    slope = 0.6 + 0.7 * u[:, 2]
    depress(beats, rows, Event.ST_EARLY, wall, depth * (1.9 - slope))
    depress(beats, rows, Event.ST_LATE, wall, depth * slope)
    beats.vector[rows, Event.T, X] *= 0.7 - 0.9 * u[:, 3]
    beats.vector[rows, Event.T, Y] *= 0.9 - 0.6 * u[:, 3]


def st_elevation(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST elevation of 0.1 mV or more (V2-V3: 0.2 mV) in anterior, inferior or lateral leads, its mirror image opposite."""
    height = 0.155 + 0.18 * u[:, 0]
    direction = np.where(
        u[:, 1:2] < 0.5, SEPTAL + 0.3 * LATERAL, np.where(u[:, 1:2] < 0.85, INFERIOR - 0.2 * LATERAL, 1.4 * LATERAL)
    )
    beats.vector[rows, Event.ST_EARLY] = direction * height[:, None]
    beats.vector[rows, Event.ST_LATE] = (1.0 + 0.3 * u[:, [2]]) * direction * height[:, None]
    beats.vector[rows, Event.T] += (0.6 + 0.7 * u[:, [3]]) * direction * height[:, None]
    beats.fall[rows, Event.ST_LATE] = 55  # one dome with T
    beats.rise[rows, Event.T] = np.maximum(beats.rise[rows, Event.T], 60)


def early_repolarisation(beats: Beats, rows: Rows, u: Floats) -> None:
    """A J wave and a concave ST elevation into a tall T in V2-V5, often in inferior leads; nothing depressed but aVR."""
    height = 0.05 + 0.09 * u[:, 0]
    way = np.stack([0.75 + 0 * height, 0.25 + 0.55 * u[:, 1], -0.75 + 0.5 * u[:, 1]], axis=1)
    beats.vector[rows, Event.ST_EARLY] += 0.8 * height[:, None] * way
    beats.vector[rows, Event.ST_LATE] += 1.25 * height[:, None] * way
    beats.vector[rows, Event.T] *= (1.15 + 0.35 * u[:, 2])[:, None]
    beats.vector[rows, Event.NOTCH] = (0.05 + 0.16 * u[:, [3]]) * way
    beats.time[rows, Event.NOTCH] = 76
    beats.rise[rows, Event.NOTCH] = beats.fall[rows, Event.NOTCH] = 7


def undiagnostic_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T flat, diphasic or slightly inverted in I, aVL, V5 and V6."""
    turn_t(beats, rows, LATERAL, 0.55 - 0.5 * u[:, 0], 0.03 - 0.09 * u[:, 0])
    beats.vector[rows, Event.T, Y] *= 0.4 + 0.5 * u[:, 1]
    beats.vector[rows, Event.T, Z] *= 0.35 + 0.6 * u[:, 2]
    beats.vector[rows, Event.ST_LATE, X] *= 0.3
    add(beats, rows, ST, LATERAL, -0.03 * u[:, 3])


def unspecific_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T lower in some leads than QRS lets expect."""
    wall = np.where(u[:, 1:2] < 0.5, LATERAL, np.where(u[:, 1:2] < 0.75, INFERIOR, ANTERIOR))
    turn_t(beats, rows, wall, 0.65 - 0.45 * u[:, 0], np.zeros(len(rows)))
    beats.vector[rows, Event.T] *= (0.9 - 0.3 * u[:, 2])[:, None]


def low_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T below a tenth of R, or nearly so, in every lead."""
    beats.vector[rows, Event.T] *= (0.22 - 0.17 * u[:, 0])[:, None]
    beats.vector[rows, Event.T, Z] *= 1 + 2 * u[:, 1]
    beats.vector[rows[:, None], ST] *= 0.4
    add(beats, rows, ST, LATERAL, -0.04 * u[:, 2])


def inverted_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T inverted in lateral, anterior or inferior leads, mostly by 0.1 to 0.3 mV, and lower in the others."""
    wall = np.where(u[:, 1:2] < 0.5, LATERAL, np.where(u[:, 1:2] < 0.85, ANTERIOR, INFERIOR))
    old = towards(beats, rows, Event.T, wall)
    elsewhere = beats.vector[rows, Event.T] - old[:, None] * wall
    beats.vector[rows, Event.T] = 0.5 * elsewhere - (0.18 + 0.20 * u[:, [0]]) * wall
    beats.vector[rows[:, None], ST] -= (0.06 * u[:, [2]] * wall)[:, None, :]


def diphasic_t(beats: Beats, rows: Rows, u: Floats) -> None:
    """T diphasic or low in V2-V5, or inverted in III: abnormal, but little so."""
    wall = np.where(u[:, 1:2] < 0.6, ANTERIOR, INFEROLATERAL)
    turn_t(beats, rows, wall, 0.55 - 0.3 * u[:, 0], np.zeros(len(rows)))
    beats.vector[rows, Event.T_END] -= (0.06 + 0.16 * u[:, [0]]) * wall


def digitalis(beats: Beats, rows: Rows, u: Floats) -> None:
    """ST sagging in the leads with a tall R, T low or diphasic, QT short."""
    depth = 0.04 + 0.12 * u[:, 0]
    way = np.stack([-depth, -(0.25 + 0.5 * u[:, 1]) * depth, 0.1 * depth], axis=1)
    beats.vector[rows, Event.ST_EARLY] += 0.55 * way
    beats.vector[rows, Event.ST_LATE] += 1.2 * way
    beats.vector[rows, Event.T] *= (0.55 - 0.35 * u[:, 2])[:, None]
    beats.vector[rows, Event.T] += 0.4 * way
    beats.vector[rows, Event.T_END] -= 0.5 * way
    beats.qtc_ms[rows] = np.clip(beats.qtc_ms[rows] - 30, 350, 385)


def electrolytes(beats: Beats, rows: Rows, u: Floats) -> None:
    """Potassium low: T flat, ST depressed, U tall, QT long; or high (a fifth): T tall, narrow and pointed, P low."""
    high = u[:, 1] < 0.2
    at, size = rows[high], 0.2 + 0.8 * u[high, 0]
    beats.vector[at, Event.T] *= (1.2 + 0.8 * size)[:, None]
    beats.rise[at, Event.T] *= 1 - 0.45 * size
    beats.fall[at, Event.T] *= 1 - 0.20 * size
    beats.vector[at[:, None], P] *= (1 - 0.5 * size)[:, None, None]
    beats.vector[at[:, None], ST] *= (1 - 0.7 * size)[:, None, None]

    at, size = rows[~high], 0.2 + 0.8 * u[~high, 0]
    beats.vector[at, Event.T] *= (1 - 0.75 * size)[:, None]
    add(beats, at, ST, INFEROLATERAL, -0.06 * size)
    beats.vector[at, Event.U] = (0.02 + 0.10 * size * u[~high, 2])[:, None] * np.array([0.7, 0.3, -0.9])
    beats.qtc_ms[at] += 12 + 30 * size * u[~high, 3]


def long_qt(beats: Beats, rows: Rows, u: Floats) -> None:
    """QTc above 480 ms; T broad and not tall."""
    beats.qtc_ms[rows] = 482 + 60 * u[:, 0]
    beats.vector[rows, Event.T] *= (1.0 - 0.45 * u[:, 1])[:, None]
    beats.rise[rows, Event.T] *= 0.85 + 0.3 * u[:, 2]
