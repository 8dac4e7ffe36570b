"""Noise of the nine electrodes: baseline wander, muscle, mains and motion.

The noise of an electrode reaches the leads as its potential does, so that Einthoven's and Goldberger's equations hold
for it too. Spectra and levels are the recorder's (`recorders`).

Legend: N records, T samples, F and K frequencies; electrodes in the order RA, LA, LL, C1..C6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from esi.simulate.record.artefacts import add_bursts, add_jumps
from esi.simulate.record.filters import Filters
from esi.simulate.record.recorders import MUSCLE_HZ, WANDER_HZ, Recorder, Spread

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Rows = NDArray[np.int64]

EIGHT_OF_NINE = np.zeros((8, 9), np.float32)  # I, II, V1..V6 from the electrodes
EIGHT_OF_NINE[0, [0, 1]] = (-1, 1)
EIGHT_OF_NINE[1, [0, 2]] = (-1, 1)
EIGHT_OF_NINE[2:, :3] = -1 / 3  # Wilson's central terminal
EIGHT_OF_NINE[np.arange(2, 8), np.arange(3, 9)] = 1

# Of the wander's power below 0.5 Hz is breathing at one rate. Assumed: 10 s of a record do not resolve it.
BREATHING = 0.3
SPELLS = 0.12  # standard deviation of the log of muscle noise in a record's time; measured from beat to beat
LOOSE = 4.0  # how much noisier a loose electrode is


@dataclass(frozen=True)
class Noise:
    """Noise of the eight independent leads, and the kinds of noise that a reader of the record would note."""

    eight: Floats32  # [N, 8, T] mV: I, II, V1..V6
    wander_mV: Floats  # [N] RMS of a chest electrode
    muscle_mV: Floats
    motion: Rows  # [N] the electrode that jumped, -1: none
    loose: Rows  # [N] the one that was loose
    burst: Rows  # [N] the one that had a burst of muscle noise
    swapped: NDArray[np.bool_]  # [N] the arms' electrodes were exchanged
    step_mV: float  # of the recorder

    def record(self, eight_mV: Floats32) -> Floats32:
        """The leads I, II, V1..V6 [N, 8, T] of noise-free ones as the recorder writes them: noisy, in whole steps."""
        noisy = eight_mV + self.eight
        left, foot = noisy[self.swapped, 0], noisy[self.swapped, 1]
        noisy[self.swapped, 0], noisy[self.swapped, 1] = -left, foot - left  # Wilson's terminal stays
        noisy *= np.float32(1 / self.step_mV)
        np.rint(noisy, out=noisy)
        noisy *= np.float32(self.step_mV)
        return noisy


def draw_noise(
    rng: np.random.Generator,
    count: int,
    samples: int,
    rate: int,
    recorder: Recorder,
    breath_hz: Floats,
    filters: Filters,
) -> Noise:
    """Draw the noise of `count` records of `samples` samples at `rate` Hz.

    Args:
        breath_hz: breaths a second of each record [N]. filters: those of the records.
    """
    loose = _rare(rng, count, recorder.loose_share)
    shaken = 1 + (LOOSE - 1) * (np.arange(9) == loose[:, None])
    wander, wander_at = _levels(rng, count, recorder.wander_spread, recorder.wander_at)
    muscle, muscle_at = _levels(rng, count, recorder.muscle_spread, recorder.muscle_at)
    slow, wander_mV = _wander_and_mains(rng, samples, rate, recorder, breath_hz, filters, wander, wander_at * shaken)
    fast, muscle_mV = _muscle(rng, samples, rate, recorder, filters, muscle_at * shaken)
    slow += fast
    motion = _rare(rng, count, recorder.motion_share)
    burst = _rare(rng, count, recorder.burst_share)
    add_jumps(rng, slow, rate, motion, EIGHT_OF_NINE)
    add_bursts(rng, slow, fast, rate, burst, EIGHT_OF_NINE)
    swapped = rng.random(count) < recorder.swapped_share
    return Noise(slow, wander * wander_mV, muscle * muscle_mV, motion, loose, burst, swapped, recorder.step_uV / 1000)


def density(hertz: NDArray[np.floating], at_hz: Floats, uV: tuple[float, ...]) -> Floats:
    """A spectral density in mV/sqrt(Hz) between the recorder's numbers: straight lines on logarithmic axes."""
    inside = np.clip(hertz, at_hz[0], at_hz[-1])
    return np.exp(np.interp(np.log(inside), np.log(at_hz), np.log(uV))) / 1000


def _rare(rng: np.random.Generator, count: int, share: float) -> Rows:
    """An electrode for a `share` of the records, -1 for the others."""
    return np.where(rng.random(count) < share, rng.integers(0, 9, count), -1)


def _levels(rng: np.random.Generator, count: int, spread: Spread, at: tuple[float, ...]) -> tuple[Floats, Floats]:
    """The level of each record [N], and of its electrodes [N, 9], relative to the median record's chest."""
    below, above, electrode = spread
    normal = np.clip(rng.standard_normal(count), -2.5, 2.5)
    level = np.exp(np.where(normal < 0, below, above) * normal)
    return level, level[:, None] * np.array(at) * np.exp(electrode * rng.standard_normal((count, 9)))


def _wander_and_mains(
    rng: np.random.Generator,
    samples: int,
    rate: int,
    recorder: Recorder,
    breath_hz: Floats,
    filters: Filters,
    record: Floats,
    level: Floats,
) -> tuple[Floats32, float]:
    """Sums of sines of all records in one product of matrices: leads [N, 8, T]; and the median record's wander, mV RMS."""
    count = len(level)
    step = rate / (1.37 * samples)  # so that the end of a record does not join its start
    hertz = np.arange(step, WANDER_HZ[-1], step)
    power = density(hertz, WANDER_HZ, recorder.wander) ** 2 * step
    near = np.exp(-0.5 * ((hertz - breath_hz[:, None]) / step) ** 2)
    breathing = BREATHING * np.where(hertz < 0.5, power, 0)
    powers = power - breathing + breathing.sum() * near / near.sum(axis=1, keepdims=True)
    # Chest electrodes move together: a first-order autoregression along them.
    apart = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    together = np.eye(9)
    together[3:, 3:] = np.linalg.cholesky(recorder.neighbours**apart)
    # Loud records drift, they do not shake: levels spread half as widely from 1.5 Hz up as they do below 0.3 Hz (all sets).
    spreading = np.interp(np.log(hertz), np.log([0.3, 1.5]), [1.0, 0.5])
    amplitude = np.sqrt(powers)[:, None] * record[:, None, None] ** (spreading - 1)
    waves = amplitude * _complex_normal(rng, (count, 9, len(hertz)))
    waves = level[..., None] * (together @ waves)

    # The mains: its frequency, twice and three times it, each between two weak ones that make it swell.
    mains = np.concatenate([order * recorder.mains_hz + np.array([-0.1, 0.0, 0.1]) for order in (1, 2, 3)])
    loud = np.exp(recorder.mains_spread * rng.standard_normal((count, 1, 1)))
    coupling = _complex_normal(rng, (count, 9, 3)) * loud * np.array(recorder.mains_uV) / 1000
    swell = 0.15 * _complex_normal(rng, (count, 1, 9))
    swell[..., 1::3] = 1
    hum = np.repeat(coupling, 3, axis=2) * swell

    hertz = np.concatenate([hertz, mains])
    leads = EIGHT_OF_NINE @ np.concatenate([waves, hum], axis=2) * filters.transfer(hertz)[:, None]
    parts = np.concatenate([leads.real, leads.imag], axis=2).astype(np.float32)
    summed: Floats32 = (parts.reshape(count * 8, -1) @ _waves(tuple(hertz.tolist()), samples, rate)).reshape(
        count, 8, samples
    )
    return summed, float(np.sqrt(power.sum()))


def _muscle(
    rng: np.random.Generator, samples: int, rate: int, recorder: Recorder, filters: Filters, level: Floats
) -> tuple[Floats32, float]:
    """Noise shaped in the frequency domain, louder in spells: leads [N, 8, T]; and the median record's in mV RMS."""
    count = len(level)
    length = fft.next_fast_len(samples, real=True)
    hertz = np.fft.rfftfreq(length, 1 / rate)
    usual = density(hertz, MUSCLE_HZ, recorder.muscle)
    tilt = np.clip(recorder.muscle_tilt * rng.standard_normal((count, 1)), -0.5, 0.5).astype(np.float32)
    steepness = np.log(np.clip(hertz, MUSCLE_HZ[1], None) / 42).astype(np.float32)
    gain = np.exp(tilt * steepness) * usual.astype(np.float32)
    # Whole numbers are drawn ten times as fast as normal ones, and a sample is a sum of thousands of them.
    limit = 127
    white = rng.integers(-limit, limit + 1, (count, 9, 2 * len(hertz)), dtype=np.int8).astype(np.float32)
    deviation = np.sqrt(limit * (limit + 1) / 3)
    to_leads = EIGHT_OF_NINE * level[:, None].astype(np.float32) * np.float32(np.sqrt(rate * length) / 2 / deviation)
    spectrum = (to_leads @ white).view(np.complex64)
    spectrum *= (gain * filters.transfer(hertz))[:, None]
    leads: Floats32 = fft.irfft(spectrum, length, axis=-1)[..., :samples]
    leads *= _spells(rng, count, samples, rate)[:, None]
    return leads, float(np.sqrt((usual**2).sum() * rate / length))


def _spells(rng: np.random.Generator, count: int, samples: int, rate: int) -> Floats32:
    """A slow factor [N, T] around 1, of changes between 0.1 and 1 Hz."""
    hertz = np.linspace(0.1, 1.0, 10)
    spread = SPELLS * rng.exponential(1.0, (count, 1)) / np.sqrt(len(hertz))
    weights = (spread * rng.standard_normal((count, 2 * len(hertz)))).astype(np.float32)
    return np.exp(weights @ _waves(tuple(hertz.tolist()), samples, rate))


@lru_cache(maxsize=4)  # 2.6 MB for 10 s; made anew for each batch of 64 it costs 0.15 ms a record
def _waves(hertz: tuple[float, ...], samples: int, rate: int) -> Floats32:
    """Cosines of K frequencies, then their sines turned round [2 K, T]: with real and imaginary weights, complex waves."""
    turn = 2 * np.pi * np.array(hertz)[:, None] * (np.arange(samples) / rate)
    waves = np.concatenate([np.cos(turn), -np.sin(turn)]).astype(np.float32)
    waves.flags.writeable = False
    return waves


def _complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Of unit variance in each part: the sine that it weighs has the power 1."""
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
