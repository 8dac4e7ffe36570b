from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from esi.evaluate.metrics import (
    CALIBRATION_BINS,
    auroc,
    average_precision,
    brier,
    calibration_error,
    f1,
    interval,
    macro,
    p_value,
    subject_weights,
)

# Labels with scores of few values, so that ties are the rule; both sides are there
ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(row[0] for row in rows) < len(rows)
)
FEW = settings(deadline=None, max_examples=60)


def columns(rows: list[tuple[bool, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores from 0 to 1, weights."""
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    return labels, scores / 6, weights


def both_sides(labels: np.ndarray, weights: np.ndarray) -> bool:
    return bool((weights[labels] > 0).any() and (weights[~labels] > 0).any())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60).filter(
        lambda rows: 0 < sum(r[0] for r in rows) < len(rows)
    )
)
def test_auroc_is_scikit_learns_with_ties(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], float)
    assert auroc(labels, scores, np.ones((1, len(rows))))[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_a_weight_is_a_repeated_record() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.random(80) < 0.3, np.round(random.normal(size=80), 1)
    weights = random.integers(0, 4, (5, 80))
    for row, value in zip(weights, auroc(labels, scores, weights.astype(float)), strict=True):
        drawn = np.repeat(np.arange(80), row)
        assert value == pytest.approx(roc_auc_score(labels[drawn], scores[drawn]), abs=1e-12)


@FEW
@given(ROWS)
def test_areas_are_scikit_learns_with_ties_and_weights(rows: list[tuple[bool, int, int]]) -> None:
    labels, scores, weights = columns(rows)
    weighted = np.stack([np.ones(len(labels)), weights]).astype(np.float32)
    for ours, theirs in ((auroc, roc_auc_score), (average_precision, average_precision_score)):
        plain, drawn = ours(labels, scores, weighted)
        assert plain == pytest.approx(theirs(labels, scores), abs=1e-9)
        if both_sides(labels, weights):
            assert drawn == pytest.approx(theirs(labels, scores, sample_weight=weights), abs=1e-9)
        else:
            assert np.isnan(drawn)


@FEW
@given(ROWS, st.integers(0, 7))
def test_f1_is_scikit_learns_at_any_threshold(rows: list[tuple[bool, int, int]], threshold: int) -> None:
    labels, scores, weights = columns(rows)
    called = scores >= threshold / 6
    plain, drawn = f1(labels, called, np.stack([np.ones(len(labels)), weights]).astype(np.float32))
    assert plain == pytest.approx(f1_score(labels, called, zero_division=0), abs=1e-9)
    if both_sides(labels, weights):
        assert drawn == pytest.approx(f1_score(labels, called, sample_weight=weights, zero_division=0), abs=1e-9)
    else:
        assert np.isnan(drawn)


@FEW
@given(ROWS)
def test_brier_score_is_scikit_learns(rows: list[tuple[bool, int, int]]) -> None:
    labels, scores, weights = columns(rows)
    plain, drawn = brier(labels, scores, np.stack([np.ones(len(labels)), weights + 1]).astype(np.float32))
    assert plain == pytest.approx(brier_score_loss(labels, scores), abs=1e-9)
    assert drawn == pytest.approx(brier_score_loss(labels, scores, sample_weight=weights + 1), abs=1e-9)


@FEW
@given(ROWS)
def test_calibration_error_sums_scikit_learns_calibration_curve(rows: list[tuple[bool, int, int]]) -> None:
    """Scikit-learn gives the two means of each bin that holds something; repeating records stands for the weights."""
    labels, scores, weights = columns(rows)
    many = weights + 1
    drawn_labels, drawn_scores = np.repeat(labels, many), np.repeat(scores, many)
    there, called = calibration_curve(drawn_labels, drawn_scores, n_bins=CALIBRATION_BINS)
    held = np.array(
        [((drawn_scores * 15 > b) | ((b == 0) & (drawn_scores == 0))) & (drawn_scores * 15 <= b + 1) for b in range(15)]
    )
    counts = held.sum(axis=1)
    expected = np.abs(there - called) @ counts[counts > 0] / many.sum()
    assert calibration_error(labels, scores, many[None].astype(np.float32))[0] == pytest.approx(expected, abs=1e-9)


def test_calibration_error_of_known_cases() -> None:
    labels, once = np.arange(10) < 3, np.ones((1, 10), np.float32)
    assert calibration_error(labels, np.full(10, 0.3), once)[0] == pytest.approx(0)
    assert calibration_error(labels, np.full(10, 0.9), once)[0] == pytest.approx(0.6)
    assert calibration_error(labels, labels.astype(float), once)[0] == 0


def test_many_records_lose_no_precision() -> None:
    """Sums of float32 weights are exact, and so are areas of 20,000 records with common and rare classes."""
    random = np.random.default_rng(3)
    for share in (0.001, 0.5, 0.97):
        labels = random.random(20_000) < share
        scores, weights = np.round(random.normal(size=20_000) + labels, 2), random.integers(0, 5, (1, 20_000))
        for ours, theirs in ((auroc, roc_auc_score), (average_precision, average_precision_score)):
            expected = theirs(labels, scores, sample_weight=weights[0])
            assert ours(labels, scores, weights.astype(np.float32))[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("labels", [np.zeros(6, bool), np.ones(6, bool)])
def test_a_class_with_one_side_only_has_no_figure(labels: np.ndarray) -> None:
    scores, weights = np.linspace(0, 1, 6), np.ones((3, 6), np.float32)
    for values in (
        auroc(labels, scores, weights),
        average_precision(labels, scores, weights),
        f1(labels, scores > 0.5, weights),
    ):
        assert values.shape == (3,)
        assert np.isnan(values).all()


def test_weights_draw_whole_subjects() -> None:
    subjects = ["b", "a", "b", "c", "a", "b"]
    weights = subject_weights(subjects, 500, 0)
    assert weights.shape == (501, 6)
    assert (weights[0] == 1).all()
    of = {name: weights[:, [i for i, s in enumerate(subjects) if s == name]] for name in "abc"}
    assert all((rows == rows[:, :1]).all() for rows in of.values())
    np.testing.assert_array_equal(sum(rows[:, 0] for rows in of.values()), 3)
    np.testing.assert_array_equal(weights, subject_weights(subjects, 500, 0))
    assert (weights != subject_weights(subjects, 500, 1)).any()


def drawn(n: int = 400, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    labels = random.random((n, 3)) < 0.3
    return labels, random.normal(size=(n, 3)) + shift * labels


def macro_auroc(labels: np.ndarray, scores: np.ndarray, subjects: list[str], resamples: int, seed: int) -> np.ndarray:
    weights = subject_weights(subjects, resamples, seed)
    return macro(np.stack([auroc(labels[:, k], scores[:, k], weights) for k in range(labels.shape[1])]))


def test_the_interval_is_the_slow_bootstraps_over_subjects() -> None:
    labels, scores = drawn()
    result = macro_auroc(labels, scores, [f"s{i // 2}" for i in range(400)], 400, 0)
    random = np.random.default_rng(7)
    slow = []
    for _ in range(400):
        rows = np.concatenate([[2 * s, 2 * s + 1] for s in random.integers(0, 200, 200)])
        slow.append(np.mean([roc_auc_score(labels[rows, k], scores[rows, k]) for k in range(3)]))
    assert result[0] == pytest.approx(np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in range(3)]), abs=1e-12)
    np.testing.assert_allclose(interval(result), np.quantile(slow, [0.025, 0.975]), atol=0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two normal distributions one sd apart have the AUROC Phi(1/sqrt 2) = 0.760."""
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        labels = random.random((300, 1)) < 0.5
        scores = random.normal(size=(300, 1)) + labels
        low, high = interval(macro_auroc(labels, scores, [str(i) for i in range(300)], 200, seed))
        covered += low <= 0.7602 <= high
    assert 51 <= covered <= 60


def test_the_p_value_is_small_for_a_difference_and_seldom_without_one() -> None:
    random = np.random.default_rng(0)
    subjects = [str(i) for i in range(200)]
    labels = random.random(200) < 0.5
    found = []
    for seed in range(100):
        weights = subject_weights(subjects, 199, seed)
        one, other = (auroc(labels, random.normal(size=200) + labels, weights) for _ in range(2))
        found.append(p_value(one - other))
    assert np.mean(np.array(found) < 0.05) <= 0.12
    assert 0.35 < np.mean(found) < 0.65
    better = auroc(labels, random.normal(size=200) + 3 * labels, weights)
    assert p_value(better - other) == p_value(other - better) == 2 / 200


def test_no_difference_at_all_has_p_one() -> None:
    assert p_value(np.zeros(100)) == 1


def test_a_macro_mean_leaves_out_what_a_resample_cannot_say() -> None:
    by_class = np.array([[0.8, 0.6, np.nan, np.nan], [np.nan, np.nan, np.nan, np.nan], [0.4, np.nan, 0.2, np.nan]])
    np.testing.assert_allclose(macro(by_class), [0.6, 0.6, 0.2, np.nan])
    assert interval(macro(by_class)) == pytest.approx((0.21, 0.59))
    assert np.isnan(interval(np.array([0.6, np.nan]))).all()


def test_the_same_seed_gives_the_same_interval() -> None:
    labels, scores = drawn()
    subjects = [str(i) for i in range(400)]
    first, again, other = (interval(macro_auroc(labels, scores, subjects, 100, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
