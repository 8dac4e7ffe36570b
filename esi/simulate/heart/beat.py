"""One heart beat as Gaussian events of a 3-D dipole, and the leads that look at it.

Axes of the dipole (Frank): x to the left, y to the feet, z to the back; mV. Times in ms from the onset of QRS. The leads
are Dower's eight (Dower et al., Clin Cardiol 1980;3:87); the other four limb leads follow from I and II by Einthoven's
and Goldberger's equations, so that these hold exactly. Gaussian events of a dipole: McSharry et al., IEEE Trans Biomed
Eng 2003;50:289; Sameni et al., EURASIP J Adv Signal Process 2007:043407.

Legend: N records, E events, M points of time (1 ms apart), T samples.
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
# What the same leads see of the atria, against that: chest leads lie close to the ventricles, and with Dower's coefficients
# show P waves twice as tall as PTB-XL's (medians of its normal ECGs: I 0.08, II 0.13, V1 0.03, V2-V6 0.06-0.07 mV). That P
# needs a transform of its own: Guillem et al., J Electrocardiol 2008;41:19.
ATRIA_NEAR = np.array([1.0, 1.0, 1.0, 0.9, 0.55, 0.45, 0.45, 0.5])
# The twelve leads in the order of `leads.LEADS` from I, II, V1..V6.
TWELVE_OF_EIGHT = np.zeros((12, 8))
TWELVE_OF_EIGHT[[0, 1], [0, 1]] = 1
TWELVE_OF_EIGHT[2, :2] = (-1, 1)  # III = II - I
TWELVE_OF_EIGHT[3, :2] = (-0.5, -0.5)  # aVR
TWELVE_OF_EIGHT[4, :2] = (1, -0.5)  # aVL
TWELVE_OF_EIGHT[5, :2] = (-0.5, 1)  # aVF
TWELVE_OF_EIGHT[np.arange(6, 12), np.arange(2, 8)] = 1


class Event(IntEnum):
    """The events of a beat. SCAR, DELTA, TERMINAL, NOTCH, T_END and U are silent in the healthy beat."""

    P_RIGHT = 0
    P_LEFT = 1
    SCAR = 2  # what an infarct takes away
    DELTA = 3  # pre-excitation
    SEPTAL = 4
    ANTERIOR = 5
    MAIN = 6
    POSTERIOR = 7
    BASAL = 8
    TERMINAL = 9  # late activation of a blocked ventricle
    NOTCH = 10  # a fragment of QRS, or the J wave
    ST_EARLY = 11
    ST_LATE = 12
    T = 13
    T_END = 14  # the second half of a diphasic T
    U = 15


P = [Event.P_RIGHT, Event.P_LEFT]
QRS = [event for event in Event if Event.SCAR <= event <= Event.NOTCH]
ST = [Event.ST_EARLY, Event.ST_LATE]
STT = [*ST, Event.T, Event.T_END, Event.U]

REFERENCE_QRS, REFERENCE_QT = 92.0, 410.0  # ms; those of the table
QRS_EDGE = 0.02  # 20-40 uV, what a cart or a reader still tells from the noise

# Time, width before and after the peak (ms) and vector (mV) of a healthy adult's beat: V1 rS, transition at V3-V4, qR in
# V6, axis about 55 degrees. T rises more slowly than it falls; ST events two widths apart make a plateau without ripples.
_HEALTHY: dict[Event, tuple[float, float, float, tuple[float, float, float]]] = {
    Event.P_RIGHT: (0.0, 18.0, 17.0, (0.065, 0.10, -0.06)),
    Event.P_LEFT: (0.0, 18.0, 19.0, (0.10, 0.07, 0.03)),
    Event.SCAR: (20.0, 9.0, 9.0, (0.0, 0.0, 0.0)),
    Event.DELTA: (0.0, 14.0, 20.0, (0.0, 0.0, 0.0)),
    Event.SEPTAL: (17.0, 8.0, 6.0, (-0.07, -0.04, -0.19)),
    Event.ANTERIOR: (29.0, 6.0, 6.0, (0.40, 0.22, -0.34)),
    Event.MAIN: (41.0, 6.4, 6.4, (1.10, 0.74, 0.22)),
    Event.POSTERIOR: (51.0, 6.4, 6.4, (0.12, 0.17, 0.76)),
    Event.BASAL: (61.0, 6.5, 11.0, (-0.14, -0.07, 0.26)),
    Event.TERMINAL: (100.0, 14.0, 14.0, (0.0, 0.0, 0.0)),
    Event.NOTCH: (50.0, 5.0, 5.0, (0.0, 0.0, 0.0)),
    Event.ST_EARLY: (127.0, 25.0, 35.0, (0.016, -0.005, -0.04)),
    Event.ST_LATE: (197.0, 35.0, 35.0, (0.016, -0.005, -0.055)),
    Event.T: (318.0, 54.0, 42.0, (0.34, 0.16, -0.24)),
    Event.T_END: (362.0, 26.0, 24.0, (0.0, 0.0, 0.0)),
    Event.U: (468.0, 26.0, 34.0, (0.0, 0.0, 0.0)),
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
    axis_deg: Floats  # [N, 2] the frontal axis lies between these two; (-180, 180): as it comes
    p_gap_ms: Floats  # from the right to the left atrium's peak

    def __len__(self) -> int:
        return len(self.time)

    def copy(self) -> Beats:
        """A copy that shares nothing."""
        return self.take(np.arange(len(self)))

    def take(self, rows: Rows) -> Beats:
        """Copies of the beats at `rows`, in that order."""
        return Beats(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def healthy(count: int) -> Beats:
    """The same healthy adult's beat `count` times."""
    time, rise, fall, vector = (np.array([_HEALTHY[event][part] for event in Event]) for part in range(4))
    return Beats(
        time=np.tile(time, (count, 1)),
        rise=np.tile(rise, (count, 1)),
        fall=np.tile(fall, (count, 1)),
        vector=np.tile(vector, (count, 1, 1)),
        qrs_ms=np.full(count, REFERENCE_QRS),
        pr_ms=np.full(count, 160.0),
        qtc_ms=np.full(count, REFERENCE_QT),
        sokolow_mV=np.full(count, np.nan),
        limb_mV=np.full(count, np.nan),
        axis_deg=np.tile((-180.0, 180.0), (count, 1)),
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

    QRS lasts while the dipole is above `QRS_EDGE` of its largest magnitude.

    Args:
        beats: changed in place; its times of SCAR..NOTCH are kept in proportion.
        leads: [N, 8, 3], the leads I, II, V1..V6 of each record.
    """
    for _ in range(2):  # the clipped onset moves a little with the first scaling
        onset, end = qrs_limits(beats)
        scale = beats.qrs_ms / (end - onset)
        beats.time[:, QRS] = (beats.time[:, QRS] - onset[:, None]) * scale[:, None]
        beats.rise[:, QRS] *= scale[:, None]
        beats.fall[:, QRS] *= scale[:, None]

    _turn_axis(beats, leads)
    sokolow, limb = _voltages(beats, leads)
    free = np.isnan(beats.sokolow_mV) & np.isnan(beats.limb_mV) & (beats.qrs_ms < 120)
    for _ in range(4):  # in one heart of 150 no size would meet both limits below: it stands more upright
        tight = np.flatnonzero(free & (0.6 * sokolow > 3.2 * limb))
        if not len(tight):
            break
        beats.vector[tight[:, None], QRS, Y] *= 1.6
        _turn_axis(beats, leads)
        sokolow[tight], limb[tight] = _voltages(beats.take(tight), leads[tight])
    # Hearts without LVH stay clear of the criterion (3.5 mV); a left bundle branch block voids it.
    limit = np.where(beats.qrs_ms < 120, 2.4 + 0.8 * np.tanh(np.maximum(sokolow - 2.4, 0)), sokolow)
    gain = np.where(np.isnan(beats.sokolow_mV), np.minimum(1, limit / sokolow), beats.sokolow_mV / sokolow)
    highest = np.where(np.isnan(beats.sokolow_mV), 2.0, np.inf)  # in the limb leads, of hearts without LVH
    lowest = np.where(beats.qrs_ms < 120, 0.6, 0.5)
    gain = np.where(np.isnan(beats.limb_mV), np.clip(gain, lowest / limb, highest / limb), beats.limb_mV / limb)
    beats.vector[:, QRS] *= gain[:, None, None]
    beats.vector[:, STT[2:]] *= np.clip(np.sqrt(gain), 0.45, 1.2)[:, None, None]  # T and U
    _keep_chest_voltage(beats, leads, gain)

    beats.time[:, Event.P_RIGHT] = -beats.pr_ms + 2.2 * beats.rise[:, Event.P_RIGHT]
    beats.time[:, Event.P_LEFT] = beats.time[:, Event.P_RIGHT] + beats.p_gap_ms
    _stretch_repolarisation(beats, REFERENCE_QRS, REFERENCE_QT - REFERENCE_QRS, beats.qtc_ms - beats.qrs_ms)


def _voltages(beats: Beats, leads: Floats) -> tuple[Floats, Floats]:
    """Of QRS: SV1 + max(RV5, RV6), and the largest peak-to-peak amplitude of the limb leads ([N], mV)."""
    eight = np.einsum("nlc,ncm->nlm", leads, dipole(beats, QRS, np.arange(0.0, 240.0)))
    limb = np.ptp(np.einsum("kl,nlm->nkm", TWELVE_OF_EIGHT[:6], eight), axis=2).max(axis=1)
    return np.maximum(sokolow_lyon(eight), 0.05), limb  # a beat that runs to V1 and away from V6 has none


def _turn_axis(beats: Beats, leads: Floats) -> None:
    """Turn QRS in the frontal plane, as little as lets these leads show a wanted axis; late forces of a block stay."""
    events: list[Event] = [event for event in QRS if event != Event.TERMINAL]
    rows = np.flatnonzero((beats.axis_deg[:, 0] > -180) | (beats.axis_deg[:, 1] < 180))
    if not len(rows):
        return
    turns = np.zeros((361, 3))
    turns[:, 0] = np.arange(-180.0, 181.0)
    area = np.repeat(_area(beats.take(rows), events)[:, None], len(turns), axis=1)  # [rows, turns, 3]
    seen = _axis(rotate(area.reshape(-1, 3), np.tile(turns, (len(rows), 1))).reshape(area.shape), leads[rows])
    low, high = beats.axis_deg[rows].T[..., None]
    outside = np.maximum(np.abs((seen - (low + high) / 2 + 180) % 360 - 180) - (high - low) / 2, 0)
    best = turns[(outside + 1e-6 * np.abs(turns[:, 0])).argmin(axis=1)]
    beats.vector[rows[:, None], events] = rotate(beats.vector[rows[:, None], events], best)


def _keep_chest_voltage(beats: Beats, leads: Floats, gain: Floats) -> None:
    """Where the limb leads are low, the chest leads lose less: in PTB-XL's LVOLT V2-V4 keep 0.6-0.9 of NORM's voltage."""
    low = np.flatnonzero(~np.isnan(beats.limb_mV) & (gain < 1))
    if not len(low):
        return
    rows = (low[:, None], QRS)
    vector = beats.vector[rows]
    vector[..., Z] *= gain[low, None] ** -0.7
    beats.vector[rows] = vector
    beats.vector[rows] *= (beats.limb_mV[low] / _voltages(beats.take(low), leads[low])[1])[:, None, None]


def place_repolarisation(beats: Beats, qt_ms: Floats) -> None:
    """Stretch ST, T and U of calibrated beats from their QTc to a QT interval of `qt_ms` [N]; to be called once."""
    _stretch_repolarisation(beats, beats.qrs_ms, beats.qtc_ms - beats.qrs_ms, qt_ms - beats.qrs_ms)


def _stretch_repolarisation(beats: Beats, j_ms: Floats | float, span_ms: Floats | float, wanted_ms: Floats) -> None:
    """Move ST, T and U, given for a J point at `j_ms` and a T that ends `span_ms` later, to the beats' own J."""
    scale = (wanted_ms / span_ms)[:, None]
    offset = beats.time[:, STT] - np.reshape(j_ms, (-1, 1))
    beats.time[:, STT] = beats.qrs_ms[:, None] + offset * scale
    beats.rise[:, STT] *= scale
    beats.fall[:, STT] *= scale


def qrs_limits(beats: Beats) -> tuple[Floats, Floats]:
    """Onset and end of QRS ([N], ms): where the dipole's magnitude crosses `QRS_EDGE` of its maximum."""
    time_M = np.arange(-60.0, 260.0)
    magnitude = np.linalg.norm(dipole(beats, QRS, time_M), axis=1)
    above = magnitude > QRS_EDGE * magnitude.max(axis=1, keepdims=True)
    onset = time_M[above.argmax(axis=1)]
    end = time_M[len(time_M) - 1 - above[:, ::-1].argmax(axis=1)]
    return onset, end


def sokolow_lyon(eight: Floats) -> Floats:
    """SV1 + max(RV5, RV6) in mV of QRS complexes [N, 8, M] (Sokolow & Lyon, Am Heart J 1949;37:161)."""
    return -np.minimum(eight[:, 2].min(axis=1), 0) + np.maximum(eight[:, 6:8].max(axis=(1, 2)), 0)


def frontal_axis(beats: Beats, leads: Floats) -> Floats:
    """Frontal QRS axis ([N], degrees, -180..180) from the net areas of QRS in I and aVF."""
    return _axis(_area(beats, QRS)[:, None], leads)[:, 0]


def _area(beats: Beats, events: list[Event]) -> Floats:
    """The sum [N, 3] of the dipole of some events of QRS over time."""
    return dipole(beats, events, np.arange(-20.0, 240.0)).sum(axis=2)


def _axis(area: Floats, leads: Floats) -> Floats:
    """The frontal axis [N, K] that leads [N, 8, 3] show of net areas [N, K, 3]."""
    one, two = np.einsum("nlc,nkc->lnk", leads[:, :2], area)
    return np.asarray(np.degrees(np.arctan2(2 / np.sqrt(3) * (two - one / 2), one)))
