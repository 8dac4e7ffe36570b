from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from esi.ecg.leads import LEADS
from esi.ecg.standard import StandardEcg, windows
from esi.ecg.wfdb.files import RecordError, read_signals
from esi.settings.data import Quality

LIMITS = Quality(
    min_seconds=2, max_flat_leads=2, max_flat_fraction=None, max_nonfinite=0.05, max_clipped=0.0,
    max_wander_uv=None, max_mains_uv=None, max_muscle_uv=None,
)  # fmt: skip


def standardise(signal: np.ndarray, names: list[str], rate: float, limits: Quality = LIMITS) -> StandardEcg:
    """The only window of a record; its refusal as an exception."""
    (ecg,) = windows(signal, names, rate, False, limits)
    if isinstance(ecg, RecordError):
        raise ecg
    return ecg


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


def test_a_long_record_can_give_a_row_for_every_ten_seconds() -> None:
    signal = sine(500, 33) * np.linspace(1, 2, 16_500)
    signal[:, 5100:10_000] = np.nan
    first, broken, third, rest = windows(signal, list(LEADS), 500, True, LIMITS)
    assert isinstance(broken, RecordError)
    assert broken.reason == "non-finite"
    for number, ecg, samples in ((0, first, 5000), (2, third, 5000), (3, rest, 1500)):
        assert isinstance(ecg, StandardEcg)
        assert (ecg.window, ecg.valid_samples, ecg.source_seconds) == (number, samples, 33)
        part = signal[:, number * 5000 : number * 5000 + samples]
        np.testing.assert_array_equal(ecg.microvolts[:, :samples], np.rint(1e3 * part))
    without_rest = list(windows(signal[:, :15_900], list(LEADS), 500, True, LIMITS))
    assert len(without_rest) == 3, "a rest of 1.8 s is below min_seconds"


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


@pytest.mark.parametrize(
    ("limit", "noise", "reason"),
    [
        ("max_wander_uv", lambda time: 0.4 * np.sin(2 * np.pi * 0.3 * time), "wander"),
        ("max_mains_uv", lambda time: 0.4 * np.sin(2 * np.pi * 50 * time), "mains"),
        ("max_muscle_uv", lambda time: np.random.default_rng(0).normal(size=len(time)) * 0.5, "muscle"),
        ("max_flat_fraction", lambda time: 0 * time, "flat stretches"),
    ],
)
def test_noise_is_measured_always_and_refused_beyond_a_limit(limit: str, noise, reason: str) -> None:
    time = np.arange(5000) / 500
    signal = sine(500, 10)
    if reason == "flat stretches":
        signal[:, 500:3000] = 0.1
        limits = LIMITS.model_copy(update={limit: 0.4})
    else:
        signal = signal + noise(time)
        limits = LIMITS.model_copy(update={limit: 200.0})
    assert isinstance(standardise(signal, list(LEADS), 500), StandardEcg)
    with pytest.raises(RecordError) as caught:
        standardise(signal, list(LEADS), 500, limits)
    assert caught.value.reason == reason
    assert isinstance(standardise(sine(500, 10), list(LEADS), 500, limits), StandardEcg)


@pytest.mark.parametrize("rate", [1, 33.3, 49.9, 1e6, 1e9])
def test_a_rate_that_no_ecg_has_is_refused(rate: float) -> None:
    with pytest.raises(RecordError, match=r"is sampled at .* Hz; an ECG takes from 50 to 100000") as caught:
        standardise(sine(500, 10), list(LEADS), rate)
    assert caught.value.reason == "rate"


def test_two_leads_of_one_name_are_refused_and_channels_beside_the_twelve_are_not() -> None:
    signal = sine(500, 10)
    beside = standardise(np.vstack([signal[::-1], np.full((3, 5000), np.nan)]), [*LEADS[::-1], "ABP", "X", "V7"], 500)
    np.testing.assert_array_equal(beside.microvolts, standardise(signal, list(LEADS), 500).microvolts)
    for names in ([*LEADS, "lead II"], ["I"]):
        with pytest.raises(RecordError, match=r"stands there twice|are missing") as caught:
            standardise(np.vstack([signal, signal[:1]])[: len(names)], names, 500)
        assert caught.value.reason == "leads"


def test_a_lead_without_a_valid_sample_is_flat() -> None:
    signal = sine(500, 10)
    signal[3] = np.nan
    with pytest.raises(RecordError, match=r"8.3% of its samples are invalid"):
        standardise(signal, list(LEADS), 500)
    assert standardise(signal, list(LEADS), 500, LIMITS.model_copy(update={"max_nonfinite": 0.1})).flat_leads == 1


def test_a_single_clipped_sample_is_no_longer_the_signal() -> None:
    signal = sine(500, 10)
    signal[0, 77] = 33.0
    with pytest.raises(RecordError, match="beyond 32.767 mV"):
        standardise(signal, list(LEADS), 500)
    kept = standardise(signal, list(LEADS), 500, LIMITS.model_copy(update={"max_clipped": 0.001}))
    assert kept.clipped == pytest.approx(1 / 60_000)
    assert kept.microvolts[0, 77] == 32767


def test_the_two_copies_of_a_real_record_agree(real: Path) -> None:
    """PTB-XL's 100 Hz and 500 Hz copies come from one recording; resampled, they must be the same heart."""
    header = sorted((real / "ptb-xl/records500").rglob("*.hea"))[0]
    low = real / "ptb-xl/records100" / header.parent.name / header.name.replace("_hr", "_lr")
    both = [standardise(*read_signals(path)).microvolts[:, 250:4750].astype(float) for path in (header, low)]
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(*both, strict=True)]
    assert min(correlations) > 0.95


@pytest.mark.parametrize("fill", [0.0, 0.25])
@pytest.mark.parametrize(("head", "tail"), [(581, 581), (0, 1162), (1162, 0), (130, 100)])
def test_padding_in_the_file_is_no_signal(head: int, tail: int, fill: float) -> None:
    """As CODE-15% has it: 2,934 samples at 400 Hz in the middle of 4,096; by zeros, or by another constant."""
    signal = sine(400, 2934 / 400) + np.arange(1, 13)[:, None]
    signal += np.random.default_rng(0).normal(size=signal.shape) / 50
    padded = np.pad(signal, ((0, 0), (head, tail)), constant_values=fill)
    bare, ecg = standardise(signal, list(LEADS), 400), standardise(padded, list(LEADS), 400)
    assert ecg.valid_samples == bare.valid_samples == 3668
    np.testing.assert_array_equal(ecg.microvolts, bare.microvolts)
    assert ecg.source_seconds == 2934 / 400
    assert ecg.noise == bare.noise


@pytest.mark.parametrize("seconds", [10, 17])
def test_padding_is_no_part_of_any_window(seconds: int) -> None:
    signal = sine(500, seconds, 5.13) + 0.1  # not 0 where it begins, or that sample would go with the padding
    padded = np.pad(signal, ((0, 0), (700, 9000)))
    expected, found = (list(windows(each, list(LEADS), 500, True, LIMITS)) for each in (signal, padded))
    assert len(found) == len(expected) == (1 if seconds == 10 else 2)
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, StandardEcg)
        assert isinstance(theirs, StandardEcg)
        np.testing.assert_array_equal(ours.microvolts, theirs.microvolts)


def test_what_is_flat_and_no_padding_stays() -> None:
    noise = np.random.default_rng(0).normal(size=(12, 5000))
    one_lead_moves = noise.copy()
    one_lead_moves[1:, -2000:] = 0.0  # electrodes off, while lead I goes on
    within = noise.copy()
    within[:, 2000:3000] = 0.0  # no end of the record
    short = noise.copy()
    short[:, -59:] = short[:, -59:-58]  # as PTB-XL's files at 500 Hz end
    invalid = noise.copy()
    invalid[:, -130:] = np.nan
    for signal in (one_lead_moves, within, short, invalid):
        assert standardise(signal, list(LEADS), 500).valid_samples == 5000
    with pytest.raises(RecordError, match="12 of 12 leads are flat"):
        standardise(np.ones((12, 5000)), list(LEADS), 500)
    with pytest.raises(RecordError, match=r"lasts 1.00 s without its padding; at least 2 s are needed"):
        standardise(np.pad(noise[:, :500], ((0, 0), (0, 4500))), list(LEADS), 500)


def test_no_real_record_loses_a_sample(real: Path) -> None:
    """PTB-XL's 260 files at 500 Hz hold their last value for up to 0.118 s; every tenth, and 25 of the Challenge's."""
    paths = sorted(real.glob("ptb-xl/records500/**/*.hea"))[::10] + sorted(real.glob("cinc2021/*/*.hea"))[::10]
    for path in paths:
        signal_CT, names, rate = read_signals(path)
        (ecg,) = windows(signal_CT, names, rate, False, LIMITS)
        assert isinstance(ecg, StandardEcg), path
        assert ecg.source_seconds == signal_CT.shape[1] / rate, path
