"""How conditions of atria, conduction and ventricular muscle shape P and QRS, and the ST and T that go with them.

Each function is the rule of one condition: it changes the beats at `rows` in place. `u` [rows, 4] are uniform numbers of the
subject and the condition, the same in every record; `u[:, 0]` is the severity. Axes and events are those of `beat`.

Criteria: Surawicz et al., AHA/ACCF/HRS Recommendations III (conduction), Circulation 2009;119:e235; Hancock et al., V
(hypertrophy), 119:e251; Thygesen et al., Fourth Universal Definition of Myocardial Infarction, Circulation 2018;138:e618.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from esi.ecg.simulate.beat import Beats, Event, Floats, Rows, X, Y, Z

Rule = Callable[[Beats, Rows, Floats], None]


def first_degree_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """PR above 200 ms."""
    beats.pr_ms[rows] = 216 + 90 * u[:, 0] ** 1.5


def long_pr(beats: Beats, rows: Rows, u: Floats) -> None:
    """PR at the upper limit."""
    beats.pr_ms[rows] = 200 + 8 * u[:, 0]


def left_atrium(beats: Beats, rows: Rows, u: Floats) -> None:
    """P 120 ms or longer, notched, with a deep terminal part in V1."""
    beats.p_gap_ms[rows] = 56 + 16 * u[:, 0]
    beats.vector[rows, Event.P_LEFT] *= (1.3 + 0.3 * u[:, 1])[:, None]
    beats.vector[rows, Event.P_LEFT, Z] = 0.10 + 0.06 * u[:, 2]
    beats.pr_ms[rows] = np.maximum(beats.pr_ms[rows], 165)


def left_hypertrophy(beats: Beats, rows: Rows, u: Floats) -> None:
    """SV1 + RV5/RV6 above 3.5 mV: larger leftward and backward forces, QRS a little longer."""
    beats.vector[rows, Event.MAIN, X] = np.maximum(beats.vector[rows, Event.MAIN, X], 1.0) * 1.15
    beats.vector[rows, Event.MAIN, Y] = np.minimum(beats.vector[rows, Event.MAIN, Y], 0.55)
    beats.vector[rows, Event.MAIN, Z] = np.maximum(beats.vector[rows, Event.MAIN, Z], 0.35) * 1.2
    beats.vector[rows, Event.POSTERIOR, Z] = np.maximum(beats.vector[rows, Event.POSTERIOR, Z], 0.8) * 1.2
    beats.sokolow_mV[rows] = 3.65 + 1.7 * u[:, 0] ** 1.3
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 4 + 8 * u[:, 0], 116)


def low_voltage(beats: Beats, rows: Rows, u: Floats) -> None:
    """No limb lead with a QRS above 0.5 mV."""
    beats.limb_mV[rows] = 0.46 - 0.14 * u[:, 0]


def _by_extent(infarct: Rule) -> Rule:
    """An infarct between barely there (severity 0) and full-blown (1): a dipole between the healthy and the infarcted one.

    Many of PTB-XL's infarcts are doubtful: a third of its IMI have a likelihood of 15 %.
    """

    def partial(beats: Beats, rows: Rows, u: Floats) -> None:
        healthy = beats.vector[rows].copy()
        infarct(beats, rows, u)
        extent = (0.35 + 0.65 * u[:, 0])[:, None, None]
        beats.vector[rows] = (1 - extent) * healthy + extent * beats.vector[rows]

    return partial


def _scar(
    beats: Beats, rows: Rows, direction: tuple[float, float, float], depth: Floats, time: float, width: Floats
) -> None:
    beats.vector[rows, Event.SCAR] = np.asarray(direction) * depth[:, None]
    beats.time[rows, Event.SCAR] = time
    beats.rise[rows, Event.SCAR] = beats.fall[rows, Event.SCAR] = width


@_by_extent
def inferior_infarct(beats: Beats, rows: Rows, u: Floats) -> None:
    """Q of 30 ms or more in II, III and aVF; T flat or inverted there while the infarct is not old."""
    _scar(beats, rows, (-0.12, -1.0, 0.0), 0.34 + 0.26 * u[:, 0], 23, 9 + 3 * u[:, 0])
    beats.vector[rows, Event.SEPTAL, Y] = -0.12
    beats.vector[rows, Event.ANTERIOR, Y] = -0.10 - 0.12 * u[:, 0]
    beats.vector[rows, Event.MAIN, Y] = np.maximum(beats.vector[rows, Event.MAIN, Y], 0.35) * (0.95 - 0.3 * u[:, 0])
    beats.time[rows, Event.MAIN] += 8
    beats.vector[rows, Event.T, Y] = 0.10 - 0.34 * u[:, 1] * (0.4 + 0.6 * u[:, 0])
    beats.vector[rows, Event.ST_LATE, Y] = 0.05 * u[:, 2]


@_by_extent
def anteroseptal_infarct(beats: Beats, rows: Rows, u: Floats) -> None:
    """QS or lost r in V1-V3; some ST elevation and inverted T there."""
    _scar(beats, rows, (0.0, 0.08, 1.0), 0.25 + 0.25 * u[:, 0], 22, 9 + 2 * u[:, 0])
    beats.vector[rows, Event.SEPTAL] = np.array([0.03, -0.03, 0.12])
    beats.vector[rows, Event.ANTERIOR, Z] = 0.05 + 0.25 * u[:, 0]
    beats.vector[rows, Event.ANTERIOR, X] *= 0.8 - 0.4 * u[:, 0]
    beats.vector[rows, Event.MAIN, Z] = np.maximum(beats.vector[rows, Event.MAIN, Z], 0.3)
    _anterior_repolarisation(beats, rows, u)


@_by_extent
def anterior_infarct(beats: Beats, rows: Rows, u: Floats) -> None:
    """Septal r kept in V1; Q or lost R in V3-V5."""
    _scar(beats, rows, (-0.60, 0.05, 0.75), 0.40 + 0.25 * u[:, 0], 27, 8.5 + 2 * u[:, 0])
    beats.vector[rows, Event.ANTERIOR, Z] = 0.10 + 0.2 * u[:, 0]
    beats.vector[rows, Event.ANTERIOR, X] *= 0.4
    beats.vector[rows, Event.MAIN, X] *= 0.8 - 0.25 * u[:, 0]
    beats.vector[rows, Event.MAIN, Z] = np.maximum(beats.vector[rows, Event.MAIN, Z], 0.3)
    beats.time[rows, Event.MAIN] += 5
    _anterior_repolarisation(beats, rows, u)
    beats.vector[rows, Event.T, X] *= 0.2


def _anterior_repolarisation(beats: Beats, rows: Rows, u: Floats) -> None:
    elevation = 0.03 + 0.07 * u[:, 2]
    beats.vector[rows, Event.ST_EARLY, Z] = -elevation
    beats.vector[rows, Event.ST_LATE, Z] = -elevation
    beats.vector[rows, Event.T, Z] = -0.14 + 0.42 * u[:, 1]
    beats.vector[rows, Event.T, X] *= 1 - 0.7 * u[:, 1]


@_by_extent
def lateral_infarct(beats: Beats, rows: Rows, u: Floats) -> None:
    """Q of 30 ms or more in I, aVL, V5 and V6, with a small R and a flat or inverted T behind it."""
    _scar(beats, rows, (-1.0, 0.25, 0.0), 0.42 + 0.25 * u[:, 0], 23, 9 + 2.5 * u[:, 0])
    beats.vector[rows, Event.ANTERIOR, X] = 0.0
    beats.vector[rows, Event.MAIN, X] *= 0.9 - 0.25 * u[:, 0]
    beats.time[rows, Event.MAIN] += 8
    beats.vector[rows, Event.T, X] = 0.06 - 0.28 * u[:, 1]


def left_anterior_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """Axis between -45 and -90 degrees, qR in aVL, rS in the inferior leads."""
    up = 0.75 + 0.35 * u[:, 0]
    gain = np.linalg.norm(beats.vector[rows, Event.MAIN], axis=1)
    beats.vector[rows, Event.SEPTAL, X] = -0.12
    inferior_r = beats.vector[rows, Event.SCAR, Y] == 0  # an inferior infarct has taken the r
    beats.vector[rows, Event.SEPTAL, Y] = np.where(inferior_r, 0.26, -0.10)
    beats.vector[rows, Event.ANTERIOR, Y] = np.where(inferior_r, 0.02, -0.15)
    beats.vector[rows, Event.MAIN, X] = 0.62 * gain
    beats.vector[rows, Event.MAIN, Y] = -0.62 * up * gain
    beats.vector[rows, Event.POSTERIOR, Y] = -0.50 * up
    beats.vector[rows, Event.BASAL, Y] = -0.22
    beats.time[rows, Event.MAIN] += 4
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 8, 116)


def _right_block(beats: Beats, rows: Rows, gain: Floats, turn: Floats) -> None:
    """The right ventricle last: r' or R' in V1, S in I and V6, T in V1 against it."""
    late = np.stack([-0.42 * gain, 0.10 - 0.3 * turn, -0.62 * gain], axis=1)
    beats.vector[rows, Event.TERMINAL] = late
    beats.vector[rows, Event.POSTERIOR] *= 0.6
    beats.vector[rows, Event.BASAL] = 0.35 * late
    beats.vector[rows, Event.T] -= 0.4 * late * np.array([0.3, 0.0, 1.0])


def right_bundle_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """QRS of 120 ms or more, rsR' in V1, broad S in I and V6."""
    _right_block(beats, rows, 0.75 + 0.5 * u[:, 0], u[:, 1])
    beats.time[rows, Event.TERMINAL] = 98
    beats.rise[rows, Event.TERMINAL] = 15
    beats.fall[rows, Event.TERMINAL] = 18
    beats.qrs_ms[rows] = 126 + 30 * u[:, 2]


def incomplete_right_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """As the complete one, but QRS below 120 ms and a small r'."""
    _right_block(beats, rows, 0.40 + 0.25 * u[:, 0], u[:, 1])
    beats.time[rows, Event.TERMINAL] = 80
    beats.rise[rows, Event.TERMINAL] = beats.fall[rows, Event.TERMINAL] = 9
    beats.qrs_ms[rows] = 102 + 14 * u[:, 2]


def left_bundle_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """QRS of 120 ms or more, notched R without q in I and V6, QS or rS in V1, ST and T against QRS."""
    size = 0.9 + 0.5 * u[:, 0]
    down = 0.45 - 0.75 * u[:, 1]  # the frontal axis is normal or left
    small_r = np.where(u[:, 3] < 0.5, -0.10, 0.12)
    shape = {
        Event.SEPTAL: (22.0, 9.0, (0.18, 0.05, 0.0)),
        Event.ANTERIOR: (42.0, 13.0, (0.62, 0.6, 0.45)),
        Event.MAIN: (72.0, 17.0, (0.42, 0.9, 1.0)),
        Event.POSTERIOR: (100.0, 13.0, (0.62, 0.7, 0.55)),
        Event.BASAL: (122.0, 10.0, (0.12, 0.1, 0.15)),
    }
    for event, (time, width, (x, y, z)) in shape.items():
        beats.time[rows, event] = time
        beats.rise[rows, event] = beats.fall[rows, event] = width
        beats.vector[rows, event] = np.stack([x * size, y * size * down, z * size], axis=1)
    beats.vector[rows, Event.SEPTAL, Z] = small_r
    mean = np.stack([0.55 * size, 0.7 * size * down, 0.75 * size], axis=1)
    beats.vector[rows, Event.ST_EARLY] = -0.13 * mean
    beats.vector[rows, Event.ST_LATE] = -0.20 * mean
    beats.vector[rows, Event.T] = -(0.36 + 0.15 * u[:, 3:]) * mean
    beats.qrs_ms[rows] = 130 + 36 * u[:, 2]
    beats.qtc_ms[rows] += 30
