"""Rules of ventricular hypertrophy and of voltage.

Criteria: Sokolow & Lyon, Am Heart J 1949;37:161; Hancock et al., AHA/ACCF/HRS Recommendations V, Circulation 2009;119:e251.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.heart.beat import Beats, Event, Floats, Rows, X, Y, Z

_LOWEST_MV = 3.64  # the recorder's low-pass takes up to 0.08 mV from the peaks, the criterion is 3.5 mV


def left_hypertrophy(beats: Beats, rows: Rows, u: Floats) -> None:
    """SV1 + RV5/RV6 above 3.5 mV but where it is mild: larger leftward forces, QRS a little longer, ST and T turning away.

    Of PTB-XL's LVH the median is 3.1 mV, R in V5 1.85 mV, S in V1 1.2 mV and S in V2 no deeper than the healthy 1.0 mV.
    """
    _grow_left(beats, rows, u)
    beats.sokolow_mV[rows] = 2.8 + 2.4 * u[:, 0]
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 3 + 8 * u[:, 0], 116)
    turned = u[:, 3] ** 1.5
    beats.vector[rows, Event.T, X] *= 0.85 - 1.2 * turned
    for event in (Event.ST_EARLY, Event.ST_LATE):
        beats.vector[rows, event] -= turned[:, None] * np.array([0.10, 0.03, 0.04])


def left_voltage(beats: Beats, rows: Rows, u: Floats) -> None:
    """The voltage criterion alone; ST and T stay as they are."""
    _grow_left(beats, rows, u)
    beats.sokolow_mV[rows] = _LOWEST_MV + 0.9 * u[:, 0] ** 1.5


def _grow_left(beats: Beats, rows: Rows, u: Floats) -> None:
    beats.vector[rows, Event.ANTERIOR] *= 0.55 + 0.5 * u[:, [2]]
    beats.vector[rows, Event.MAIN, X] = np.maximum(beats.vector[rows, Event.MAIN, X], 1.0) * 1.3
    beats.vector[rows, Event.MAIN, Y] = np.minimum(beats.vector[rows, Event.MAIN, Y], 0.75 - 0.5 * u[:, 1])
    beats.vector[rows, Event.MAIN, Z] = np.maximum(beats.vector[rows, Event.MAIN, Z], 0.2 * u[:, 2])
    beats.vector[rows, Event.POSTERIOR, Z] = np.maximum(beats.vector[rows, Event.POSTERIOR, Z], 0.6)


def septal_hypertrophy(beats: Beats, rows: Rows, u: Floats) -> None:
    """Deep narrow q in I, aVL and V4-V6, a tall r in V1-V2, high voltages."""
    size = 0.5 + 0.8 * u[:, 0]
    beats.vector[rows, Event.SEPTAL] = np.stack([-0.34 * size, -0.16 * size, -0.36 * size], axis=1)
    beats.vector[rows, Event.MAIN] *= (1.1 + 0.25 * u[:, 1])[:, None]
    beats.vector[rows, Event.T, X] *= 0.9 - 0.8 * u[:, 2]


def right_hypertrophy(beats: Beats, rows: Rows, u: Floats) -> None:
    """Tall R in V1 (R/S above 1), deep S in V5-V6, axis to the right; T inverted in V1-V3 as it grows."""
    size = 0.25 + 1.1 * u[:, 0]
    beats.vector[rows, Event.ANTERIOR, Z] -= 0.33 * size
    beats.vector[rows, Event.MAIN, X] *= 1 - 0.65 * np.minimum(size, 1)
    beats.vector[rows, Event.MAIN, Y] = np.maximum(beats.vector[rows, Event.MAIN, Y], 0.3 + 0.3 * size)
    beats.vector[rows, Event.MAIN, Z] -= 1.05 * size
    beats.vector[rows, Event.POSTERIOR, X] -= 0.40 * size
    beats.vector[rows, Event.POSTERIOR, Z] *= 1 - 0.75 * np.minimum(size, 1)
    beats.vector[rows, Event.BASAL, X] -= 0.30 * size
    beats.vector[rows, Event.BASAL, Z] *= 1 - 0.7 * np.minimum(size, 1)
    beats.vector[rows, Event.T, Z] += 0.30 * size * u[:, 1]
    beats.vector[rows, Event.ST_LATE, Z] += 0.05 * size * u[:, 1]


def high_voltage(beats: Beats, rows: Rows, u: Floats) -> None:
    """A limb lead with a QRS of 1.9 mV or more from peak to peak."""
    beats.limb_mV[rows] = 1.9 + 0.7 * u[:, 0]


def low_voltage(beats: Beats, rows: Rows, u: Floats) -> None:
    """No limb lead with a QRS above 0.5 mV."""
    beats.limb_mV[rows] = 0.49 - 0.17 * u[:, 0]
