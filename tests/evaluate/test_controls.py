from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as dsp

from esi.ecg.leads import LEADS
from esi.ecg.signals import SignalStore
from esi.errors import EsiError
from esi.evaluate.controls import features as controls
from esi.evaluate.controls.features import control_features
from esi.evaluate.controls.hand_features import record_features

TRIANGLE = {
    "R": (0.0, 0.04),
    "T": (0.28, 0.08),
    "P": (-0.16, 0.04),
}  # where a wave lies after the R peak, half its width, seconds


def ecg(rate: int, beats_s: list[float], seconds: float = 10, r: float = 1.0, t: float = 0.3, st: float = 0.0) -> np.ndarray:
    """Microvolts [12, T] of triangular waves; lead V1 is negative, the others positive."""
    time_T = np.arange(round(seconds * rate)) / rate
    lead_T = np.zeros(len(time_T))
    for beat in beats_s:
        for name, height in (("R", r), ("T", t), ("P", 0.15)):
            middle, half = TRIANGLE[name]
            lead_T += height * np.clip(1 - np.abs(time_T - beat - middle) / half, 0, None)
        lead_T += st * ((time_T - beat > 0.06) & (time_T - beat < 0.18))
    sign_C = np.array([-1 if lead == "V1" else 1 for lead in LEADS])
    return np.rint(1000 * sign_C[:, None] * lead_T).astype(np.int16)


def regular(every: float, seconds: float = 10) -> list[float]:
    return list(np.arange(0.5, seconds, every))


def store_of(signals: list[np.ndarray], rate: int = 100) -> SignalStore:
    signals_NCT = np.zeros((len(signals), 12, 10 * rate), np.int16)
    for row, signal in enumerate(signals):
        signals_NCT[row, :, : signal.shape[1]] = signal
    valid_N = np.array([signal.shape[1] for signal in signals])
    return SignalStore(signals_NCT, valid_N, {str(row): row for row in range(len(signals))}, "key")


def changed(one: np.ndarray, other: np.ndarray, by: float) -> bool:
    """Whether some feature moves by about `by`."""
    return bool((np.abs(np.abs(one - other) - abs(by)) < 0.1 * abs(by) + 1e-6).any())


def test_rate_amplitude_and_st_are_read() -> None:
    usual = record_features(ecg(100, regular(0.8)), 100)
    assert np.isclose(usual, 0.8, atol=0.005).any()  # the RR interval, seconds
    assert np.isclose(usual, 1.25, atol=0.01).any()  # beats a second
    assert changed(usual, record_features(ecg(100, regular(0.8), r=1.5), 100), 0.5)
    assert changed(usual, record_features(ecg(100, regular(0.8), st=0.2), 100), 0.2)
    assert changed(usual, record_features(ecg(100, regular(0.8), t=-0.3), 100), 0.6)


def test_an_irregular_rhythm_differs_where_the_beat_does_not() -> None:
    even, uneven = regular(0.8), list(np.cumsum([0.5, *([0.6, 1.0] * 5)]))
    one, other = (record_features(ecg(100, beats), 100) for beats in (even, uneven))
    assert changed(one, other, np.std(np.diff(uneven)))
    assert changed(one, other, 0.4)  # the root mean square of successive differences


def test_500_hz_gives_what_100_hz_gives() -> None:
    at_500 = ecg(500, regular(0.83))
    at_100 = np.rint(dsp.resample_poly(at_500.astype(float), 1, 5, axis=-1, padtype="edge")).astype(np.int16)
    np.testing.assert_allclose(record_features(at_500, 500), record_features(at_100, 100), atol=0.02)


@pytest.mark.parametrize("seconds", [10, 6.01, 2])
def test_padding_does_not_count(seconds: float) -> None:
    beats = regular(0.7, seconds)
    store = store_of([ecg(100, beats, seconds), ecg(100, regular(0.9))])
    of_store = controls_of(store)["test"][0]
    np.testing.assert_array_equal(of_store, record_features(ecg(100, beats, seconds), 100))


def controls_of(store: SignalStore) -> dict[str, np.ndarray]:
    from esi.evaluate.controls.hand_features import features

    return features(store, {"test": list(store.row_of)})


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros((12, 1000), np.int16),
        np.zeros((12, 200), np.int16),
        np.full((12, 1000), 32767, np.int16),
        np.random.default_rng(0).integers(-32768, 32767, (12, 1000)).astype(np.int16),
        np.where(np.arange(1000) == 500, 20000, 0) * np.ones((12, 1), np.int16),
        np.eye(12, 1000, dtype=np.int16),
    ],
    ids=["flat", "flat 2 s", "stuck", "noise", "one spike", "almost nothing"],
)
def test_whatever_the_signal_the_features_are_finite_and_as_many(signal: np.ndarray) -> None:
    found = record_features(signal.astype(np.int16), 100)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 50
    assert found.shape == record_features(ecg(100, regular(0.8)), 100).shape


def test_features_are_computed_once_and_anew_for_other_signals(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of([ecg(100, regular(0.8)), ecg(100, regular(1.0))])
    records = {"train": ["0", "1"], "test": ["1"]}
    first = control_features("hand", store, records)
    assert first["train"].shape[0] == 2
    np.testing.assert_array_equal(first["train"][1], first["test"][0])
    monkeypatch.setattr(controls, "_module", lambda _: pytest.fail("computed again"))
    again = control_features("hand", store, records)
    np.testing.assert_array_equal(first["test"], again["test"])
    for other in ({"train": ["1", "0"], "test": ["1"]}, {"train": ["0"], "test": ["1"]}):
        with pytest.raises(pytest.fail.Exception, match="computed again"):
            control_features("hand", store, other)


def test_a_control_without_its_library_is_one_sentence(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(controls, "version", absent)
    with pytest.raises(
        EsiError, match=r"evaluate.controls names rocket, and sktime is not .*\.\[rocket\]'.*take rocket out"
    ):
        control_features("rocket", store_of([ecg(100, regular(0.8))]), {"train": ["0"]})


def test_minirocket_is_learned_from_train_alone_and_repeats_itself(own_cache: Path) -> None:
    pytest.importorskip("sktime")
    pytest.importorskip("numba")
    from esi.evaluate.controls.rocket import features

    store = store_of([ecg(100, regular(0.6 + row / 20), r=1 + row / 5) for row in range(6)])
    one = features(store, {"train": ["0", "1", "2"], "test": ["3", "4"]})
    other = features(store, {"train": ["0", "1", "2"], "test": ["5", "3"]})
    assert one["train"].shape == (3, 9996)
    assert one["test"].dtype == np.float32
    np.testing.assert_array_equal(one["train"], other["train"])
    np.testing.assert_array_equal(one["test"][0], other["test"][1])
    assert ((one["test"] >= 0) & (one["test"] <= 1)).all()
    assert one["test"].std() > 0.1
