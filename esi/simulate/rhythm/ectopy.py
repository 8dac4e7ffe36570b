"""Extra beats: premature atrial and ventricular ones, single, paired, interpolated, blocked, in bigeminy and trigeminy.

A premature atrial beat resets the sinus node. A premature ventricular one does not: the next sinus P finds the ventricles
refractory, which makes the compensatory pause.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.rhythm.strip import ATRIAL, CONDUCTED, PACED, VENTRICULAR, Floats, Look, PWave, Strip

EARLIEST = 0.36  # s from one QRS to the next


def how_many(rng: np.random.Generator, inclination: float, seconds: float) -> int:
    """How many extra beats a record shows: one or two as a rule, seldom so many that every third beat is one."""
    rate = 0.07 * np.exp(0.9 * inclination)  # a second
    return 1 + int(min(rng.poisson(rate * seconds), 0.35 * seconds))


def premature_atrial(rng: np.random.Generator, strip: Strip, u: Floats, count: int) -> None:
    """Make up to `count` beats premature; some in pairs, some aberrant, some blocked, but one at least is conducted."""
    seen = strip.seen()
    if not len(seen):
        seen = np.array([int(np.nanargmin(np.abs(strip.qrs - strip.seconds / 2)))])
    made = 0
    for beat in rng.permutation(seen):
        if made == count:
            return
        if not _can_be_early(strip, beat) or strip.kind[beat + 1] != CONDUCTED:
            continue
        if made and rng.random() < 0.15:
            _blocked(rng, strip, beat)
            continue
        atrial(rng, strip, beat, u)
        made += 1
        if rng.random() < 0.12 and _can_be_early(strip, beat + 1, pair=True):
            atrial(rng, strip, beat + 1, u)


def _can_be_early(strip: Strip, beat: int, pair: bool = False) -> bool:
    """Whether an activation conducts a usual beat, after another one, and not behind a pause or a blocked extra beat."""
    if not 0 < beat < len(strip.p) - 1 or np.isnan(strip.pr[beat]) or strip.kind[beat] != CONDUCTED:
        return False
    if strip.p_wave[beat - 1] == PWave.ECTOPIC and np.isnan(strip.pr[beat - 1]):
        return False
    return bool(strip.p[beat] - strip.p[beat - 1] < 1.6 * strip.cycle) and (pair or strip.kind[beat - 1] == CONDUCTED)


def atrial(rng: np.random.Generator, strip: Strip, beat: int, u: Floats) -> None:
    """Make one beat of a strip premature. The pause behind it is a cycle or a little longer."""
    before = float(strip.p[beat] - strip.p[beat - 1])
    share = 0.55 + 0.22 * u[1] + 0.03 * rng.standard_normal()
    early = min(max(EARLIEST, share * before), 0.85 * before)
    shift = early - before
    strip.delay(beat + 1, 0.92 * shift)
    strip.p[beat] += shift
    strip.p_wave[beat], strip.kind[beat] = PWave.ECTOPIC, ATRIAL
    strip.pr[beat] += max(0.0, 0.06 * (0.62 - share) / 0.1)  # the node still recovers
    if share < 0.66 and u[0] < 0.25:
        strip.look[beat] = Look.ABERRANT


def _blocked(rng: np.random.Generator, strip: Strip, beat: int) -> None:
    before = float(strip.p[beat] - strip.p[beat - 1])
    shift = min(max(0.30, rng.uniform(0.36, 0.44) * before), 0.85 * before) - before
    strip.delay(beat + 1, 0.92 * shift)
    strip.p[beat] += shift
    strip.p_wave[beat], strip.pr[beat] = PWave.ECTOPIC, np.nan


def premature_ventricular(rng: np.random.Generator, strip: Strip, u: Floats, count: int) -> None:
    """Add up to `count` ventricular beats, each at nearly the same interval behind the beat before it.

    Some come in pairs or from a second place; some slow hearts show interpolated ones.
    """
    multiform = u[0] > 0.8
    onsets = strip.beats()[0]
    seen = onsets[(onsets > 0.4) & (onsets < strip.seconds - 1.2) & (np.diff(onsets, append=np.inf) > 0.47)]
    if not len(seen):
        seen = onsets[np.abs(onsets - strip.seconds / 2).argmin()][None]
    order = rng.permutation(seen)
    # Where no beat is clear of the atria's extra beats, one may follow them, and be anywhere inside.
    inside = rng.permutation(onsets[(onsets > 0) & (onsets < strip.seconds - 0.8)])
    tries = [*np.sort(order[:count]), *order[count:], *inside]
    last = -np.inf
    for number, planned in enumerate(tries):
        if number >= count and last > 0:
            return
        onsets = strip.beats()[0]  # an extra beat moves what a pacemaker does behind it
        beat = min(int(np.abs(onsets - planned).argmin()), len(onsets) - 2)
        onset, gap = float(onsets[beat]), float(onsets[beat + 1] - onsets[beat])
        behind = onset + 0.02 if number >= len(order) else onset - 0.02
        if onset < last + 2.2 * strip.cycle or _extra_between(strip, behind, onset + gap + 0.45):
            continue
        look = Look.OTHER if multiform and last > 0 and rng.random() < 0.5 else Look.PREMATURE
        between = gap > 0.95 and rng.random() < 0.2
        early = ventricular(rng, strip, onset, gap, u, look, between)
        if not between and rng.random() < 0.1 and not _extra_between(strip, onset + early + 0.02, onset + early + 1.2):
            ventricular(rng, strip, onset + early, 0.75, u, look, False)
        last = onset


def _extra_between(strip: Strip, start: float, end: float) -> bool:
    """Whether an extra beat comes between two times: it would be lost, or run into another one."""
    onsets, kinds = strip.beats()[:2]
    return bool((np.isin(kinds, (ATRIAL, VENTRICULAR)) & (onsets > start) & (onsets < end)).any())


def ventricular(
    rng: np.random.Generator, strip: Strip, onset: float, gap: float, u: Floats, look: Look, interpolated: bool
) -> float:
    """Add a ventricular beat behind the one at `onset`, whose next beat would come `gap` later; returns how far behind."""
    share = 0.45 if interpolated else 0.52 + 0.2 * u[1]
    early = min(max(EARLIEST, share * min(gap, 1.1) + 0.012 * rng.standard_normal()), 0.85 * gap)
    time = onset + early
    qrs = strip.qrs
    if interpolated:
        strip.pr[qrs > time] += np.where(qrs[qrs > time] < onset + 1.5 * gap, 0.07, 0.0)
    else:
        later = np.flatnonzero(qrs > onset + 0.02)
        refractory = max(0.45, 1.02 * (onset + gap - time))
        strip.pr[later[qrs[later] < time + refractory]] = np.nan
    _reset(strip, time)
    strip.others.append((time, VENTRICULAR, int(look)))
    return early


def _reset(strip: Strip, time: float) -> None:
    """Escape beats and a pacemaker wait for a whole cycle behind an extra beat at `time`."""
    later = [wave for wave in strip.others if wave[0] > time and wave[1] != VENTRICULAR]
    if not later:
        return
    wait = max(0.0, time + strip.escape_s - min(wave[0] for wave in later))
    strip.others = [
        (wave[0] + wait, *wave[1:]) if wave[0] > time and wave[1] != VENTRICULAR else wave for wave in strip.others
    ]
    if any(kind == PACED for _, kind, _ in strip.others):
        strip.spikes = [spike + wait if spike > time - 0.25 else spike for spike in strip.spikes]
        strip.p[strip.p > time - 0.25] += wait


def in_turn(rng: np.random.Generator, strip: Strip, u: Floats, period: int, from_ventricle: bool) -> None:
    """Bigeminy (period 2) or trigeminy (3): every second or third beat is an extra one, in all or the most of the record."""
    whole = rng.random() < 0.7
    start = 0.0 if whole else rng.uniform(0, 0.3) * strip.seconds
    end = strip.seconds if whole else start + 0.65 * strip.seconds
    if from_ventricle:
        last = start - 1.5
        while last < end:
            onsets = strip.beats()[0]
            usual = onsets[onsets > last][period - 2 : period]
            if len(usual) < 2:
                return
            onset, following = usual.tolist()
            last = onset + ventricular(rng, strip, onset, following - onset, u, Look.PREMATURE, False) + 0.01
        return
    beat = max(1, int(np.searchsorted(strip.p, start)))
    while beat < len(strip.p) - 1 and strip.p[beat] < end:
        if _can_be_early(strip, beat):
            atrial(rng, strip, beat, u)
        beat += period
