"""From a record as it was stored to the one form that every ECG has here: [12, 5000] int16 microvolts at 500 Hz.

Leads go by name, limb leads that are not stored follow from two that are, other rates are resampled, longer records give
their first ten seconds or a row for every ten, shorter ones are padded with zeros and keep their valid length. What is not
usable is refused with a reason, never mended beyond recognition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy import signal as dsp

from esi.ecg.leads import LEADS, RATE, SAMPLES, LeadError, lead_order
from esi.ecg.limb_leads import with_limb_leads
from esi.ecg.quality import NoiseFigures, noise_figures
from esi.ecg.wfdb.header import RecordError
from esi.ecg.wfdb.signals import Signals
from esi.settings.data import Quality

FLAT_UV = 5  # a lead whose range stays below this over the record holds no heart
WINDOW_S = SAMPLES / RATE
PADDING_S = 0.25  # all leads exactly constant up to the end for so long: padding (PTB-XL's own 500 Hz files: up to 0.118 s)
RATES = (50.0, 100_000.0)  # Hz: below there is no QRS, above the resampling ratio is not to be had to five digits
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class StandardEcg:
    """One ECG as the tables hold it."""

    microvolts: np.ndarray  # [12, 5000] int16, leads in the order of `LEADS`
    window: int  # which ten seconds of the record, from 0
    source_rate: float  # Hz
    source_seconds: float  # of the whole record, without padding at its ends
    valid_samples: int  # the rest is padding
    flat_leads: int
    nonfinite: float  # share of samples that were invalid and are interpolated
    clipped: float  # share of samples beyond +-32.767 mV
    derived_leads: int  # that the record lacks and that follow from its other limb leads
    noise: NoiseFigures
    checksum_errors: int | None = None  # signals of the file that are not what its header says; None where it says nothing


def windows(
    signal_CT: Signals,
    names: list[str],
    rate: float,
    every: bool,
    limits: Quality,
    checksum_errors: int | None = None,
) -> Iterator[StandardEcg | RecordError]:
    """The record's ten-second windows in standard form, one at a time, each or its reason why not.

    Padding at the record's head or tail (CODE-15% has up to 1.6 s of zeros at either) is no part of any window.

    Args:
        signal_CT: millivolts [channels, T]; NaN where a sample is invalid.
        names: the channels' names.
        rate: samples a second.
        every: all windows, or the first alone; a rest at the end that is too short for a window of its own is left out.
        limits: what a window may show and still be used.
        checksum_errors: how many of the file's signals are not what its header says; None where it says nothing.

    Raises:
        RecordError: leads are missing, the rate is no ECG's, the record is too short for one window, or more of its signals
            than may be are not what its header says.
    """
    try:
        order = lead_order(names)
    except LeadError as error:
        raise RecordError("leads", str(error)) from None
    if not RATES[0] <= rate <= RATES[1]:
        raise RecordError("rate", f"is sampled at {rate:g} Hz; an ECG takes from {RATES[0]:g} to {RATES[1]:g}")
    _refuse(
        "checksum", checksum_errors, limits.max_checksum_errors, "{} of its signals are not what its header says (sum and "
        "first sample): the file or the header is damaged, or not its own; at most {} may be"
    )  # fmt: skip
    rows = [row for row, channel in enumerate(order) if channel is not None]
    present = [channel for channel in order if channel is not None]
    first, end = _without_padding(signal_CT, present, rate)
    seconds = (end - first) / rate
    if seconds < limits.min_seconds:
        padding = "" if end - first == signal_CT.shape[1] else " without its padding"
        raise RecordError("too short", f"lasts {seconds:.2f} s{padding}; at least {limits.min_seconds:g} s are needed")
    for window in itertools.count():
        start = window * WINDOW_S
        if window and not (every and seconds - start >= limits.min_seconds):
            return
        stop = min(first + round((start + WINDOW_S) * rate), end)
        part_PT = signal_CT[:, first + round(start * rate) : stop][present]
        try:
            yield replace(_standardise(part_PT, rows, window, rate, seconds, limits), checksum_errors=checksum_errors)
        except RecordError as error:
            yield error


def _without_padding(signal_CT: Signals, present: list[int], rate: float) -> tuple[int, int]:
    """Where the record begins and ends without padding; all of it where nothing ever changes, which is a flat record."""
    samples = signal_CT.shape[1]
    head, tail = _still(signal_CT, present, from_end=False), _still(signal_CT, present, from_end=True)
    if head == samples:
        return 0, samples
    shortest = PADDING_S * rate
    return head if head >= shortest else 0, samples - (tail if tail >= shortest else 0)


def _still(signal_CT: Signals, present: list[int], from_end: bool) -> int:
    """How many samples at one end all leads keep their value; an invalid sample counts as a change."""
    samples, looked_at = signal_CT.shape[1], 8  # nearly always enough; the whole of a long record is never looked at in vain
    while True:
        looked_at = min(looked_at, samples)
        part_CT = signal_CT[:, samples - looked_at :] if from_end else signal_CT[:, :looked_at]
        changes = np.flatnonzero((part_CT[present, 1:] != part_CT[present, :-1]).any(axis=0))
        if len(changes):
            return looked_at - 1 - int(changes[-1]) if from_end else int(changes[0]) + 1
        if looked_at == samples:
            return samples
        looked_at *= 8


def _standardise(
    signal_PT: np.ndarray, rows: list[int], window: int, rate: float, seconds: float, limits: Quality
) -> StandardEcg:
    """`signal_PT` holds the leads of these `rows`, in their order."""
    finite_PT = np.isfinite(signal_PT)
    nonfinite = 0.0 if finite_PT.all() else float(1 - finite_PT.mean())
    _refuse("non-finite", nonfinite, limits.max_nonfinite, "{:.1%} of its samples are invalid; at most {:.1%} may be")
    if nonfinite:
        signal_PT = np.stack([_interpolate(lead, finite) for lead, finite in zip(signal_PT, finite_PT, strict=True)])
    derived_leads = len(LEADS) - len(rows)
    signal_CT = with_limb_leads(signal_PT, rows) if derived_leads else signal_PT
    flat_leads = int((np.ptp(signal_CT, axis=1) * 1e3 < FLAT_UV).sum())
    _refuse("flat", flat_leads, limits.max_flat_leads, f"{{}} of {len(LEADS)} leads are flat; at most {{}} may be")
    if rate != RATE:
        ratio = Fraction(RATE / rate).limit_denominator(1000)
        # Padded by its edge values: a record seldom begins and ends at 0 mV, and a step there would ring.
        signal_CT = dsp.resample_poly(signal_CT, ratio.numerator, ratio.denominator, axis=1, padtype="edge")
    microvolts_CT = signal_CT[:, :SAMPLES] * 1e3
    np.rint(microvolts_CT, out=microvolts_CT)
    if derived_leads:  # anew, from whole microvolts: so that the equations hold in the table; halves go to even numbers
        microvolts_CT = np.rint(with_limb_leads(microvolts_CT[rows], rows))
    clipped = 0.0
    if microvolts_CT.min() < _INT16.min or microvolts_CT.max() > _INT16.max:
        clipped = float(((microvolts_CT < _INT16.min) | (microvolts_CT > _INT16.max)).mean())
    _refuse("clipped", clipped, limits.max_clipped, "{:.2%} of its samples are beyond 32.767 mV; at most {:.2%} may be")
    valid = microvolts_CT.shape[1]
    standard = np.zeros((len(LEADS), SAMPLES), np.int16)
    standard[:, :valid] = np.clip(microvolts_CT, _INT16.min, _INT16.max) if clipped else microvolts_CT
    noise = noise_figures(standard[:, :valid], rate)
    _refuse("flat stretches", noise.flat_fraction, limits.max_flat_fraction, "{:.1%} of it is flat; at most {:.1%} may be")
    _refuse("wander", noise.wander_uv, limits.max_wander_uv, "wanders by {:.0f} uV RMS; at most {:.0f} are allowed")
    _refuse("mains", noise.mains_uv, limits.max_mains_uv, "hums by {:.0f} uV RMS; at most {:.0f} are allowed")
    _refuse("muscle", noise.muscle_uv, limits.max_muscle_uv, "has {:.0f} uV RMS of muscle noise; at most {:.0f} are allowed")
    return StandardEcg(standard, window, rate, seconds, valid, flat_leads, nonfinite, clipped, derived_leads, noise)


def _refuse(reason: str, value: float | None, limit: float | None, message: str) -> None:
    if value is not None and limit is not None and value > limit:
        raise RecordError(reason, message.format(value, limit))


def _interpolate(lead_T: np.ndarray, finite_T: np.ndarray) -> np.ndarray:
    if not finite_T.any():
        return np.zeros_like(lead_T)
    where = np.arange(len(lead_T))
    return np.interp(where, where[finite_T], lead_T[finite_T])
