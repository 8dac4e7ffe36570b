"""When atria and ventricles are active in each record of a batch, and which kind of beat each is.

Legend: N records, C conditions, B beats and A atrial activations with a P wave of the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import AV_BLOCKS, ECTOPY, INDEX, PAUSES, RHYTHMS
from esi.simulate.conditions.priors import WITHOUT_P
from esi.simulate.heart.subjects import Subjects
from esi.simulate.rhythm import atrial_rhythms, av_block, ectopy, pacing
from esi.simulate.rhythm.atrial_rhythms import Flutter
from esi.simulate.rhythm.sinus import sinus_times
from esi.simulate.rhythm.strip import PWave, Strip, conducted_strip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SINUS = ("SR", "SBRAD", "STACH", "SARRH")
_MORE = (*ECTOPY, *AV_BLOCKS, *PAUSES)


@dataclass(frozen=True)
class Rhythm:
    """The beats [B], P waves [A] and pacemaker spikes of a batch; they reach a little beyond both ends of the records."""

    record: Ints  # [B] row of the batch
    time: Floats  # [B] onset of QRS, s from the record's start
    kind: Ints  # [B] strip.CONDUCTED ...
    look: Ints  # [B] strip.Look
    pr: Floats  # [B] s; NaN: no P wave conducts this beat
    rr: Floats  # [B] s, which sets the QT interval
    p_record: Ints  # [A]
    p_time: Floats  # [A] onset of P
    p_wave: Ints  # [A] strip.PWave
    spike_record: Ints
    spike_time: Floats
    flutter: dict[int, Flutter]  # of the records that have F waves
    fibrillates: Bools  # [N]
    breath_hz: Floats  # [N]
    breath_phase: Floats  # [N]

    def breath(self, record: Ints, time: Floats) -> Floats:
        """Phase of breathing, -1..1, of `record` at `time`."""
        return np.sin(2 * np.pi * self.breath_hz[record] * time + self.breath_phase[record])


def draw_rhythm(rng: np.random.Generator, subjects: Subjects, present: Bools, seconds: Floats, pr_ms: Floats) -> Rhythm:
    """Draw the rhythm of one record of each subject.

    Args:
        present: the conditions [N, C]: one of `RHYTHMS` a record, with any of `ECTOPY`, `AV_BLOCKS` and `PAUSES`.
        seconds: the length of each record [N].
        pr_ms: of the conducted beats [N].
    """
    count = len(subjects)
    breath_hz, breath_phase = rng.uniform(0.17, 0.32, count), rng.uniform(0, 2 * np.pi, count)
    sinus, rates = sinus_times(rng, subjects, present, seconds, breath_hz, breath_phase)
    strips: list[Strip] = []
    flutter: dict[int, Flutter] = {}
    for row in range(count):
        length, pr = float(seconds[row]), float(pr_ms[row]) / 1000
        strip = conducted_strip(sinus[row], pr, length)
        rhythm = next((name for name in RHYTHMS if name not in _SINUS and present[row, INDEX[name]]), None)
        u = subjects.shape[row, INDEX[rhythm or "SR"]]
        match rhythm:
            case "AFIB":
                strip = atrial_rhythms.fibrillating(rng, float(subjects.pulse[row]), length)
            case "AFLT":
                strip, flutter[row] = atrial_rhythms.fluttering(rng, u, length)
            case "SVTAC":
                strip = atrial_rhythms.tachycardia(rng, u, -rng.uniform(0.3, 0.7), length + 0.5, length)
            case "PSVT":
                strip = atrial_rhythms.with_paroxysm(rng, strip, u)
            case "SVARR":
                strip = atrial_rhythms.multifocal(rng, pr, u, float(rates[row]), length)
            case "PACE":
                strip = pacing.paced(rng, strip, u, length)
        if present[row, [INDEX[name] for name in _MORE]].any():
            _add(rng, strip, subjects, row, present[row], rhythm)
        strips.append(strip)
    return _collected(strips, flutter, breath_hz, breath_phase)


def _add(
    rng: np.random.Generator, strip: Strip, subjects: Subjects, row: int, present: NDArray[np.bool_], rhythm: str | None
) -> None:
    """Blocks and extra beats of one record. What shifts the atria comes before what is placed among the beats."""

    def has(name: str) -> bool:
        return bool(present[INDEX[name]])

    def u(name: str) -> Floats:
        return np.asarray(subjects.shape[row, INDEX[name]])

    has_p = rhythm not in WITHOUT_P
    if has("2AVB") and has_p:
        av_block.second_degree(rng, strip, u("2AVB"))
    if has("PAUSE") and rhythm in (None, "SVARR", "AFIB"):
        av_block.pause(rng, strip, u("PAUSE"))
    often = ectopy.how_many(rng, float(subjects.ectopy[row]), strip.seconds)
    unspecified = has("PRC(S)") and has_p and u("PRC(S)")[1] < 0.7  # from the atria as a rule
    if has_p:
        if has("ABIGU") or has("ATRIGU"):
            ectopy.in_turn(rng, strip, u("PAC"), 2 if has("ABIGU") else 3, from_ventricle=False)
        elif has("PAC") or unspecified:
            ectopy.premature_atrial(rng, strip, u("PAC"), often)
    if has("3AVB") and rhythm in (None, "SVARR", "AFIB", "AFLT"):
        av_block.third_degree(rng, strip, u("3AVB"))
    if has("BIGU") or has("TRIGU"):
        ectopy.in_turn(rng, strip, u("PVC"), 2 if has("BIGU") else 3, from_ventricle=True)
    elif has("PVC") or (has("PRC(S)") and not unspecified):
        ectopy.premature_ventricular(rng, strip, u("PVC"), often)


def _collected(strips: list[Strip], flutter: dict[int, Flutter], breath_hz: Floats, breath_phase: Floats) -> Rhythm:
    columns: list[list[NDArray[np.generic]]] = []
    atria: list[list[NDArray[np.generic]]] = []
    spikes: list[list[NDArray[np.generic]]] = []
    for row, strip in enumerate(strips):
        time, kind, look, pr = strip.beats()
        rr = np.diff(time, prepend=2 * time[0] - time[1])
        # Repolarisation follows the rate with a memory of many beats (Franz et al., J Clin Invest 1988;82:972).
        rr = 0.75 * float(np.mean(rr[(time >= 0) & (time < strip.seconds)])) + 0.25 * rr
        kept = (time > -1.2) & (time < strip.seconds + 0.5)
        columns.append([np.full(kept.sum(), row), *(each[kept] for each in (time, kind, look, pr, rr))])
        shown = (strip.p_wave != PWave.NONE) & (strip.p > -0.5) & (strip.p < strip.seconds + 0.3)
        atria.append([np.full(shown.sum(), row), strip.p[shown], strip.p_wave[shown]])
        spikes.append([np.full(len(strip.spikes), row), np.array(strip.spikes, float)])
    record, time, kind, look, pr, rr = (np.concatenate(each) for each in zip(*columns, strict=True))
    p_record, p_time, p_wave = (np.concatenate(each) for each in zip(*atria, strict=True))
    spike_record, spike_time = (np.concatenate(each) for each in zip(*spikes, strict=True))
    fibrillates = np.array([strip.fibrillates for strip in strips])
    return Rhythm(
        record, time, kind, look, pr, rr, p_record, p_time, p_wave, spike_record, spike_time, flutter,
        fibrillates, breath_hz, breath_phase,
    )  # fmt: skip
