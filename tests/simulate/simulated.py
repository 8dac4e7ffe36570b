"""Simulated records of one condition, and measurements on their noise-free signal that know nothing of the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import LEADS
from esi.simulate.conditions.catalogue import CONDITIONS, INDEX, RHYTHMS
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import Drawn, draw_records
from esi.simulate.rhythm.strip import CONDUCTED

RATE = 500
BEFORE, AFTER = 200, 350  # samples of a median beat around the onset of QRS
EIGHT = [0, 1, 6, 7, 8, 9, 10, 11]


def lead(name: str) -> int:
    return LEADS.index(name)


def draw(*names: str, count: int = 40, seed: int = 0, severity: float | None = None) -> Drawn:
    """`count` subjects with these conditions, in sinus rhythm unless a rhythm is named; of one severity if it is given."""
    rng = np.random.default_rng(seed)
    present = np.zeros((count, len(CONDITIONS)), bool)
    present[:, [INDEX[name] for name in names]] = True
    if not set(names) & set(RHYTHMS):
        present[:, INDEX["SR"]] = True
    subjects = draw_subjects(rng, count, "ptbxl")
    if severity is not None:
        subjects.shape[:, :, 0] = severity
    return draw_records(rng, subjects, present)


def median_beats(drawn: Drawn, signal: NDArray[np.floating] | None = None) -> NDArray[np.floating]:
    """Median conducted beats [N, 12, BEFORE + AFTER] in mV above the PR segment; noise-free unless a signal is given."""
    signal = drawn.clean_mV if signal is None else signal
    beats = []
    for row, truth in enumerate(drawn.truth):
        starts = [round(onset * RATE) for onset, kind in zip(truth.onsets_s, truth.kinds, strict=True) if kind == CONDUCTED]
        inside = [start for start in starts if start >= BEFORE and start + AFTER <= signal.shape[-1]]
        beat = np.median([signal[row, :, start - BEFORE : start + AFTER] for start in inside], axis=0)
        beats.append(beat - beat[:, BEFORE - 8 : BEFORE - 3].mean(axis=1, keepdims=True))
    return np.stack(beats)


def qrs_ms(beat: NDArray[np.floating]) -> float:
    """How long the eight leads together change by more than 0.014 mV/ms, pauses up to 24 ms included.

    A threshold in mV/ms, for one relative to the steepest part cuts the slow end of a block behind a sharp R.
    """
    speed = np.linalg.norm(np.diff(beat[EIGHT, BEFORE - 25 : BEFORE + 110]), axis=0) * RATE / 1000
    fast = np.flatnonzero(speed > 0.014)
    runs = np.split(fast, np.flatnonzero(np.diff(fast) > 12) + 1)
    run = next(run for run in runs if int(speed.argmax()) in run)
    return float(run[-1] - run[0] + 1) * 1000 / RATE


def pr_ms(beat: NDArray[np.floating]) -> float:
    """From where the eight leads together first reach a tenth of P's peak to the onset of QRS."""
    p = np.linalg.norm(beat[EIGHT, : BEFORE - 5] - beat[EIGHT, :20].mean(axis=1, keepdims=True), axis=0)
    peak = 40 + int(p[40:].argmax())
    below = np.flatnonzero(p[:peak] < 0.1 * p[peak])
    return float(BEFORE - below[-1]) * 1000 / RATE


def q_ms(trace: NDArray[np.floating]) -> float:
    """How long QRS stays below -0.02 mV before its R (or all of a QS)."""
    qrs = trace[BEFORE - 5 : BEFORE + 60]
    low = np.flatnonzero(qrs < -0.02)
    if not len(low) or qrs[: low[0]].max(initial=0) > 0.05:
        return 0.0
    end = np.flatnonzero(qrs[low[0] :] >= -0.02)
    return float(end[0] if len(end) else len(qrs) - low[0]) * 1000 / RATE


def j_mV(trace: NDArray[np.floating], qrs: float) -> float:
    """The ST level 60 ms after the J point."""
    return float(trace[BEFORE + round((qrs + 60) * RATE / 1000)])
