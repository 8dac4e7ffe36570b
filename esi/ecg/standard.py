"""From a record as it was stored to the one form that every ECG has here: [12, 5000] int16 microvolts at 500 Hz.

Leads go by name, other rates are resampled, longer records give their first ten seconds, shorter ones are padded with zeros
and keep their valid length. What is not usable is refused with a reason, never mended beyond recognition.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import signal as dsp

from esi.ecg.leads import LEADS, RATE, SAMPLES, LeadError, lead_order
from esi.ecg.wfdb_files import RecordError

FLAT_UV = 5  # a lead whose range stays below this over the record holds no heart
MAX_FLAT_LEADS = 2
MAX_NONFINITE = 0.05  # of all samples
MAX_CLIPPED = 0.001  # of all samples at the edge of int16 microvolts
MIN_SECONDS = 2.0
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class StandardEcg:
    """One ECG as the tables hold it."""

    microvolts: np.ndarray  # [12, 5000] int16, leads in the order of `LEADS`
    valid_samples: int  # the rest is padding
    flat_leads: int
    nonfinite: float  # share of samples that were invalid and are interpolated
    clipped: float  # share of samples beyond +-32.767 mV


def standardise(signal_CT: np.ndarray, names: list[str], rate: float) -> StandardEcg:
    """Bring one record into the standard form.

    Args:
        signal_CT: millivolts [channels, T]; NaN where a sample is invalid.
        names: the channels' names.
        rate: samples a second.

    Raises:
        RecordError: leads are missing, or the signal is too short, flat, clipped or non-finite; `reason` names which.
    """
    try:
        signal_CT = signal_CT[lead_order(names)]
    except LeadError as error:
        raise RecordError("leads", str(error)) from None
    seconds = signal_CT.shape[1] / rate
    if seconds < MIN_SECONDS:
        raise RecordError("too short", f"lasts {seconds:.2f} s; at least {MIN_SECONDS:.0f} s are needed")
    signal_CT = signal_CT[:, : round(SAMPLES / RATE * rate)]
    finite_CT = np.isfinite(signal_CT)
    nonfinite = 1 - finite_CT.mean()
    if nonfinite > MAX_NONFINITE:
        raise RecordError("non-finite", f"{nonfinite:.1%} of its samples are invalid; at most {MAX_NONFINITE:.0%} may be")
    if nonfinite:
        signal_CT = np.stack([_interpolate(lead, finite) for lead, finite in zip(signal_CT, finite_CT, strict=True)])
    flat_leads = int((np.ptp(signal_CT, axis=1) * 1e3 < FLAT_UV).sum())
    if flat_leads > MAX_FLAT_LEADS:
        raise RecordError("flat", f"{flat_leads} of {len(LEADS)} leads are flat; at most {MAX_FLAT_LEADS} may be")
    if rate != RATE:
        ratio = Fraction(RATE / rate).limit_denominator(1000)
        # Padded by its edge values: a record seldom begins and ends at 0 mV, and a step there would ring.
        signal_CT = dsp.resample_poly(signal_CT, ratio.numerator, ratio.denominator, axis=1, padtype="edge")
    microvolts_CT = np.rint(signal_CT * 1e3)
    clipped = float(((microvolts_CT < _INT16.min) | (microvolts_CT > _INT16.max)).mean())
    if clipped > MAX_CLIPPED:
        raise RecordError("clipped", f"{clipped:.2%} of its samples are beyond 32.767 mV; at most {MAX_CLIPPED:.1%} may be")
    valid = min(microvolts_CT.shape[1], SAMPLES)
    standard = np.zeros((len(LEADS), SAMPLES), np.int16)
    standard[:, :valid] = np.clip(microvolts_CT[:, :valid], _INT16.min, _INT16.max)
    return StandardEcg(standard, valid, flat_leads, float(nonfinite), clipped)


def _interpolate(lead_T: np.ndarray, finite_T: np.ndarray) -> np.ndarray:
    if not finite_T.any():
        return np.zeros_like(lead_T)
    where = np.arange(len(lead_T))
    return np.interp(where, where[finite_T], lead_T[finite_T])
