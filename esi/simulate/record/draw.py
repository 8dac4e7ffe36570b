"""Draw ECGs of simulated subjects without touching the disk.

Legend: N records, C conditions, T samples; leads in the order of `leads.LEADS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import RATE, SAMPLES
from esi.simulate.conditions.priors import SetName
from esi.simulate.heart import beat, morphology
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record import atrial_waves, rendering
from esi.simulate.record.ectopic_beats import Pool
from esi.simulate.record.filters import Filters, draw_filters
from esi.simulate.record.findings import seen
from esi.simulate.record.noise import Noise, draw_noise
from esi.simulate.record.recorders import RECORDERS, Recorder
from esi.simulate.record.truth import GroundTruth, truths
from esi.simulate.rhythm.rhythm import draw_rhythm

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]


INDEPENDENT = [0, 1, 6, 7, 8, 9, 10, 11]  # of the twelve leads: I, II, V1..V6


@dataclass(frozen=True)
class Drawn:
    """A batch of records."""

    clean_mV: Floats32  # [N, 12, T] before noise, as the recorder's filters leave it
    noise: Noise
    filters: Filters
    present: Bools  # [N, C]
    truth: list[GroundTruth]

    @property
    def signal_mV(self) -> Floats32:
        """[N, 12, T], as the recorder writes it."""
        eight: Floats32 = self.noise.record(self.clean_mV[:, INDEPENDENT])
        return beat.TWELVE_OF_EIGHT.astype(np.float32) @ eight


def draw_records(
    rng: np.random.Generator,
    subjects: Subjects,
    present: Bools,
    recorder: Recorder | SetName = "ptbxl",
    seconds: Floats | None = None,
) -> Drawn:
    """Draw one ECG of each subject at 500 Hz.

    Args:
        subjects: N of them; a subject may stand there several times, once a record.
        present: the conditions [N, C] (`findings.draw_conditions`); one rhythm each.
        recorder: whose noise and low-pass; a set's name stands for its recorder.
        seconds: the length of each record [N], 10 s if absent. T is the longest; in shorter records the heart still
            beats after the end, but extra beats lie inside.
    """
    recorder = recorder if isinstance(recorder, Recorder) else RECORDERS[recorder]
    seconds = np.full(len(subjects), SAMPLES / RATE) if seconds is None else seconds
    samples = round(float(seconds.max()) * RATE)
    leads = subjects.leads.copy()
    # Chest electrodes never go twice to the same place: each lead borrows a little from its neighbours.
    borrowed = rng.normal(0.0, 0.06, (len(subjects), 5, 1)) * (leads[:, 3:] - leads[:, 2:-1])
    leads[:, 3:] += borrowed

    own = morphology.sinus_beats(subjects, seen(present))
    beat.calibrate(own, leads)
    rhythm = draw_rhythm(rng, subjects, present, seconds, own.pr_ms)
    pool = Pool(own, leads, subjects, rhythm.record, rhythm.look)

    dipole = rendering.dipole(rng, pool, own, rhythm, subjects, samples, recorder.smoothing_ms)
    fibrillating = np.flatnonzero(rhythm.fibrillates)
    dipole[fibrillating, 3:] += atrial_waves.fibrillation(rng, subjects.take(fibrillating), samples)
    fluttering = np.array(list(rhythm.flutter), np.int64)
    waves = list(rhythm.flutter.values())
    dipole[fluttering, 3:] += atrial_waves.flutter(rng, waves, subjects.take(fluttering), samples)
    filters = draw_filters(rng, len(subjects), recorder)
    both = np.concatenate([leads, leads * beat.ATRIA_NEAR[:, None]], axis=2)
    clean = (beat.TWELVE_OF_EIGHT @ both).astype(np.float32) @ filters.apply(dipole, RATE)
    noise = draw_noise(rng, len(subjects), samples, RATE, recorder, rhythm.breath_hz, filters)
    return Drawn(clean, noise, filters, present, truths(rhythm, pool, own, leads, subjects, seconds))
