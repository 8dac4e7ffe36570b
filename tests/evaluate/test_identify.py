from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from esi.evaluate.encode import Strip
from esi.evaluate.identify.linear_head import head_scores
from esi.evaluate.identify.methods import Outcome, headline, table
from esi.evaluate.identify.scores import cosine, first_rank, macro_auc, wilson
from esi.evaluate.identify.template import template_scores
from esi.evaluate.identify.trials import recording_trial, signals, strip_trial
from esi.settings.evaluation import Identify
from tests.evaluate.tiny_sets import ecg_set, row

HEAD = Identify(
    seconds={"ptbxl": 5.0}, seeds=[0], epochs=60, batch_size=4, lr=1e-2, fine_tune_epochs=0, fine_tune_lr=1e-3
)  # fmt: skip


def record(number: int, subject: str, **others: Any) -> dict[str, Any]:
    content = {"record_id": f"r{number}", "subject_id": subject, "valid_samples": 5000, "window": 0}
    return content | {"signal_hash": f"h{number}"} | others


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows))


def test_strips_are_the_two_halves_of_each_subjects_first_record_that_is_long_enough() -> None:
    short = [record(1, "a", valid_samples=4999), record(5, "c", valid_samples=4000)]
    table = records(short[0], record(2, "a"), record(3, "a"), record(4, "b"), short[1])
    trial = strip_trial(table, 5.0, 100)
    assert trial.gallery == trial.probes == ["r2", "r4"]
    assert trial.place_P.tolist() == [0, 1]
    assert (trial.gallery_strip, trial.probe_strip) == (Strip(0, 500), Strip(500, 500))
    assert trial.left_out == 1
    assert strip_trial(table, 4.0, 500).gallery == ["r1", "r4", "r5"]
    assert strip_trial(table, 4.0, 500).probe_strip == Strip(2000, 2000)


def test_recordings_are_the_first_two_of_a_subject_among_the_first_of_all() -> None:
    trial = recording_trial(
        records(record(1, "b"), record(2, "a"), record(3, "c"), record(4, "a"), record(5, "b"), record(6, "a"))
    )
    assert trial.gallery == ["r1", "r2", "r3"]
    assert trial.probes == ["r4", "r5"]
    assert trial.place_P.tolist() == [1, 0]
    assert trial.gallery_strip is None
    assert trial.probe_strip is None


@pytest.mark.parametrize("second", [{"window": 1}, {"signal_hash": "h1"}])
def test_a_further_window_or_a_copy_is_no_other_recording(second: dict[str, Any]) -> None:
    assert recording_trial(records(record(1, "a"), record(2, "b"), record(3, "a", **second))).probes == []


def test_signals_are_cut_to_the_strip(tmp_path: Path, own_cache: Path) -> None:
    ecgs = ecg_set(tmp_path, [row(1), row(2, valid_samples=3500)])
    whole, valid = signals(ecgs.store, ["2", "1"], None)
    assert valid.tolist() == [700, 1000]
    cut, cut_valid = signals(ecgs.store, ["2", "1"], Strip(400, 400))
    assert cut_valid.tolist() == [300, 400]
    assert np.array_equal(cut, whole[..., 400:800])
    assert np.allclose(whole[1], ecgs.store.signals_NCT[0] / 1000)


SCORES = arrays(np.float32, st.tuples(st.integers(2, 6), st.integers(6, 9)), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@settings(max_examples=30, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_auc_is_scikit_learns_macro_over_the_probed_subjects(scores_PG: np.ndarray, random: Any) -> None:
    place_P = np.array(random.sample(range(scores_PG.shape[1]), len(scores_PG)))
    each = [roc_auc_score(place_P == subject, scores_PG[:, subject]) for subject in place_P]
    assert macro_auc(scores_PG, place_P) == pytest.approx(np.mean(each), abs=1e-12)


def test_first_rank_wants_the_own_subject_alone_in_front() -> None:
    scores_PG = np.array([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 5.0, 5.0]])
    assert first_rank(scores_PG, np.array([0, 2, 1])).tolist() == [True, False, False]


@pytest.mark.parametrize(("right", "n"), [(0, 12), (8, 12), (222, 224), (224, 224)])
def test_wilson_as_scipys(right: int, n: int) -> None:
    reference = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_cosine_of_nothing_is_zero() -> None:
    found = cosine(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[4.0, 3.0], [-3.0, -4.0], [0.0, 0.0]]))
    assert np.allclose(found, [[0.96, -1.0, 0.0], [0.0, 0.0, 0.0]])


def beats(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 12, 70)).astype(np.float32)


@pytest.mark.parametrize("shift", [-3, 0, 2, 3])
def test_the_template_finds_a_beat_that_is_shifted_scaled_and_offset(shift: int) -> None:
    gallery = beats(5)
    probes = 0.5 * np.roll(gallery, shift, axis=-1) + np.arange(12, dtype=np.float32)[:, None]
    found = template_scores(probes, gallery, 100)
    assert np.allclose(np.diagonal(found), 1, atol=1e-5)
    assert (found - np.eye(5) < 0.3).all()


def test_beyond_30_ms_the_template_finds_nothing() -> None:
    gallery = beats(5)
    assert template_scores(np.roll(gallery, 5, axis=-1), gallery, 100).max() < 0.3


def test_a_beat_that_was_not_found_is_like_no_one() -> None:
    gallery = beats(3)
    probes = gallery.copy()
    probes[1] = 0
    found = template_scores(probes, gallery, 100)
    assert np.array_equal(found[1], np.zeros(3))
    assert first_rank(found, np.arange(3)).tolist() == [True, False, True]


def test_the_head_names_every_subject_of_separate_features_and_no_shuffled_one() -> None:
    random = np.random.default_rng(0)
    gallery = random.normal(size=(20, 16)).astype(np.float32) * 100 + 7
    probes = gallery + random.normal(size=gallery.shape).astype(np.float32)
    logits = head_scores(gallery, probes, HEAD, 0)
    assert first_rank(logits, np.arange(20)).all()
    assert first_rank(logits, np.roll(np.arange(20), 1)).sum() == 0


def test_the_heads_seed_decides_its_result_and_a_constant_feature_does_not() -> None:
    features = np.random.default_rng(1).normal(size=(10, 5)).astype(np.float32)
    first = head_scores(features, features, HEAD, 0)
    assert np.array_equal(first, head_scores(features, features, HEAD, 0))
    assert not np.array_equal(first, head_scores(features, features, HEAD, 1))
    constant = np.c_[features, np.full(10, 3, np.float32)]
    assert np.allclose(first, head_scores(constant, constant, HEAD, 0), atol=1e-5)


def test_the_table_averages_runs_and_the_headline_is_the_linear_head_on_strips() -> None:
    trial = strip_trial(records(*(record(i, f"s{i}") for i in range(40))), 5.0, 100)
    outcomes = [
        Outcome(trial, "template", "template", 1.0, 0.975),
        Outcome(trial, "cosine", "esi", 0.8, 0.1),
        Outcome(trial, "linear", "esi", 0.9, 0.5),
        Outcome(trial, "linear", "esi", 0.7, 0.7),
        Outcome(trial, "linear", "random", 0.6, 0.2),
    ]
    rows = table(outcomes)
    ours = rows.row(by_predicate=(pl.col("method") == "linear") & (pl.col("model") == "esi"), named=True)
    assert (ours["subjects"], ours["runs"], ours["chance"], ours["left_out"]) == (40, 2, 1 / 40, 0)
    assert (ours["accuracy"], ours["auc"]) == (pytest.approx(0.6), pytest.approx(0.8))
    assert (ours["accuracy_sd"], ours["auc_sd"]) == (pytest.approx(0.02**0.5), pytest.approx(0.02**0.5))
    low, high = binomtest(24, 40).proportion_ci(method="wilson")
    assert (ours["accuracy_low"], ours["accuracy_high"]) == (pytest.approx(low), pytest.approx(high))
    assert rows.filter(pl.col("method") == "cosine")["accuracy_sd"].to_list() == [None]
    expected = {"metric": "accuracy", "value": ours["accuracy"], "low": ours["accuracy_low"], "high": ours["accuracy_high"]}
    assert headline(rows) == expected | {"random": 0.2, "template": 0.975, "n_test": 40}
    with_supervised = table([*outcomes, Outcome(trial, "fine_tune", "supervised", 0.5, 0.05)])
    assert headline(with_supervised)["supervised"] == 0.05
