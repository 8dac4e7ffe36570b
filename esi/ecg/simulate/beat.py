"""One heart beat as Gaussian events of a 3-D dipole, and the leads that look at it.
 Axes of the dipole (Frank): x to the left, y to the feet, z to the back; mV. Times in ms from the onset of QRS. The leads
are Dower's eight (Dower et al., Clin Cardiol 1980;3:87); the other four limb leads follow from I and II by Einthoven's
and Goldberger's equations, so that these hold exactly. Gaussian events of a dipole: McSharry et al., IEEE Trans Biomed
Eng 2003;50:289; Sameni et al., EURASIP J Adv Signal Process 2007:043407.

Shapes: N records, E events, M points of time (1 ms apart), T samples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
X, Y, Z = 0, 1, 2

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],  # V6
    ]
)
# The twelve leads in the order of `leads.LEADS` from I, II, V1..V6.
TWELVE_OF_EIGHT = np.zeros((12, 8))
TWELVE_OF_EIGHT[[0, 1], [0, 1]] = 1
TWELVE_OF_EIGHT[2, :2] = (-1, 1)  # III = II - I
TWELVE_OF_EIGHT[3, :2] = (-0.5, -0.5)  # aVR
TWELVE_OF_EIGHT[4, :2] = (1, -0.5)  # aVL
TWELVE_OF_EIGHT[5, :2] = (-0.5, 1)  # aVF
TWELVE_OF_EIGHT[np.arange(6, 12), np.arange(2, 8)] = 1


class Event(IntEnum):
    """The events of a beat. TERMINAL and SCAR are silent in a healthy heart."""

    P_RIGHT = 0
    P_LEFT = 1
    SCAR = 2  # what an infarct takes away
    SEPTAL = 3
    ANTERIOR = 4
    MAIN = 5
    POSTERIOR = 6
    BASAL = 7
    TERMINAL = 8  # late activation of a blocked ventricle
    ST_EARLY = 9
    ST_LATE = 10
    T = 11


P = [Event.P_RIGHT, Event.P_LEFT]
QRS = [Event.SCAR, Event.SEPTAL, Event.ANTERIOR, Event.MAIN, Event.POSTERIOR, Event.BASAL, Event.TERMINAL]
ST = [Event.ST_EARLY, Event.ST_LATE]
STT = [*ST, Event.T]

# Time, width (ms) and vector (mV) of a healthy adult's beat; V1 rS, transition at V3-V4, qR in V6, axis about 60 degrees.
_HEALTHY: dict[Event, tuple[float, float, tuple[float, float, float]]] = {
    Event.P_RIGHT: (0.0, 16.0, (0.03, 0.085, -0.055)),
    Event.P_LEFT: (0.0, 17.0, (0.065, 0.055, 0.045)),
    Event.SCAR: (20.0, 9.0, (0.0, 0.0, 0.0)),
    Event.SEPTAL: (11.0, 5.0, (-0.09, -0.05, -0.24)),
    Event.ANTERIOR: (26.0, 7.0, (0.42, 0.25, -0.32)),
    Event.MAIN: (40.0, 7.5, (0.95, 0.78, 0.25)),
    Event.POSTERIOR: (54.0, 8.0, (0.12, 0.22, 0.86)),
    Event.BASAL: (68.0, 8.0, (-0.16, -0.14, 0.30)),
    Event.TERMINAL: (100.0, 14.0, (0.0, 0.0, 0.0)),
    Event.ST_EARLY: (0.0, 38.0, (0.015, 0.01, -0.02)),
    Event.ST_LATE: (0.0, 45.0, (0.03, 0.02, -0.03)),
    Event.T: (0.0, 40.0, (0.34, 0.22, -0.20)),
}


@dataclass
class Beats:
    """The beat of each of N records, and what its intervals are to be. Rules of `morphology` change it in place."""

    time: Floats  # [N, E] ms
    rise: Floats  # [N, E] ms, width before the peak
    fall: Floats  # [N, E] ms, width after it
    vector: Floats  # [N, E, 3] mV
    qrs_ms: Floats  # [N]
    pr_ms: Floats
    qtc_ms: Floats
    sokolow_mV: Floats  # SV1 + max(RV5, RV6) to reach; NaN: as it comes, below the limit of LVH
    limb_mV: Floats  # largest peak-to-peak amplitude of QRS in the limb leads to reach; NaN: as it comes
    p_gap_ms: Floats  # from the right to the left atrium's peak

    def __len__(self) -> int:
        return len(self.time)

    def copy(self) -> Beats:
        """A copy that shares nothing."""
        return Beats(**{field.name: getattr(self, field.name).copy() for field in fields(self)})


def healthy(count: int) -> Beats:
    """The same healthy adult's beat `count` times."""
    time, width, vector = (np.array([_HEALTHY[event][part] for event in Event]) for part in range(3))
    return Beats(
        time=np.tile(time, (count, 1)),
        rise=np.tile(width, (count, 1)),
        fall=np.tile(width, (count, 1)),
        vector=np.tile(vector, (count, 1, 1)),
        qrs_ms=np.full(count, 92.0),
        pr_ms=np.full(count, 160.0),
        qtc_ms=np.full(count, 410.0),
        sokolow_mV=np.full(count, np.nan),
        limb_mV=np.full(count, np.nan),
        p_gap_ms=np.full(count, 34.0),
    )


def rotate(vectors: Floats, degrees: Floats) -> Floats:
    """Turn vectors [N, ..., 3] by `degrees` [N, 3]: frontal (x to y), transverse (x to z), sagittal (y to z)."""
    turned = vectors.copy()
    for plane, (a, b) in enumerate(((X, Y), (X, Z), (Y, Z))):
        angle = np.deg2rad(degrees[:, plane]).reshape(-1, *[1] * (vectors.ndim - 2))
        first, second = turned[..., a].copy(), turned[..., b].copy()
        turned[..., a] = np.cos(angle) * first - np.sin(angle) * second
        turned[..., b] = np.sin(angle) * first + np.cos(angle) * second
    return turned


def dipole(beats: Beats, events: list[Event], time_M: Floats) -> Floats:
    """The dipole [N, 3, M] in mV of some Gaussian events of each beat at the times `time_M` (ms from the onset of QRS)."""
    x = time_M - beats.time[:, events, None]
    width = np.where(x < 0, beats.rise[:, events, None], beats.fall[:, events, None])
    return np.einsum("nem,nec->ncm", np.exp(-0.5 * (x / width) ** 2), beats.vector[:, events])


def calibrate(beats: Beats, leads: Floats) -> None:
    """Scale each beat to its QRS duration and voltage, then place P, ST and T around QRS.

    QRS lasts while the dipole is above 5 % of its largest magnitude.

    Args:
        beats: changed in place; its times of SCAR..TERMINAL are kept in proportion.
        leads: [N, 8, 3], the leads I, II, V1..V6 of each record.
    """
    for _ in range(2):  # the clipped onset moves a little with the first scaling
        onset, end = qrs_limits(beats)
        scale = beats.qrs_ms / (end - onset)
        beats.time[:, QRS] = (beats.time[:, QRS] - onset[:, None]) * scale[:, None]
        beats.rise[:, QRS] *= scale[:, None]
        beats.fall[:, QRS] *= scale[:, None]

    eight = np.einsum("nlc,ncm->nlm", leads, dipole(beats, QRS, np.arange(0.0, 240.0)))
    sokolow = sokolow_lyon(eight)
    # Hearts without LVH stay clear of the criterion (3.5 mV); a left bundle branch block voids it.
    limit = np.where(beats.qrs_ms < 120, 2.4 + 0.8 * np.tanh(np.maximum(sokolow - 2.4, 0)), sokolow)
    gain = np.where(np.isnan(beats.sokolow_mV), np.minimum(1, limit / sokolow), beats.sokolow_mV / sokolow)
    limb = np.ptp(np.einsum("kl,nlm->nkm", TWELVE_OF_EIGHT[:6], eight), axis=2).max(axis=1)
    highest = np.where(np.isnan(beats.sokolow_mV), 2.0, np.inf)  # in the limb leads, of hearts without LVH
    gain = np.where(np.isnan(beats.limb_mV), np.clip(gain, 0.65 / limb, highest / limb), beats.limb_mV / limb)
    beats.vector[:, QRS] *= gain[:, None, None]
    beats.vector[:, Event.T] *= np.clip(np.sqrt(gain), 0.45, 1.2)[:, None]

    beats.time[:, Event.P_RIGHT] = -beats.pr_ms + 2.2 * beats.rise[:, Event.P_RIGHT]
    beats.time[:, Event.P_LEFT] = beats.time[:, Event.P_RIGHT] + beats.p_gap_ms
    place_repolarisation(beats, beats.qtc_ms)


def place_repolarisation(beats: Beats, qt_ms: Floats) -> None:
    """Put ST and T where a QT interval of `qt_ms` [N] wants them: T ends 2.2 widths after its peak."""
    span = qt_ms - beats.qrs_ms
    beats.fall[:, Event.T] = 0.135 * span
    beats.rise[:, Event.T] = 0.205 * span
    beats.time[:, Event.T] = qt_ms - 2.2 * beats.fall[:, Event.T]
    beats.time[:, Event.ST_EARLY] = beats.qrs_ms + 0.11 * span
    beats.time[:, Event.ST_LATE] = beats.qrs_ms + 0.33 * span
    # Two widths apart, so that equal ones make a plateau without ripples; the first rises steeply around the J point.
    beats.rise[:, ST] = beats.fall[:, ST] = 0.11 * span[:, None]
    beats.rise[:, Event.ST_EARLY] = 0.08 * span


def qrs_limits(beats: Beats) -> tuple[Floats, Floats]:
    """Onset and end of QRS ([N], ms): where the dipole's magnitude crosses 5 % of its maximum."""
    time_M = np.arange(-60.0, 260.0)
    magnitude = np.linalg.norm(dipole(beats, QRS, time_M), axis=1)
    above = magnitude > 0.05 * magnitude.max(axis=1, keepdims=True)
    onset = time_M[above.argmax(axis=1)]
    end = time_M[len(time_M) - 1 - above[:, ::-1].argmax(axis=1)]
    return onset, end


def sokolow_lyon(eight: Floats) -> Floats:
    """SV1 + max(RV5, RV6) in mV of QRS complexes [N, 8, M] (Sokolow & Lyon, Am Heart J 1949;37:161)."""
    return -np.minimum(eight[:, 2].min(axis=1), 0) + np.maximum(eight[:, 6:8].max(axis=(1, 2)), 0)


def frontal_axis(beats: Beats, leads: Floats) -> Floats:
    """Frontal QRS axis ([N], degrees, -180..180) from the net areas of QRS in I and aVF."""
    eight = np.einsum("nlc,ncm->nlm", leads[:, :2], dipole(beats, QRS, np.arange(-20.0, 240.0))).sum(axis=2)
    one, foot = eight[:, 0], eight[:, 1] - eight[:, 0] / 2
    return np.degrees(np.arctan2(2 / np.sqrt(3) * foot, one))
