"""Limb leads that a device does not store follow from two that it does: Einthoven's and Goldberger's equations."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.ecg.leads import LEADS, LIMB_LEADS
from esi.ecg.limb_leads import with_limb_leads
from esi.ecg.standard import StandardEcg, windows
from esi.ecg.wfdb.files import read_signals
from esi.ecg.wfdb.header import RecordError
from tests.ecg.test_standard import LIMITS

EIGHT = ("I", "II", *LEADS[6:])


def twelve(seed: int, rate: float = 500) -> np.ndarray:
    """Millivolts [12, T] of ten seconds in which the equations hold."""
    two = np.cumsum(np.random.default_rng(seed).normal(size=(2, round(10 * rate))), axis=1) / 50
    one, other = two
    limb = [one, other, other - one, -(one + other) / 2, one - other / 2, other - one / 2]
    return np.stack([*limb, *(np.random.default_rng(seed + 1).normal(size=(6, round(10 * rate))) / 5)])


def standard(signal: np.ndarray, names: list[str], rate: float = 500) -> StandardEcg:
    (ecg,) = windows(signal, names, rate, False, LIMITS)
    assert isinstance(ecg, StandardEcg)
    return ecg


@given(st.integers(0, 10_000), st.sampled_from([500, 250, 1000]))
def test_eight_leads_give_twelve_in_which_the_equations_hold_to_the_microvolt(seed: int, rate: float) -> None:
    signal = twelve(seed, rate)
    rows = [LEADS.index(lead) for lead in EIGHT]
    ecg, whole = standard(signal[rows], list(EIGHT), rate), standard(signal, list(LEADS), rate)
    assert (ecg.derived_leads, whole.derived_leads) == (4, 0)
    one, two, three, right, left, foot = ecg.microvolts[:6].astype(int)
    np.testing.assert_array_equal(three, two - one)
    for lead, doubled in ((right, -one - two), (left, 2 * one - two), (foot, 2 * two - one)):
        assert (np.abs(2 * lead - doubled) <= 1).all()
        assert (lead[doubled % 2 == 1] % 2 == 0).all(), "halves go to the even neighbour"
    np.testing.assert_array_equal(ecg.microvolts[rows], whole.microvolts[rows])
    assert np.abs(ecg.microvolts.astype(int) - whole.microvolts).max() <= 1


@pytest.mark.parametrize("pair", list(combinations(LIMB_LEADS, 2)))
def test_any_two_limb_leads_give_the_others(pair: tuple[str, str]) -> None:
    signal = twelve(3)
    rows = [LEADS.index(lead) for lead in (*pair, *LEADS[6:])]
    np.testing.assert_allclose(with_limb_leads(signal[rows], rows), signal, atol=1e-12)


def test_leads_of_real_devices_follow_from_i_and_ii(real: Path) -> None:
    header = sorted((real / "ptb-xl/records500").rglob("*.hea"))[0]
    signal, names, rate = read_signals(header)
    kept = [number for number, name in enumerate(names) if name.upper() not in ("III", "AVR", "AVL", "AVF")]
    ecg = standard(signal[kept], [names[number] for number in kept], rate)
    assert np.abs(ecg.microvolts.astype(int) - standard(signal, names, rate).microvolts).max() <= 2


def test_what_follows_from_flat_or_clipped_leads_counts_as_such() -> None:
    signal = twelve(5)[[LEADS.index(lead) for lead in EIGHT]]
    dead = signal.copy()
    dead[:2] = 0
    (ecg,) = windows(dead, list(EIGHT), 500, False, LIMITS)
    assert isinstance(ecg, RecordError)
    assert str(ecg) == "6 of 12 leads are flat; at most 2 may be"
    loud = signal.copy()
    loud[0, 9], loud[1, 9] = -20, 20  # each fits in int16 microvolts, III = 40 mV does not
    (ecg,) = windows(loud, list(EIGHT), 500, False, LIMITS)
    assert isinstance(ecg, RecordError)
    assert ecg.reason == "clipped"


def test_invalid_samples_are_bridged_before_leads_follow() -> None:
    signal = twelve(6)[[LEADS.index(lead) for lead in EIGHT]]
    signal[0, 100:104] = np.nan
    ecg = standard(signal, list(EIGHT))
    assert ecg.nonfinite == pytest.approx(4 / 40_000)
    np.testing.assert_array_equal(ecg.microvolts[2], ecg.microvolts[1] - ecg.microvolts[0])
