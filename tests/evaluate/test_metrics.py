from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from esi.evaluate.metrics import auroc, macro_auroc


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


def drawn(n: int = 400, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    labels = random.random((n, 3)) < 0.3
    return labels, random.normal(size=(n, 3)) + shift * labels


def test_the_interval_is_the_slow_bootstraps_over_subjects() -> None:
    labels, scores = drawn()
    subjects = [f"s{i // 2}" for i in range(400)]
    result = macro_auroc(labels, scores, ["a", "b", "c"], subjects, 400, 0)
    random = np.random.default_rng(7)
    slow = []
    for _ in range(400):
        rows = np.concatenate([[2 * s, 2 * s + 1] for s in random.integers(0, 200, 200)])
        slow.append(np.mean([roc_auc_score(labels[rows, k], scores[rows, k]) for k in range(3)]))
    assert result.macro == pytest.approx(np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in range(3)]), abs=1e-12)
    np.testing.assert_allclose([result.ci_low, result.ci_high], np.quantile(slow, [0.025, 0.975]), atol=0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two normal distributions one sd apart have the AUROC Phi(1/sqrt 2) = 0.760."""
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        labels = random.random((300, 1)) < 0.5
        result = macro_auroc(labels, random.normal(size=(300, 1)) + labels, ["a"], [str(i) for i in range(300)], 200, seed)
        covered += result.ci_low <= 0.7602 <= result.ci_high
    assert 51 <= covered <= 60


def test_a_class_without_positives_is_named_not_averaged() -> None:
    labels, scores = drawn()
    labels[:, 1] = False
    result = macro_auroc(labels, scores, ["a", "b", "c"], [str(i) for i in range(400)], 50, 0)
    assert (result.undefined, sorted(result.by_class)) == (["b"], ["a", "c"])
    assert result.macro == pytest.approx(np.mean(list(result.by_class.values())))


def test_useless_input_is_refused() -> None:
    labels, scores = drawn()
    with pytest.raises(ValueError, match="none of the classes"):
        macro_auroc(np.zeros_like(labels), scores, ["a", "b", "c"], [str(i) for i in range(400)], 50, 0)
    scores[0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 1200 scores are not finite"):
        macro_auroc(labels, scores, ["a", "b", "c"], [str(i) for i in range(400)], 50, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    labels, scores = drawn()
    subjects = [str(i) for i in range(400)]
    first, again, other = (macro_auroc(labels, scores, ["a", "b", "c"], subjects, 100, seed) for seed in (0, 0, 1))
    assert first == again
    assert first.ci_low != other.ci_low
