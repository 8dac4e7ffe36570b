from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.evaluate import retrieval as module
from esi.evaluate.retrieval import Texts, found_within, ranks, retrieval


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def slow(query: np.ndarray, candidates: np.ndarray, right: list[bool], depth: int) -> tuple[float, float]:
    """Recall and rank as the mean over every order that the cosines allow."""
    cosines = [round(float(query @ candidate), 5) for candidate in candidates]
    recalls, places = [], []
    for order in itertools.permutations(range(len(candidates))):
        if all(cosines[a] >= cosines[b] for a, b in itertools.pairwise(order)):
            place = 1 + next(place for place, candidate in enumerate(order) if right[candidate])
            recalls.append(place <= depth)
            places.append(place)
    return float(np.mean(recalls)), float(np.mean(places))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_against_every_possible_order(seed: int, depth: int) -> None:
    """Few distinct directions, so that most cosines are tied; groups of several candidates."""
    random = np.random.default_rng(seed)
    directions = unit(random.normal(size=(3, 4)))
    queries, candidates = directions[random.integers(3, size=4)], directions[random.integers(3, size=5)]
    group_C = random.integers(3, size=5)
    group_Q = group_C[random.integers(5, size=4)]
    found = ranks(queries, candidates, group_Q, group_C)
    for place in range(4):
        right = (group_C == group_Q[place]).tolist()
        recall, rank = slow(queries[place], candidates, right, depth)
        assert found.recall(depth)[place] == pytest.approx(recall)
        assert found.rank()[place] == pytest.approx(rank)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    queries, candidates = unit(random.normal(size=(50, 8))), unit(random.normal(size=(30, 8)))
    groups = np.arange(50) % 30, np.arange(30)
    whole = ranks(queries, candidates, *groups)
    monkeypatch.setattr(module, "SCORES_AT_ONCE", 7 * 30)
    parts = ranks(queries, candidates, *groups)
    assert (whole.above == parts.above).all()
    assert whole.above.max() > 10


def test_found_within_is_hypergeometric() -> None:
    total, right, drawn = np.array([5, 10, 4, 3]), np.array([1, 3, 2, 1]), np.array([2, 4, 3, 0])
    expected = [2 / 5, 1 - (7 * 6 * 5 * 4) / (10 * 9 * 8 * 7), 1.0, 0.0]
    assert found_within(total, right, drawn) == pytest.approx(expected)


def table(texts: list[str]) -> Texts:
    return Texts.of(pl.DataFrame({"text": texts, "subject_id": [str(place) for place in range(len(texts))]}))


def test_constant_embeddings_get_chance() -> None:
    texts = table([f"text {place % 40}" for place in range(100)])
    same = np.tile(unit(np.ones((1, 8))), (100, 1))
    to_text, to_ecg = retrieval([same], same[:40], texts, 20, 0)
    assert to_text.recalls[10][0] == pytest.approx(10 / 40)
    assert to_text.recalls[1][0] == pytest.approx(1 / 40)
    assert to_text.median_rank == pytest.approx(20.5)
    assert to_ecg.recalls[10][0] == pytest.approx(to_ecg.chance)
    assert to_ecg.chance > 10 / 100  # texts are shared, so that several ECGs are right


def test_perfect_embeddings_find_everything() -> None:
    texts = table(["a", "b", "a", "c", "b", "a"])
    text_UE = unit(np.random.default_rng(0).normal(size=(3, 16)))
    for direction in retrieval([text_UE[texts.text_N]], text_UE, texts, 20, 0):
        assert direction.recalls[1] == (1.0, 1.0, 1.0)
        assert direction.queries == 6
    assert texts.distinct == ["a", "b", "c"]


def test_a_text_that_several_records_share_is_found_with_any_of_them() -> None:
    """Record 1 looks like text b, but record 0, of the same text a, looks like a."""
    texts = table(["a", "a", "b"])
    text_UE = np.eye(2, dtype=np.float32)
    to_text, to_ecg = retrieval([text_UE[[0, 1, 1]]], text_UE, texts, 20, 0)
    assert to_text.recalls[1][0] == pytest.approx(2 / 3)
    assert to_ecg.recalls[1][0] == pytest.approx((1 + 1 + 0.5) / 3)  # text b: records 1 and 2 are equally near


def test_runs_are_averaged_and_intervals_follow_the_subjects() -> None:
    texts = Texts(["a", "b"], np.array([0, 0, 1, 1]), ["x", "x", "y", "y"])
    right, wrong = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.eye(2, dtype=np.float32)[[1, 1, 0, 0]]
    assert retrieval([right, wrong], np.eye(2, dtype=np.float32), texts, 20, 0)[0].recalls[1][0] == pytest.approx(0.5)
    half = np.eye(2, dtype=np.float32)[[0, 0, 0, 0]]  # subject x is found, y is not: a resample holds x, y or both
    value, low, high = retrieval([half], np.eye(2, dtype=np.float32), texts, 200, 0)[0].recalls[1]
    assert (value, low, high) == (0.5, 0.0, 1.0)


def test_a_row_has_the_columns_of_the_table() -> None:
    texts = table(["a", "b"])
    row = retrieval([np.eye(2, dtype=np.float32)], np.eye(2, dtype=np.float32), texts, 5, 0)[0].row("esi")
    ends = ("", "_low", "_high")
    assert list(row) == [
        *("direction", "model", "queries", "candidates"),
        *(f"recall_{depth}{end}" for depth in (1, 5, 10) for end in ends),
        *("median_rank", "chance_recall_10"),
    ]
