"""Second and third degree AV block, pauses of the sinus node, and the escape beats behind them.

Criteria: Kusumoto et al., ACC/AHA/HRS Guideline on bradycardia and conduction delay, Circulation 2019;140:e382.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.rhythm.strip import ESCAPE, JUNCTIONAL, Floats, Look, Strip


def second_degree(rng: np.random.Generator, strip: Strip, u: Floats) -> None:
    """Mobitz I (PR grows until a P is blocked), Mobitz II (blocked without warning) or 2:1.

    In Mobitz I PR grows by ever less, so that RR shortens before the pause. A mild block drops only one or two beats.
    """
    count = len(strip.p)
    period = 2 if u[1] > 0.7 else int(rng.integers(3, 6))
    place = (np.arange(count) + rng.integers(0, period)) % period  # the last of a period is blocked
    if u[1] < 0.42:
        grown = 1 - 0.55 ** np.arange(period)
        strip.pr = strip.pr + rng.uniform(0.10, 0.17) * grown[place]
    blocked = place == period - 1
    if u[0] < 0.25 and period > 2:
        drops = np.flatnonzero(blocked)
        inside = drops[(strip.p[drops] > 1.5) & (strip.p[drops] < strip.seconds - 1)]
        if len(inside):
            blocked = np.isin(np.arange(count), rng.choice(inside, 1))
            if u[1] < 0.42:
                strip.pr[place == 0] -= 0.01
    strip.pr[blocked] = np.nan


def third_degree(rng: np.random.Generator, strip: Strip, u: Floats) -> None:
    """No activation reaches the ventricles; they beat on their own, regularly and at 30 to 50 a minute.

    A junctional escape is narrow and faster than a ventricular one.
    """
    strip.pr[:] = np.nan
    junctional = u[1] < 0.5
    rate = 40 + 10 * u[2] if junctional else 30 + 11 * u[2]
    cycle = 60 / rate
    times = np.arange(-cycle * rng.random(), strip.seconds + cycle, cycle)
    times = times + 0.01 * cycle * rng.standard_normal(len(times))
    kind, look = (JUNCTIONAL, Look.OWN) if junctional else (ESCAPE, Look.ESCAPE)
    strip.others = [(float(time), kind, int(look)) for time in times]
    strip.escape_s = cycle


def pause(rng: np.random.Generator, strip: Strip, u: Floats) -> None:
    """The sinus node stops once for 2 to 3.5 s, or an exit block leaves out one cycle; the AV junction may step in."""
    longest = max(2.0 + 1.5 * u[0], 2.2 * strip.cycle)
    seen = strip.seen(start=0.8, end=min(longest + 0.5, 0.65 * strip.seconds))
    after = int(rng.choice(seen)) if len(seen) else max(1, int(np.argmin(np.abs(strip.p - strip.seconds / 3))))
    cycle = float(strip.p[after + 1] - strip.p[after])
    exit_block = u[1] < 0.4 and cycle > 0.85
    gap = 2 * cycle if exit_block else max(2.0 + 1.5 * u[0], 1.9 * cycle)
    strip.delay(after + 1, gap - cycle)
    if not exit_block and u[2] < 0.5:
        escape = float(strip.qrs[after]) + rng.uniform(1.25, 1.6)
        if escape < strip.qrs[after + 1] - 0.45:
            strip.others.append((escape, JUNCTIONAL, int(Look.OWN)))
