"""Draw ECGs of simulated subjects without touching the disk.

Shapes: N records, C conditions, T samples, B beats, E events; leads in the order of `leads.LEADS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import RATE, SAMPLES
from esi.ecg.simulate import beat, morphology
from esi.ecg.simulate.beat import QRS, Beats, Event, P
from esi.ecg.simulate.conditions import INDEX
from esi.ecg.simulate.noise import RECORDERS, Noise, Recorder, draw_noise
from esi.ecg.simulate.priors import SetName
from esi.ecg.simulate.rhythm import Rhythm, draw_rhythm
from esi.ecg.simulate.subjects import Subjects

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

REACH = 4.0  # widths; what lies beyond is below 0.04 % of the peak


@dataclass(frozen=True)
class GroundTruth:
    """What was drawn, of one record; intervals and axes are those of the conducted beat."""

    rate: float  # beats a minute, of all ventricular beats in the record
    rr_ms: float  # mean
    pr_ms: float | None  # None: no P waves
    p_ms: float | None
    qrs_ms: float
    qt_ms: float
    axis_deg: float  # QRS in the frontal plane
    sokolow_mV: float  # SV1 + max(RV5, RV6)
    onsets_s: tuple[float, ...]  # of the QRS complexes inside the record
    kinds: tuple[int, ...]  # of these beats: rhythm.CONDUCTED, ATRIAL, VENTRICULAR


@dataclass(frozen=True)
class Drawn:
    """A batch of records."""

    clean_mV: Floats32  # [N, 12, T] before noise
    noise: Noise
    present: Bools  # [N, C]
    truth: list[GroundTruth]

    @property
    def signal_mV(self) -> Floats32:
        """[N, 12, T], as the electrodes give it."""
        return self.clean_mV + beat.TWELVE_OF_EIGHT.astype(np.float32) @ self.noise.eight


def draw_records(
    rng: np.random.Generator,
    subjects: Subjects,
    present: Bools,
    recorder: Recorder | SetName = "ptbxl",
    seconds: Floats | None = None,
) -> Drawn:
    """Draw one ECG of each subject at 500 Hz.

    Args:
        subjects: N of them; a subject may stand there several times, once a record. present: the conditions [N, C]
        (`subjects.draw_conditions`); one rhythm each. recorder: whose noise and low-pass; a set's name stands for its
        recorder. seconds: the length of each record [N], 10 s if absent. T is the longest; in shorter records the heart
        still beats after the
            end, but extra beats lie inside.
    """
    recorder = recorder if isinstance(recorder, Recorder) else RECORDERS[recorder]
    seconds = np.full(len(subjects), SAMPLES / RATE) if seconds is None else seconds
    samples = round(float(seconds.max()) * RATE)
    leads = beat.DOWER * subjects.lead_gain
    # Chest electrodes never go twice to the same place: each lead borrows a little from its neighbours.
    borrowed = rng.normal(0.0, 0.06, (len(subjects), 5, 1)) * (leads[:, 3:] - leads[:, 2:-1])
    leads[:, 3:] += borrowed

    conducted = morphology.sinus_beats(subjects, present)
    beat.calibrate(conducted, leads)
    ventricular = morphology.ventricular_beats(subjects)
    beat.calibrate(ventricular, leads)
    kinds = (conducted, morphology.atrial_beats(conducted, subjects), ventricular)
    rhythm = draw_rhythm(rng, subjects, present, seconds)

    dipole = _dipole(rng, kinds, rhythm, len(subjects), samples, recorder.smoothing_ms)
    fibrillating = np.flatnonzero(present[:, INDEX["AFIB"]])
    dipole[fibrillating] += _fibrillation(rng, subjects.take(fibrillating), samples)
    clean = (beat.TWELVE_OF_EIGHT @ leads).astype(np.float32) @ dipole
    noise = draw_noise(rng, len(subjects), samples, RATE, recorder, rhythm.breath_hz)
    return Drawn(clean, noise, present, _truths(conducted, leads, rhythm, present, seconds))


def _dipole(
    rng: np.random.Generator, kinds: tuple[Beats, ...], rhythm: Rhythm, count: int, samples: int, smoothing_ms: float
) -> Floats32:
    """Sum the events of all beats: the dipole [N, 3, T] in mV. Each event is evaluated only where it is not negligible."""
    pick = (rhythm.kind, rhythm.record)
    time, rise, fall = (np.stack([getattr(each, name) for each in kinds])[pick] for name in ("time", "rise", "fall"))
    vector = np.stack([each.vector for each in kinds])[pick]
    qrs = np.stack([each.qrs_ms for each in kinds])[pick]
    qtc = np.stack([each.qtc_ms for each in kinds])[pick]

    # QT follows the cycle length by Fridericia's cube root; P is left out where there is none.
    beats = Beats(time, rise, fall, vector, qrs, qrs, qtc, qrs, qrs, qrs)
    beat.place_repolarisation(beats, _qt(qtc, qrs, rhythm.rr))
    vector[:, P] *= rhythm.has_p[:, None, None]
    # Breathing moves the heart; nothing repeats exactly.
    vector *= (
        1
        + 0.035 * rhythm.breath[:, None, None] * np.array([1.0, -0.6, 0.8])
        + 0.012 * rng.standard_normal((len(time), 1, 3))
    )

    # A Gaussian low-pass turns Gaussians into wider and lower ones.
    smooth_rise, smooth_fall = np.sqrt(rise**2 + smoothing_ms**2), np.sqrt(fall**2 + smoothing_ms**2)
    vector *= ((rise + fall) / (smooth_rise + smooth_fall))[..., None]

    sums = np.zeros((3, count * samples))
    for event in Event:
        used = np.flatnonzero(np.any(vector[:, event] != 0, axis=1))
        centre = (rhythm.time[used] * 1000 + time[used, event]) * RATE / 1000  # in samples
        before, after = smooth_rise[used, event] * RATE / 1000, smooth_fall[used, event] * RATE / 1000
        if not len(used):
            continue
        offsets = np.arange(-int(np.ceil(REACH * before.max())), int(np.ceil(REACH * after.max())) + 1)
        first = np.round(centre).astype(np.int64)
        x = offsets + (first - centre)[:, None]
        x /= np.where(x < 0, before[:, None], after[:, None])
        x *= x
        weight = np.exp(-0.5 * x)
        at = first[:, None] + offsets
        inside = (at >= 0) & (at < samples)
        bins = (at + rhythm.record[used, None] * samples)[inside]
        for axis in range(3):
            sums[axis] += np.bincount(bins, (weight * vector[used, event, axis, None])[inside], minlength=count * samples)
    return np.ascontiguousarray(sums.reshape(3, count, samples).transpose(1, 0, 2), dtype=np.float32)


def _qt(qtc_ms: Floats, qrs_ms: Floats, rr_s: Floats) -> Floats:
    """QT in ms by Fridericia, not shorter than QRS and 140 ms of repolarisation."""
    return np.maximum(qtc_ms * np.cbrt(rr_s), qrs_ms + 140)


def _fibrillation(rng: np.random.Generator, subjects: Subjects, samples: int) -> Floats32:
    """Fibrillatory waves: the dipole [N, 3, T] in mV. 4-9 Hz, largest in V1 (Petrutiu et al., Europace 2007;9:466)."""
    count = len(subjects)
    shape = subjects.shape[:, INDEX["AFIB"]]
    time = np.arange(samples) / RATE
    dipole = np.zeros((count, 3, samples))
    for part in range(2):
        hz = 4.6 + 3.6 * shape[:, :1] + rng.normal(0, 0.25, (count, 1)) + 0.5 * part
        drift = 1.5 * np.sin(2 * np.pi * rng.uniform(0.1, 0.5, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        drift += 0.8 * np.sin(2 * np.pi * rng.uniform(0.6, 1.4, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        phase = 2 * np.pi * hz * time + drift + rng.uniform(0, 6.3, (count, 1))
        wave = np.sin(phase) + 0.35 * np.sin(2 * phase + 0.6) + 0.12 * np.sin(3 * phase)  # steeper on one side
        swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.15, 0.6, (count, 1)) * time + rng.uniform(0, 6.3, (count, 1)))
        direction = np.array([0.15, 0.55, -0.75]) + 0.25 * rng.standard_normal((count, 3))
        size = (0.035 + 0.055 * shape[:, 1:2]) * (1.0, 0.6)[part]
        dipole += direction[:, :, None] * (size * wave * swell)[:, None, :]
    return dipole.astype(np.float32)


def _truths(conducted: Beats, leads: Floats, rhythm: Rhythm, present: Bools, seconds: Floats) -> list[GroundTruth]:
    axes = beat.frontal_axis(conducted, leads)
    eight = np.einsum("nlc,ncm->nlm", leads, beat.dipole(conducted, QRS, np.arange(0.0, 240.0)))
    sokolow = beat.sokolow_lyon(eight)
    p_ms = conducted.p_gap_ms + 2.2 * (conducted.rise[:, Event.P_RIGHT] + conducted.fall[:, Event.P_LEFT])
    usual = np.array([np.median(rhythm.rr[(rhythm.record == row) & (rhythm.time >= 0)]) for row in range(len(conducted))])
    qt = _qt(conducted.qtc_ms, conducted.qrs_ms, usual)
    truths = []
    for row in range(len(conducted)):
        seen = (rhythm.record == row) & (rhythm.time >= 0) & (rhythm.time < seconds[row])
        onsets = rhythm.time[seen]
        rr = float(np.mean(np.diff(onsets)))
        has_p = not present[row, INDEX["AFIB"]]
        truths.append(
            GroundTruth(
                rate=60 / rr,
                rr_ms=1000 * rr,
                pr_ms=float(conducted.pr_ms[row]) if has_p else None,
                p_ms=float(p_ms[row]) if has_p else None,
                qrs_ms=float(conducted.qrs_ms[row]),
                qt_ms=float(qt[row]),
                axis_deg=float(axes[row]),
                sokolow_mV=float(sokolow[row]),
                onsets_s=tuple(float(onset) for onset in onsets),
                kinds=tuple(int(kind) for kind in rhythm.kind[seen]),
            )
        )
    return truths
