"""From beats and their times to the dipole of a whole record.

Each Gaussian event is evaluated only where it is not negligible, at sub-sample positions. Legend: N records, T samples,
G events.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import RATE
from esi.simulate.conditions.catalogue import INDEX
from esi.simulate.heart import beat
from esi.simulate.heart.beat import Beats, Event, P
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record.ectopic_beats import Pool, p_waves
from esi.simulate.rhythm.rhythm import Rhythm

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]

REACH = 4.0  # widths; what lies beyond is below 0.04 % of the peak
MARGIN = 600  # samples; half of it is more than REACH widths of any event
# The atria repolarise against P, beneath PR segment and QRS: in 142 normal ECGs of PTB-XL the PR segment lies 0.03-0.04 mV
# below the line between T and P in II and V2-V5, about a third of the height of both halves of P together.
ATRIAL_REPOLARISATION, ATRIAL_REPOLARISATION_MS = 0.28, 70.0
SPIKE_MS = 0.5  # half width of a pacemaker's impulse (0.4 to 1.5 ms long) before the recorder's low-pass


def qt_ms(qtc_ms: Floats, qrs_ms: Floats, rr_s: Floats) -> Floats:
    """QT by Fridericia's cube root of the cycle length, not shorter than QRS and 140 ms of repolarisation."""
    return np.maximum(qtc_ms * np.cbrt(rr_s), qrs_ms + 140)


def dipole(
    rng: np.random.Generator,
    pool: Pool,
    own: Beats,
    rhythm: Rhythm,
    subjects: Subjects,
    samples: int,
    smoothing_ms: float,
) -> Floats32:
    """The dipoles [N, 6, T] in mV of a batch, through the recorder's low-pass: the ventricles' (and spikes), the atria's."""
    ventricles, atria = (_Canvas(len(own), samples, smoothing_ms) for _ in range(2))
    rows = pool.rows(rhythm.record, rhythm.look)
    beats = Beats(*(getattr(pool.beats, each.name)[rows] for each in fields(Beats)))
    beat.place_repolarisation(beats, qt_ms(beats.qtc_ms, beats.qrs_ms, rhythm.rr))
    beats.vector *= _variation(rng, rhythm, rhythm.record, rhythm.time)
    for event in Event:
        if event not in P:
            centre = rhythm.time * 1000 + beats.time[:, event]
            ventricles.add(rhythm.record, centre, beats.rise[:, event], beats.fall[:, event], beats.vector[:, event])

    record = rhythm.p_record
    vector, gap = p_waves(own, subjects, record, rhythm.p_wave)
    vector *= _variation(rng, rhythm, record, rhythm.p_time)
    centre = rhythm.p_time * 1000 + 2.2 * own.rise[record, Event.P_RIGHT]
    for number, event in enumerate(P):
        atria.add(record, centre + number * gap, own.rise[record, event], own.fall[record, event], vector[:, number])
    width = np.full(len(record), ATRIAL_REPOLARISATION_MS)
    atria.add(record, rhythm.p_time * 1000 + 160, width, width, -ATRIAL_REPOLARISATION * vector.sum(axis=1))

    record = rhythm.spike_record
    width = np.full(len(record), SPIKE_MS)
    ventricles.add(record, rhythm.spike_time * 1000, width, width, _spikes(rng, subjects)[record] * smoothing_ms / SPIKE_MS)
    return np.concatenate([ventricles.dipole(), atria.dipole()], axis=1)


def p_ms(own: Beats, record: Ints, gap: Floats) -> Floats:
    """How long P waves with `gap` ms between the atria last: from 2.2 widths before the first peak to 2.2 after the last."""
    return 2.2 * own.rise[record, Event.P_RIGHT] + gap + 2.2 * own.fall[record, Event.P_LEFT]


def _variation(rng: np.random.Generator, rhythm: Rhythm, record: Ints, time: Floats) -> Floats:
    """Breathing moves the heart; nothing repeats exactly. [., 1, 3]"""
    breath = 0.035 * rhythm.breath(record, time)[:, None, None] * np.array([1.0, -0.6, 0.8])
    return 1 + breath + 0.012 * rng.standard_normal((len(record), 1, 3))


def _spikes(rng: np.random.Generator, subjects: Subjects) -> Floats:
    """The pacemaker spike [N, 3] of each record in mV after the low-pass: large if unipolar, tiny or unseen if bipolar."""
    u = subjects.shape[:, INDEX["PACE"]]
    size = np.where(u[:, 3] < 0.25, rng.uniform(0.6, 2.0, len(u)), np.minimum(0.01 + rng.exponential(0.10, len(u)), 0.5))
    direction = np.array([0.5, -0.7, 0.1]) + 0.4 * rng.standard_normal((len(u), 3))
    return size[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)


class _Canvas:
    """Sums of Gaussians on the samples of every record, with a margin on both sides for what lies half outside."""

    def __init__(self, count: int, samples: int, smoothing_ms: float) -> None:
        self._count, self._samples, self._smoothing = count, samples, smoothing_ms
        self._sums = np.zeros((3, count * (samples + 2 * MARGIN)))

    def add(self, record: Ints, centre_ms: Floats, rise: Floats, fall: Floats, vector: Floats) -> None:
        """Add G events: their record, peak (ms from the record's start), widths (ms) and vectors [G, 3] (mV)."""
        centre = centre_ms * RATE / 1000
        near = (centre > -MARGIN / 2) & (centre < self._samples + MARGIN / 2)
        used = np.flatnonzero(np.any(vector != 0, axis=1) & near)
        if not len(used):
            return
        record, centre, rise, fall = record[used], centre[used], rise[used], fall[used]
        # A Gaussian low-pass turns Gaussians into wider and lower ones.
        before, after = np.hypot(rise, self._smoothing), np.hypot(fall, self._smoothing)
        height = vector[used] * ((rise + fall) / (before + after))[:, None]
        before, after = before * RATE / 1000, after * RATE / 1000
        left, right = (min(int(np.ceil(REACH * width.max())), MARGIN // 2 - 1) for width in (before, after))
        offsets = np.arange(-left, right + 1)
        first = np.round(centre).astype(np.int64)
        x = offsets + (first - centre)[:, None]
        x[:, :left] /= before[:, None]
        x[:, left] /= np.where(x[:, left] < 0, before, after)
        x[:, left + 1 :] /= after[:, None]
        weight = np.exp(-0.5 * (x * x).astype(np.float32))
        bins = ((first + MARGIN + record * (self._samples + 2 * MARGIN))[:, None] + offsets).ravel()
        for axis in range(3):
            part = weight * height[:, axis, None].astype(np.float32)
            self._sums[axis] += np.bincount(bins, part.ravel(), minlength=self._sums.shape[1])

    def dipole(self) -> Floats32:
        """[N, 3, T]"""
        inner = self._sums.reshape(3, self._count, -1)[:, :, MARGIN:-MARGIN]
        return np.ascontiguousarray(inner.transpose(1, 0, 2), dtype=np.float32)
