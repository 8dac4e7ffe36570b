from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from esi.ecg.leads import LEADS
from esi.ecg.standard import standardise
from esi.ecg.wfdb_files import RecordError, read_signals


def sine(rate: float, seconds: float, hertz: float = 5.0) -> np.ndarray:
    """Twelve leads of a sine whose amplitude in mV is the lead's number."""
    time = np.arange(round(rate * seconds)) / rate
    return np.arange(1, 13)[:, None] * np.sin(2 * np.pi * hertz * time)


def test_leads_go_by_name() -> None:
    names = list(reversed(LEADS))
    ecg = standardise(sine(500, 10)[::-1], names, 500)
    np.testing.assert_array_equal(ecg.microvolts.max(axis=1), 1000 * np.arange(1, 13))


@pytest.mark.parametrize("rate", [100, 250, 257, 360, 1000])
def test_other_rates_are_resampled_to_the_same_signal(rate: float) -> None:
    ecg = standardise(sine(rate, 10), list(LEADS), rate)
    inner = slice(250, 4750)  # the filter's edges aside
    np.testing.assert_allclose(ecg.microvolts[:, inner], np.rint(1e3 * sine(500, 10))[:, inner], atol=60)
    assert ecg.valid_samples >= 4990


def test_a_long_record_gives_its_first_ten_seconds() -> None:
    ecg = standardise(sine(500, 60), list(LEADS), 500)
    np.testing.assert_array_equal(ecg.microvolts, np.rint(1e3 * sine(500, 10)))
    assert ecg.valid_samples == 5000


def test_a_short_record_is_padded_and_keeps_its_length() -> None:
    ecg = standardise(sine(500, 6), list(LEADS), 500)
    assert ecg.valid_samples == 3000
    assert not ecg.microvolts[:, 3000:].any()
    np.testing.assert_array_equal(ecg.microvolts[:, :3000], np.rint(1e3 * sine(500, 6)))


def test_a_few_invalid_samples_are_bridged_and_counted() -> None:
    signal = sine(500, 10)
    signal[3, 100:105] = np.nan
    ecg = standardise(signal, list(LEADS), 500)
    assert ecg.nonfinite == pytest.approx(5 / 60_000)
    np.testing.assert_allclose(ecg.microvolts[3, 99:106], 1e3 * sine(500, 10)[3, 99:106], atol=30)


@pytest.mark.parametrize(
    ("spoil", "names", "reason"),
    [
        (lambda signal: signal, [*LEADS[:-1], "V7"], "leads"),
        (lambda signal: signal[:, :900], LEADS, "too short"),
        (lambda signal: np.where(np.arange(5000) < 400, np.nan, signal), LEADS, "non-finite"),
        (lambda signal: signal * (np.arange(12) > 2)[:, None], LEADS, "flat"),
        (lambda signal: signal * 20, LEADS, "clipped"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(spoil, names, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        standardise(spoil(sine(500, 10)), list(names), 500)
    assert caught.value.reason == reason


def test_the_two_copies_of_a_real_record_agree(real: Path) -> None:
    """PTB-XL's 100 Hz and 500 Hz copies come from one recording; resampled, they must be the same heart."""
    header = sorted((real / "ptb-xl/records500").rglob("*.hea"))[0]
    low = real / "ptb-xl/records100" / header.parent.name / header.name.replace("_hr", "_lr")
    both = [standardise(*read_signals(path)).microvolts[:, 250:4750].astype(float) for path in (header, low)]
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(*both, strict=True)]
    assert min(correlations) > 0.95
