"""Rhythms that the atria or the AV node set: fibrillation, flutter, supraventricular tachycardia, multifocal rhythm.

Each function draws the `Strip` of one record. `u` [4] are the subject's uniform numbers of that rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esi.simulate.rhythm.strip import ATRIAL, Floats, Ints, PWave, Strip, conducted_strip


@dataclass(frozen=True)
class Flutter:
    """The F waves of one record: their cycle and the onset of one of them, s."""

    cycle: float
    onset: float


def fibrillating(rng: np.random.Generator, pulse: float, seconds: float) -> Strip:
    """Atrial fibrillation: RR intervals independent of each other, with a coefficient of variation of 0.17 to 0.28."""
    mean = 60 / float(np.clip(88 + 12 * pulse + 18 * rng.standard_normal(), 48, 150))
    spread = rng.uniform(0.17, 0.28)
    rr = np.maximum(mean * np.exp(spread * rng.standard_normal(int(1.8 * seconds / mean) + 8) - spread**2 / 2), 0.29)
    qrs = np.cumsum(rr) - rr[0] - mean * rng.random()
    strip = conducted_strip(qrs[qrs < seconds + mean], 0.0, seconds, PWave.NONE)
    strip.fibrillates = True
    return strip


def fluttering(rng: np.random.Generator, u: Floats, seconds: float) -> tuple[Strip, Flutter]:
    """Atrial flutter at 220 to 350 a minute, conducted 2:1, 3:1, 4:1 or varyingly, each QRS at the same place of an F wave.

    Typical flutter runs at 240 to 340 a minute, slower under drugs, and is conducted 2:1 as a rule (Saoudi et al., Eur Heart
    J 2001;22:1162; Bun et al., Eur Heart J 2015;36:2356).
    """
    cycle = 60 / float(np.clip(250 + 80 * u[0] + rng.normal(0, 6), 220, 350))
    count = int(seconds / cycle) + 12
    ratio = rng.choice(5, p=(0.42, 0.08, 0.18, 0.16, 0.16))
    if ratio < 3:
        steps = np.full(count, ratio + 2)
    elif ratio == 3:  # 2:1 and 4:1 by turns, in runs
        steps = np.where(np.cumsum(rng.random(count) < 0.45) % 2, 2, 4)
    else:
        steps = rng.choice((2, 3, 4, 5), count, p=(0.35, 0.3, 0.25, 0.1))
    first = -cycle * rng.uniform(1, 3)
    onset = first + cycle * np.cumsum(steps)
    onset = onset - onset[0] + first
    qrs = onset + rng.uniform(0.55, 0.95) * cycle + 0.004 * rng.standard_normal(count)
    return conducted_strip(qrs[qrs < seconds + 1], 0.0, seconds, PWave.NONE), Flutter(cycle, first)


def tachycardia(rng: np.random.Generator, u: Floats, start: float, end: float, seconds: float) -> Strip:
    """A regular supraventricular tachycardia of 140 to 220 a minute from `start` to `end`.

    Its P is hidden in QRS or follows it closely, as in AV nodal re-entry (RP up to 90 ms), or stands in ST, as over an
    accessory pathway (RP 100 to 150 ms); both are negative in the inferior leads (Brugada et al., ESC Guidelines on
    supraventricular tachycardia, Eur Heart J 2020;41:655).
    """
    cycle = 60 / float(np.clip(148 + 60 * u[0] + rng.normal(0, 5), 140, 220))
    count = int((end - start) / cycle) + 1
    qrs = start + cycle * (np.arange(count) + 0.006 * rng.standard_normal(count))
    strip = conducted_strip(qrs, 0.0, seconds, PWave.NONE)
    if u[1] > 0.3:
        behind = 0.06 + 0.03 * u[2] if u[1] < 0.7 else 0.10 + 0.05 * u[2]
        strip.add_p(qrs + behind, PWave.RETROGRADE)
    return strip


def with_paroxysm(rng: np.random.Generator, sinus: Strip, u: Floats) -> Strip:
    """Sinus rhythm in which a tachycardia begins with a premature P, or ends with a pause; or tachycardia throughout."""
    seconds = sinus.seconds
    form = rng.random()
    if form < 0.3:
        return tachycardia(rng, u, -rng.uniform(0.3, 0.7), seconds + 0.5, seconds)
    turn = rng.uniform(0.3, 0.7) * seconds
    if form < 0.65:  # begins
        kept = np.flatnonzero(sinus.qrs < turn)
        last = int(kept[-1])
        sinus.p[last] -= 0.35 * (sinus.p[last] - sinus.p[last - 1])
        sinus.p_wave[last], sinus.kind[last] = PWave.ECTOPIC, ATRIAL
        sinus.pr[last] += 0.08  # over the slow pathway
        start = float(sinus.qrs[last]) + 0.36
        run = tachycardia(rng, u, start, seconds + 0.5, seconds)
        return _joined(_part(sinus, kept), run)
    run = tachycardia(rng, u, -rng.uniform(0.3, 0.7), turn, seconds)
    sinus.delay(0, float(run.p[-1]) + rng.uniform(0.9, 1.5) - float(sinus.p[0]))
    return _joined(run, _part(sinus, np.flatnonzero(sinus.p < seconds + 1)))


def multifocal(rng: np.random.Generator, pr: float, u: Floats, rate: float, seconds: float) -> Strip:
    """An irregular atrial rhythm: P waves of three or four foci, with PP and PR of their own (Shine et al., N Engl J Med
    1968;279:344), a few of them blocked."""
    cycle = 60 / (rate + 25 * u[1])
    spread = 0.10 + 0.12 * u[0]
    pp = cycle * np.clip(np.exp(spread * rng.standard_normal(int(1.8 * seconds / cycle) + 8)), 0.6, 1.7)
    p = np.cumsum(pp) - pp[0] - cycle * (1 + rng.random())
    strip = conducted_strip(p + pr, pr, seconds)
    strip.p_wave = rng.choice((PWave.SINUS, PWave.ECTOPIC, PWave.SECOND, PWave.THIRD), len(p), p=(0.4, 0.2, 0.2, 0.2))
    of_focus = np.array([0.0, -0.025, 0.02, -0.015])
    strip.pr = np.maximum(pr + of_focus[strip.p_wave] + 0.008 * rng.standard_normal(len(p)), 0.10)
    early = np.r_[False, pp[1:] < 0.68 * cycle]
    strip.pr[early & (rng.random(len(p)) < 0.35)] = np.nan
    return strip


def _part(strip: Strip, rows: Ints) -> Strip:
    return Strip(strip.seconds, strip.p[rows], strip.pr[rows], strip.p_wave[rows], strip.kind[rows], strip.look[rows])


def _joined(first: Strip, second: Strip) -> Strip:
    return Strip(
        first.seconds,
        np.concatenate([first.p, second.p]),
        np.concatenate([first.pr, second.pr]),
        np.concatenate([first.p_wave, second.p_wave]),
        np.concatenate([first.kind, second.kind]),
        np.concatenate([first.look, second.look]),
    )
