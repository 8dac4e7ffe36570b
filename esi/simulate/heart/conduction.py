"""Rules of conduction: bundle branch and fascicular blocks, slow conduction elsewhere, pre-excitation.

Criteria: Surawicz et al., AHA/ACCF/HRS Recommendations III (conduction), Circulation 2009;119:e235.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.heart.beat import QRS, ST, STT, Beats, Event, Floats, Rows, X, Y, Z


def left_anterior_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """Axis between -45 and -90 degrees, qR in aVL, rS in the inferior leads."""
    up = 0.50 + 0.45 * u[:, 0]
    gain = np.linalg.norm(beats.vector[rows, Event.MAIN], axis=1)
    beats.vector[rows, Event.SEPTAL, X] = -0.12
    inferior_r = beats.vector[rows, Event.SCAR, Y] == 0  # an inferior infarct has taken the r
    beats.vector[rows, Event.SEPTAL, Y] = np.where(inferior_r, 0.26, -0.10)
    beats.vector[rows, Event.ANTERIOR, Y] = np.where(inferior_r, 0.02, -0.15)
    beats.vector[rows, Event.MAIN, X] = (0.62 - 0.12 * u[:, 0]) * gain
    beats.vector[rows, Event.MAIN, Y] = -0.47 * up * gain
    beats.vector[rows, Event.POSTERIOR, Y] = -0.45 * up
    beats.vector[rows, Event.POSTERIOR, X] -= 0.30 * u[:, 1]
    beats.vector[rows, Event.BASAL, X] -= 0.25 * u[:, 1]
    beats.vector[rows, Event.BASAL, Y] = -0.26
    beats.axis_deg[rows] = (-86, -58)
    beats.time[rows, Event.MAIN] += 4
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 8, 118)


def left_posterior_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """Axis beyond 90 degrees, rS in I and aVL, qR in III and aVF."""
    gain = np.linalg.norm(beats.vector[rows, Event.MAIN], axis=1)
    right = 0.10 + 0.40 * u[:, 0]
    beats.vector[rows, Event.SEPTAL] = np.stack([0.10 + 0.06 * u[:, 1], -0.16 - 0.06 * u[:, 2], -0.18 + 0 * right], axis=1)
    beats.vector[rows, Event.ANTERIOR, X] *= 0.6
    beats.vector[rows, Event.MAIN, X] = (0.06 - 0.30 * right) * gain
    beats.vector[rows, Event.MAIN, Y] = 0.85 * gain
    beats.vector[rows, Event.POSTERIOR, X] = -0.5 * right
    beats.vector[rows, Event.POSTERIOR, Y] = np.abs(beats.vector[rows, Event.POSTERIOR, Y]) + 0.2
    beats.vector[rows, Event.BASAL, X] = -0.3
    beats.axis_deg[rows] = (98, 150)
    beats.time[rows, Event.MAIN] += 3
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 6, 118)


def _right_block(beats: Beats, rows: Rows, gain: Floats, u: Floats) -> None:
    """The right ventricle last: r' or R' in V1, S in I and V6, T in V1 against it."""
    late = np.stack([-(0.26 + 0.30 * u[:, 3]) * gain, 0.10 - 0.3 * u[:, 1], -0.62 * gain], axis=1)
    beats.vector[rows, Event.TERMINAL] = late
    # S in V1 is small: the forces to the back meet those of the right ventricle.
    beats.vector[rows, Event.POSTERIOR, Z] *= 1 - 0.85 * np.minimum(1, gain)
    beats.vector[rows[:, None], [Event.MAIN, Event.POSTERIOR], X] *= 1 - 0.2 * np.minimum(1, gain)[:, None]
    beats.vector[rows, Event.MAIN, Z] -= 0.36 * gain
    beats.vector[rows, Event.BASAL] = 0.35 * late
    beats.vector[rows[:, None], ST, Z] += 0.06 * gain[:, None]
    beats.vector[rows, Event.T] -= 0.5 * late * np.array([-0.25, 0.0, 1.0])


def right_bundle_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """QRS of 120 ms or more, rsR' in V1 (qR where an infarct took the r), broad S in I and V6."""
    _right_block(beats, rows, 1.0 + 0.5 * u[:, 0], u)
    beats.time[rows, Event.TERMINAL] = 88
    beats.rise[rows, Event.TERMINAL] = 13
    beats.fall[rows, Event.TERMINAL] = 15
    beats.qrs_ms[rows] = 127 + 31 * u[:, 2]


def incomplete_right_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """As the complete one, but QRS below 120 ms and a small r'. S stays in V3-V5 (PTB-XL: 0.7, 0.5 and 0.3 mV)."""
    gain = 0.35 + 0.65 * u[:, 0]
    late = np.stack([-(0.22 + 0.25 * u[:, 3]) * gain, 0.10 * (u[:, 1] - 0.9) * gain, -0.38 * gain], axis=1)
    beats.vector[rows, Event.TERMINAL] = late
    beats.vector[rows, Event.POSTERIOR, Z] *= 1 - 0.25 * gain
    beats.vector[rows, Event.T] -= 0.5 * late * np.array([-0.25, 0.0, 1.0])
    beats.time[rows, Event.TERMINAL] = 80
    beats.rise[rows, Event.TERMINAL] = beats.fall[rows, Event.TERMINAL] = 9
    beats.qrs_ms[rows] = 98 + 18 * u[:, 2]


def left_bundle_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """QRS of 120 ms or more, notched R without q in I and V6, QS or rS in V1, ST and T against QRS."""
    size = 0.9 + 0.5 * u[:, 0]
    down = 0.45 - 0.75 * u[:, 1]  # the frontal axis is normal or left
    small_r = np.where(u[:, 3] < 0.5, -0.16, 0.06)
    shape = {
        Event.SEPTAL: (22.0, 9.0, (0.18, 0.05, 0.0)),
        Event.ANTERIOR: (42.0, 15.0, (0.44, 0.6, 0.80)),
        Event.MAIN: (72.0, 18.0, (0.48, 0.9, 1.45)),
        Event.POSTERIOR: (100.0, 15.0, (0.52, 0.7, 0.80)),
        Event.BASAL: (122.0, 10.0, (0.12, 0.1, 0.15)),
    }
    for event, (time, width, (x, y, z)) in shape.items():
        beats.time[rows, event] = time
        beats.rise[rows, event] = beats.fall[rows, event] = width
        beats.vector[rows, event] = np.stack([x * size, y * size * down, z * size], axis=1)
    beats.vector[rows, Event.SEPTAL, Z] = small_r
    mean = np.stack([0.34 * size, 0.7 * size * down, 1.15 * size], axis=1)
    beats.vector[rows, Event.ST_EARLY] = -0.13 * mean
    beats.vector[rows, Event.ST_LATE] = -0.20 * mean
    beats.vector[rows, Event.T] = -(0.50 + 0.18 * u[:, 3:]) * mean
    beats.rise[rows, Event.T] = np.maximum(beats.rise[rows, Event.T], 68)  # ST runs into T without a step
    beats.fall[rows, Event.ST_LATE] = 55
    beats.qrs_ms[rows] = 130 + 36 * u[:, 2]
    beats.qtc_ms[rows] += 30


def incomplete_left_block(beats: Beats, rows: Rows, u: Floats) -> None:
    """Half way to a left bundle branch block: no q in I and V6, a slurred R there, QRS of 104 to 118 ms."""
    before = beats.take(rows)
    left_bundle_block(beats, rows, u)
    share = (0.35 + 0.25 * u[:, 0])[:, None]
    events = [*QRS, *STT]
    for name in ("time", "rise", "fall"):
        was, now = getattr(before, name)[:, events], getattr(beats, name)[rows[:, None], events]
        getattr(beats, name)[rows[:, None], events] = was + share * (now - was)
    now = beats.vector[rows[:, None], events]
    beats.vector[rows[:, None], events] = before.vector[:, events] + share[..., None] * (now - before.vector[:, events])
    beats.vector[rows, Event.SEPTAL, X] = 0.10
    beats.qrs_ms[rows] = 104 + 14 * u[:, 2]
    beats.qtc_ms[rows] = before.qtc_ms + 12


def slow_conduction(beats: Beats, rows: Rows, u: Floats) -> None:
    """QRS above 110 ms with notches or slurs, neither bundle's form; ST and T turn a little against QRS."""
    angle = 2 * np.pi * u[:, 1]
    notch = np.stack([np.cos(angle), np.sin(angle), 0.8 * np.cos(angle + 2)], axis=1)
    beats.vector[rows, Event.NOTCH] += (0.10 + 0.22 * u[:, 0])[:, None] * notch
    beats.time[rows, Event.NOTCH] = 44 + 30 * u[:, 3]
    slur = np.stack([0.16 - 0.36 * u[:, 1], 0.06 - 0.40 * u[:, 3], 0.30 - 0.45 * u[:, 2]], axis=1)
    slur *= np.maximum(1, 0.32 / np.linalg.norm(slur, axis=1, keepdims=True))  # it is what makes QRS long
    beats.vector[rows, Event.TERMINAL] += slur * (0.7 + 0.5 * u[:, [0]])
    beats.time[rows, Event.TERMINAL] = 72
    beats.rise[rows, Event.TERMINAL] = beats.fall[rows, Event.TERMINAL] = 8
    beats.vector[rows, Event.MAIN, Y] -= 0.60 * u[:, 3] - 0.1
    beats.fall[rows, Event.MAIN] += 2 + 5 * u[:, 0]
    beats.fall[rows, Event.POSTERIOR] += 2 + 5 * u[:, 0]
    beats.fall[rows, Event.BASAL] -= 3
    beats.vector[rows, Event.T, X] *= 1 - (1.5 * u[:, 2]) * (0.4 + 0.6 * u[:, 0])
    beats.vector[rows[:, None], ST] += (0.05 * u[:, [0]] * np.array([-1.0, 0.0, -1.0]))[:, None, :]
    beats.qrs_ms[rows] = 116 + 24 * u[:, 2] ** 1.5
    beats.qtc_ms[rows] += 10


def preexcitation(beats: Beats, rows: Rows, u: Floats) -> None:
    """PR below 120 ms, a delta wave, QRS of 110 ms or more, ST and T against it.

    The delta wave of a left pathway (V1 positive) points to the front, of a right one to the left and back (V1 negative).
    """
    left = u[:, 1:2] < 0.55
    size = 0.34 + 0.40 * u[:, 0]
    inferior = 0.75 - 1.25 * u[:, 3]  # posterior pathways turn the delta wave up
    way = np.where(left, (0.35, 0.0, -0.9), (0.95, 0.0, 0.40))
    way[:, Y] = inferior
    beats.vector[rows, Event.DELTA] = size[:, None] * way
    beats.vector[rows, Event.SEPTAL] = 0.7 * size[:, None] * way
    beats.vector[rows, Event.ANTERIOR] += 0.6 * size[:, None] * way
    beats.vector[rows, Event.MAIN] += 0.8 * size[:, None] * way
    beats.time[rows, Event.DELTA] = -2
    beats.vector[rows[:, None], ST] -= (0.16 * size[:, None] * way)[:, None, :]
    beats.vector[rows, Event.T] = 0.6 * beats.vector[rows, Event.T] - (0.25 + 0.6 * u[:, [0]]) * size[:, None] * way
    beats.pr_ms[rows] = 88 + 30 * u[:, 2]
    beats.qrs_ms[rows] = 112 + 34 * u[:, 0]
