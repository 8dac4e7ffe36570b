from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from esi.evaluate.results.decisions import best_thresholds, platt


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30).filter(
        lambda rows: any(r[0] for r in rows)
    )
)
def test_no_threshold_has_a_better_f1(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.float32)
    chosen = best_thresholds(labels[:, None], scores[:, None])[0]
    by_threshold = {value: f1_score(labels, scores >= value, zero_division=0) for value in np.unique(scores)}
    assert by_threshold[chosen] == pytest.approx(max(by_threshold.values()))
    assert all(value < by_threshold[chosen] - 1e-12 for threshold, value in by_threshold.items() if threshold > chosen)


def test_a_class_that_validation_lacks_is_never_called() -> None:
    assert best_thresholds(np.zeros((4, 1), bool), np.ones((4, 1)))[0] == np.inf


def test_platt_is_a_logistic_regression_on_his_targets() -> None:
    random = np.random.default_rng(0)
    labels = random.random((300, 2)) < [0.3, 0.05]
    scores = 0.05 * random.normal(size=(300, 2)) + 0.1 * labels + 0.2
    slopes, offsets = platt(labels, scores)
    for k in range(2):
        n = labels[:, k].sum()
        target = np.where(labels[:, k], (n + 1) / (n + 2), 1 / (300 - n + 2))
        # A soft target is the record twice, once a side, weighted
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
        twice = 10 * np.r_[scores[:, k], scores[:, k]][:, None]
        model.fit(twice, np.r_[np.ones(300), np.zeros(300)], sample_weight=np.r_[target, 1 - target])
        assert slopes[k] == pytest.approx(10 * model.coef_[0, 0], rel=1e-3)
        assert offsets[k] == pytest.approx(model.intercept_[0], rel=1e-3)


@pytest.mark.parametrize("positives", [0, 1, 5, 10])
def test_tiny_sets_give_no_certainty(positives: int) -> None:
    """Ten records that their scores separate, or with one side only: finite, and probabilities within Platt's targets."""
    labels, scores = (np.arange(10) >= 10 - positives)[:, None], (np.arange(10) / 100)[:, None]
    slope, offset = platt(labels, scores)
    probability = expit(slope * scores + offset)
    assert np.isfinite(slope).all()
    assert 0.01 < probability.min() <= probability.max() < 0.99
    assert probability.mean() == pytest.approx(
        np.where(labels, (positives + 1) / (positives + 2), 1 / (12 - positives)).mean()
    )


def test_equal_scores_give_the_base_rate() -> None:
    slope, offset = platt((np.arange(50) < 10)[:, None], np.full((50, 1), 0.3))
    assert expit(slope * 0.3 + offset)[0] == pytest.approx((10 * 11 / 12 + 40 / 42) / 50)
