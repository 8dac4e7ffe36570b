"""Simulated noise has the recorder's spectra and levels, Einthoven and Goldberger hold for it, and filters do as set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import periodogram, welch

from esi.ecg.leads import LEADS
from esi.simulate.conditions.catalogue import CONDITIONS, INDEX
from esi.simulate.conditions.priors import SetName
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.artefacts import add_bursts, add_jumps
from esi.simulate.record.draw import Drawn, draw_records
from esi.simulate.record.filters import Filters, draw_filters
from esi.simulate.record.noise import EIGHT_OF_NINE, Noise, density, draw_noise
from esi.simulate.record.recorders import MUSCLE_HZ, RECORDERS, WANDER_HZ, Recorder, Setting
from esi.simulate.releases.ptbxl import DRIFT_MV, STATIC_NOISE_MV

RATE = 500
SETS: tuple[SetName, ...] = ("ptbxl", "chapman", "mimic", "icbeb")
EIGHT = [LEADS.index(name) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
STILL: dict[str, Any] = {"motion_share": 0.0, "loose_share": 0.0, "burst_share": 0.0, "swapped_share": 0.0}
MEDIAN: dict[str, Any] = STILL | {
    "wander_spread": (0.0, 0.0, 0.0),
    "muscle_spread": (0.0, 0.0, 0.0),
    "muscle_tilt": 0.0,
    "mains_spread": 0.0,
}


def noise_of(recorder: Recorder, count: int, samples: int = 5000, seed: int = 0, breath_hz: float = 0.25) -> Noise:
    rng = np.random.default_rng(seed)
    return draw_noise(rng, count, samples, RATE, recorder, np.full(count, breath_hz), draw_filters(rng, count, recorder))


def records_of(recorder: Recorder, count: int = 6, seed: int = 0) -> Drawn:
    rng = np.random.default_rng(seed)
    present = np.zeros((count, len(CONDITIONS)), bool)
    present[:, INDEX["SR"]] = True
    return draw_records(rng, draw_subjects(rng, count, "ptbxl"), present, recorder)


def power_of_leads(electrodes: tuple[float, ...]) -> NDArray[np.floating]:
    """Of the eight leads, from amplitudes of nine electrodes that know nothing of each other."""
    right, left, foot, *chest = np.square(electrodes)
    return np.array([right + left, right + foot, *[each + (right + left + foot) / 9 for each in chest]])


@pytest.mark.parametrize("name", SETS)
def test_spectra_are_the_recorders_numbers(name: SetName) -> None:
    recorder = replace(RECORDERS[name], **MEDIAN, mains_uV=(1e-6, 1e-6, 1e-6), settings=(Setting(1.0),))
    eight = noise_of(recorder, 160).eight
    hertz, power = welch(eight, RATE, nperseg=1000)
    for at in (8, 14, 31, 78, 135, 212):
        wanted = power_of_leads(recorder.muscle_at) * density(np.array([float(at)]), MUSCLE_HZ, recorder.muscle) ** 2
        measured = power[..., np.abs(hertz - at) <= 1.01].mean(axis=(0, 2))
        np.testing.assert_allclose(10 * np.log10(measured / wanted), 0, atol=0.7, err_msg=f"{at} Hz, dB")
    hertz, power = periodogram(eight, RATE, window="hann", detrend=False)
    lowest = RATE / 1.37 / 5000  # the slowest wave has 1.37 times the record's length
    for low, high in ((0, 0.55), (0.55, 1.05), (1.05, 2.05)):
        fine = np.arange(max(low, lowest / 2), high, 0.001)
        slow, fast = (
            0.001 * np.sum(density(fine, at, of) ** 2 * fine**2 / (fine**2 + 0.05**2))
            for at, of in ((WANDER_HZ, recorder.wander), (MUSCLE_HZ, recorder.muscle))
        )
        wanted = power_of_leads(recorder.wander_at) * slow + power_of_leads(recorder.muscle_at) * fast
        measured = power[..., (hertz >= low) & (hertz < high)].sum(axis=-1).mean(axis=0) * hertz[1]
        # Neighbouring chest electrodes go together, but each lead's own power does not depend on that.
        np.testing.assert_allclose(10 * np.log10(measured / wanted), 0, atol=1.0, err_msg=f"{low}-{high} Hz, dB")


@pytest.mark.parametrize("name", SETS)
def test_levels_spread_over_records_as_the_recorder_says(name: SetName) -> None:
    recorder = replace(RECORDERS[name], **STILL, muscle_tilt=0.0, mains_uV=(1e-6, 1e-6, 1e-6))
    recorder = replace(recorder, muscle_spread=(*recorder.muscle_spread[:2], 0.0))
    fast = np.concatenate([np.diff(noise_of(recorder, 250, seed=seed).eight, n=2) for seed in range(4)])  # without wander
    level = np.log(np.sqrt((fast**2).mean(axis=(1, 2))))
    low, middle, high = np.quantile(level, [0.1587, 0.5, 0.8413])
    assert middle - low == pytest.approx(recorder.muscle_spread[0], abs=0.1)
    assert high - middle == pytest.approx(recorder.muscle_spread[1], abs=0.1)


def test_loud_records_drift_more_than_they_shake() -> None:
    below, above, _ = RECORDERS["mimic"].wander_spread
    recorder = replace(
        RECORDERS["mimic"], **MEDIAN | {"wander_spread": (below, above, 0.0)}, muscle=(1e-6,) * 15, neighbours=0.0
    )
    hertz, power = periodogram(noise_of(recorder, 400).eight, RATE, window="hann")
    for low, high, share in ((0.05, 0.31, 1.0), (1.45, 2.55, 0.5)):
        level = np.log(np.sqrt(power[..., (hertz > low) & (hertz < high)].mean(axis=-1))).mean(axis=1)
        quantiles = np.quantile(level, [0.1587, 0.5, 0.8413])
        assert np.diff(quantiles) == pytest.approx(share * np.array([below, above]), rel=0.3)


def test_as_many_records_are_noted_as_noisy_as_in_ptbxl() -> None:
    noises = [noise_of(RECORDERS["ptbxl"], 250, seed=seed) for seed in range(4)]
    assert np.mean([each.muscle_mV > STATIC_NOISE_MV for each in noises]) == pytest.approx(0.155, abs=0.03)
    assert np.mean([each.wander_mV > DRIFT_MV for each in noises]) == pytest.approx(0.065, abs=0.02)


def test_chest_electrodes_wander_with_their_neighbours() -> None:
    recorder = replace(RECORDERS["ptbxl"], **STILL, wander_at=(1e-3, 1e-3, 1e-3, 1, 1, 1, 1, 1, 1))
    eight = noise_of(recorder, 200).eight
    corners = np.array([np.corrcoef(record[2:]) for record in eight])
    assert corners[:, 2, 3].mean() == pytest.approx(recorder.neighbours, abs=0.08)
    assert corners[:, 0, 5].mean() == pytest.approx(recorder.neighbours**5, abs=0.1)


def test_breathing_is_seen_at_its_rate() -> None:
    recorder = replace(RECORDERS["chapman"], **MEDIAN)
    for breath in (0.2, 0.35):
        hertz, power = periodogram(noise_of(recorder, 200, 10000, breath_hz=breath).eight, RATE, window="hann")
        power = power.mean(axis=(0, 1))
        near = power[np.abs(hertz - breath) < 0.04].mean()
        assert near > 1.5 * power[np.abs(hertz - 0.45) < 0.04].mean()


def test_the_mains_hum_at_their_frequency_and_a_notch_takes_them_out() -> None:
    for recorder, mains in ((RECORDERS["chapman"], 50), (RECORDERS["mimic"], 60)):
        humming = replace(recorder, **MEDIAN, mains_uV=(20, 5, 5), settings=(Setting(1.0),))
        hertz, power = periodogram(noise_of(humming, 40).eight, RATE)
        rms = np.sqrt(power[..., np.abs(hertz - mains) < 0.45].sum(axis=-1) * hertz[1]).mean(axis=0)
        np.testing.assert_allclose(rms * 1000, 20 * np.sqrt(power_of_leads((1,) * 9)), rtol=0.3)
        quiet = noise_of(replace(humming, settings=(Setting(1.0, notch=True),)), 40).eight
        power = periodogram(quiet, RATE)[1]
        assert (np.sqrt(power[..., np.abs(hertz - mains) < 0.45].sum(axis=-1) * hertz[1]).mean(axis=0) < 0.3 * rms).all()


def test_einthoven_and_goldberger_hold_for_every_artefact() -> None:
    shares: dict[str, Any] = {"motion_share": 1.0, "loose_share": 1.0, "burst_share": 1.0, "swapped_share": 0.5}
    drawn = records_of(replace(RECORDERS["chapman"], **shares), count=16)
    one, two, three, avr, avl, avf = (drawn.signal_mV[:, k] for k in range(6))
    for left, right in ((two, one + three), (avr, -(one + two) / 2), (avl, one - two / 2), (avf, two - one / 2)):
        np.testing.assert_allclose(left, right, atol=3e-6)
    assert 0 < drawn.noise.swapped.sum() < 16
    assert (np.stack([drawn.noise.motion, drawn.noise.loose, drawn.noise.burst]) >= 0).all()


def test_exchanged_arms_turn_i_round_and_leave_the_chest_alone() -> None:
    silent: dict[str, Any] = {"wander": (1e-6,) * 10, "muscle": (1e-6,) * 15, "mains_uV": (1e-6,) * 3}
    drawn = records_of(replace(RECORDERS["ptbxl"], **STILL | {"swapped_share": 1.0}, **silent))
    right, wrong = drawn.clean_mV, drawn.signal_mV
    for name, sign, other in (
        ("I", -1, "I"),
        ("II", 1, "III"),
        ("III", 1, "II"),
        ("aVR", 1, "aVL"),
        ("aVF", 1, "aVF"),
        ("V4", 1, "V4"),
    ):
        np.testing.assert_allclose(
            wrong[:, LEADS.index(name)], sign * right[:, LEADS.index(other)], atol=1.6e-3, err_msg=name
        )


def test_the_recorder_writes_whole_steps() -> None:
    for name in SETS:
        steps = records_of(RECORDERS[name], count=3).signal_mV[:, EIGHT] * 1000 / RECORDERS[name].step_uV
        np.testing.assert_allclose(steps, np.round(steps), atol=2e-3)
        assert len(np.unique(np.round(steps))) > 50


def test_jumps_and_bursts_are_those_of_one_electrode() -> None:
    rng = np.random.default_rng(0)
    for add in (add_jumps, add_bursts):
        for electrode in (0, 2, 5):
            still = np.zeros((2, 8, 5000), np.float32)
            muscle = rng.standard_normal((2, 8, 5000)).astype(np.float32)
            marked = np.array([electrode, -1])
            if add is add_jumps:
                add_jumps(rng, still, RATE, marked, EIGHT_OF_NINE)
            else:
                add_bursts(rng, still, muscle, RATE, marked, EIGHT_OF_NINE)
            assert not still[1].any()
            largest = still[0, np.abs(EIGHT_OF_NINE[:, electrode]).argmax()]
            shape = largest / EIGHT_OF_NINE[:, electrode][np.abs(EIGHT_OF_NINE[:, electrode]).argmax()]
            assert np.abs(shape).max() > 0.15
            np.testing.assert_allclose(still[0], EIGHT_OF_NINE[:, electrode, None] * shape, atol=1e-5)


def filters(setting: Setting) -> Filters:
    return Filters((setting,), 50.0, np.zeros(1, np.int64))


def test_filters_have_their_corners() -> None:
    hertz = np.array([0.5, 40.0, 49.5, 50.0, 120.0])
    high, low, notch = (
        filters(setting).transfer(hertz)[0]
        for setting in (Setting(1.0, 0.5), Setting(1.0, 1e-9, 40), Setting(1.0, 1e-9, None, notch=True))
    )
    assert abs(high[0]) == pytest.approx(np.sqrt(0.5))
    assert np.angle(high[0], deg=True) == pytest.approx(45, abs=0.01)
    assert low[1] == pytest.approx(np.sqrt(0.5))
    assert abs(low[4]) == pytest.approx(1 / 9, rel=0.02)
    assert abs(notch[3]) < 1e-6
    assert abs(notch[2]) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert abs(notch[4]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("samples", [5000, 7919])  # the latter a prime: it is padded
def test_a_highpass_sags_and_undershoots_as_one_pole_does(samples: int) -> None:
    pulse = np.zeros((1, 1, samples), np.float32)
    pulse[..., 1000:1100] = 1  # 0.2 s
    filtered = filters(Setting(1.0, 0.5)).apply(pulse, RATE)[0, 0]
    assert filtered.shape == (samples,)
    sag = np.exp(-2 * np.pi * 0.5 * 0.2)
    np.testing.assert_allclose(filtered[[1010, 1090]], np.exp(-np.pi * np.array([0.021, 0.181])), atol=0.02)
    np.testing.assert_allclose(filtered[[1110, 1600]], (sag - 1) * np.exp(-np.pi * np.array([0.021, 1.001])), atol=0.02)


def test_a_monitors_filter_rounds_qrs_and_quietens_muscle() -> None:
    usual = replace(RECORDERS["icbeb"], **MEDIAN, settings=(Setting(1.0),))
    monitor = replace(usual, settings=(Setting(1.0, 0.5, 40),))
    first, second = (records_of(each) for each in (usual, monitor))

    def fast(signal: NDArray[np.floating]) -> float:
        hertz, power = welch(signal, RATE, nperseg=1000)
        return float(power[..., (hertz > 80) & (hertz < 150)].mean())

    assert fast(second.noise.eight) < 0.1 * fast(first.noise.eight)
    assert fast(second.clean_mV) < 0.1 * fast(first.clean_mV)


def test_the_same_seed_gives_the_same_bytes_at_any_length() -> None:
    for samples in (5000, 3571):  # a prime
        first, second, other = (noise_of(RECORDERS["icbeb"], 5, samples, seed) for seed in (1, 1, 2))
        assert first.eight.shape == (5, 8, samples)
        assert first.eight.dtype == np.float32
        assert np.isfinite(first.eight).all()
        assert first.eight.tobytes() == second.eight.tobytes()
        assert first.eight.tobytes() != other.eight.tobytes()


def test_settings_are_drawn_by_their_shares() -> None:
    drawn = draw_filters(np.random.default_rng(0), 4000, RECORDERS["mimic"])
    notched = np.mean([drawn.settings[each].notch for each in drawn.setting])
    assert notched == pytest.approx(0.86, abs=0.02)
