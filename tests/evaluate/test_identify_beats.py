from __future__ import annotations

import numpy as np
import pytest

from esi.evaluate.controls.beats import median_beats, r_peaks

LEAD_SIZES = np.linspace(-1.5, 1.5, 12)


def ecg(beats_s: list[float], seconds: float, rate: int, noise: float = 0.0, t_after: float = 0.3) -> np.ndarray:
    """[12, T] millivolts: QRS complexes of 20 ms (sigma) at the given times, each with a T wave."""
    t = np.arange(round(seconds * rate)) / rate
    wave = sum(np.exp(-(((t - at) / 0.02) ** 2)) + 0.3 * np.exp(-(((t - at - t_after) / 0.05) ** 2)) for at in beats_s)
    random = np.random.default_rng(0)
    return (LEAD_SIZES[:, None] * wave + noise * random.normal(size=(12, len(t)))).astype(np.float32)


@pytest.mark.parametrize("rate", [100, 250, 500])
@pytest.mark.parametrize("rr", [0.35, 0.8, 1.4])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_every_beat_and_no_t_wave_is_found(rate: int, rr: float, noise: float) -> None:
    times = np.arange(0.4, 9.7, rr)
    found = r_peaks(ecg(list(times), 10, rate, noise, min(0.3, rr / 2)), rate) / rate
    assert len(found) == len(times)
    assert np.abs(found - times).max() <= 0.02 + 1 / rate


def test_noise_in_some_leads_does_not_hide_the_beats() -> None:
    times = [0.5, 1.3, 2.1, 2.9, 3.7]
    signal = ecg(times, 4, 100)
    signal[:4] += 5 * np.random.default_rng(1).normal(size=(4, 400))
    found = r_peaks(signal, 100) / 100
    assert len(found) == len(times)
    assert np.abs(found - times).max() <= 0.03


def test_the_median_beat_is_the_beat_whatever_the_rhythm_and_one_ectopic() -> None:
    times = [0.5, 1.2, 2.3, 3.0, 3.6, 4.4]
    clean = ecg([0.25], 0.7, 100)
    signal = ecg(times, 5, 100)
    signal[:, 280:320] *= -2  # one beat of another shape
    (found,), (count,) = median_beats(signal[None], np.array([500]), 100)
    assert count == 6
    assert found.shape == clean.shape
    assert np.abs(found - clean).max() < 0.02


def test_padding_and_other_records_do_not_change_a_beat() -> None:
    short = ecg([0.5, 1.3, 2.1, 2.9], 3.5, 100)
    padded = np.zeros((2, 12, 500), np.float32)
    padded[0, :, :350], padded[1] = short, ecg([0.4, 1.1, 1.8, 2.5, 3.2, 3.9], 5, 100)
    beats_NCW, counts_N = median_beats(padded, np.array([350, 500]), 100)
    alone_NCW, alone_N = median_beats(short[None], np.array([350]), 100)
    assert np.array_equal(beats_NCW[0], alone_NCW[0])
    assert counts_N[0] == alone_N[0] == 4


@pytest.mark.parametrize("valid", [500, 40])
def test_without_a_beat_it_is_zeros_and_no_nan(valid: int) -> None:
    flat = np.zeros((1, 12, 500), np.float32)
    flat[0, 3] = 0.7
    beats_NCW, counts_N = median_beats(flat, np.array([valid]), 100)
    assert counts_N.tolist() == [0]
    assert np.array_equal(beats_NCW, np.zeros((1, 12, 70), np.float32))
