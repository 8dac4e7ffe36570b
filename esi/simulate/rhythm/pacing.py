"""Pacemakers: ventricular, dual-chamber and atrial pacing, always or on demand.

Timing as in Bernstein et al., The revised NASPE/BPEG generic code, Pacing Clin Electrophysiol 2002;25:260: VVI, DDD, AAI.
"""

from __future__ import annotations

import numpy as np

from esi.simulate.rhythm.atrial_rhythms import fibrillating
from esi.simulate.rhythm.strip import PACED, Floats, Look, PWave, Strip, conducted_strip

LATENCY = 0.008  # s from a ventricular spike to the onset of QRS


def paced(rng: np.random.Generator, sinus: Strip, u: Floats, seconds: float) -> Strip:
    """The strip of one record with a pacemaker. `u` [4] are the subject's uniform numbers: the second chooses the mode."""
    rate = float(rng.choice((60, 60, 60, 65, 70, 70, 75, 80)))
    cycle = 60 / rate
    if u[1] < 0.88:
        strip = (_ventricular if u[1] < 0.50 else _dual_chamber)(rng, sinus, u, cycle, seconds)
        strip.escape_s = cycle
        return strip
    times = np.arange(-cycle * rng.random(), seconds + cycle, cycle)
    strip = conducted_strip(times + float(sinus.pr[0]), float(sinus.pr[0]), seconds)
    strip.spikes = [float(time) - 0.004 for time in times]
    return strip


def _ventricular(rng: np.random.Generator, sinus: Strip, u: Floats, cycle: float, seconds: float) -> Strip:
    """A ventricle paced `cycle` after its last beat; AF or sinus rhythm above, which conducts now and then or never."""
    demand = rng.random() < 0.35
    if u[2] < 0.45:
        strip = fibrillating(rng, -2.2 if demand else 0.0, seconds)
    else:
        strip = sinus
        if demand:  # a sinus rate around the pacemaker's: the two take turns
            strip.p = _drifting(rng, cycle, seconds)
            strip = conducted_strip(strip.p + strip.pr[0], float(strip.pr[0]), seconds)
    intrinsic = strip.qrs if demand else np.zeros(0)
    last = -cycle * rng.random() - cycle
    shown = np.zeros(len(strip.p), bool)
    while last < seconds + 0.5:
        sensed = np.flatnonzero((intrinsic > last + 0.28) & (intrinsic < last + cycle))
        if len(sensed):
            shown[sensed[0]] = True
            last = float(intrinsic[sensed[0]])
        else:
            last += cycle
            strip.spikes.append(last - LATENCY)
            strip.others.append((last, PACED, int(Look.PACED)))
    strip.pr[~shown] = np.nan
    return strip


def _drifting(rng: np.random.Generator, cycle: float, seconds: float) -> Floats:
    count = int(seconds / cycle) + 8
    rr = cycle * (1 + 0.09 * np.sin(2 * np.pi * (np.arange(count) / rng.uniform(8, 14) + rng.random())))
    return np.cumsum(rr) - 2 * cycle


def _dual_chamber(rng: np.random.Generator, sinus: Strip, u: Floats, cycle: float, seconds: float) -> Strip:
    """The ventricle is paced behind every P; P is the sinus node's, or paced as well."""
    delay = 0.13 + 0.07 * u[2]
    atrial = rng.random() < 0.5
    p = np.arange(-cycle * rng.random(), seconds + cycle, cycle) if atrial else sinus.p
    strip = conducted_strip(p + delay, delay, seconds, PWave.SINUS)
    strip.others = [(float(time), PACED, int(Look.PACED)) for time in strip.qrs]
    strip.spikes = [float(time) - LATENCY for time in strip.qrs]
    if atrial:
        strip.spikes += [float(time) - 0.004 for time in p]
    strip.pr[:] = np.nan
    return strip
