"""BM25 and the fusion of ranks: against the textbook formula, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.cqa.retrieve.lexical import Bm25
from esi.cqa.retrieve.retrieval import fused
from esi.cqa.sentences import content_terms


def by_the_formula(question: str, documents: list[str]) -> list[float]:
    """Robertson and Zaragoza 2009, equation 3.15, written out, with k1 = 1.5, b = 0.75 and Lucene's idf."""
    bags = [content_terms(document) for document in documents]
    mean = max(sum(map(len, bags)) / len(bags), 1)
    scores = []
    for bag in bags:
        score = 0.0
        for word in set(content_terms(question)):
            having = sum(word in other for other in bags)
            idf = math.log((len(bags) - having + 0.5) / (having + 0.5) + 1)
            length = 1 - 0.75 + 0.75 * len(bag) / mean
            score += idf * bag.count(word) * 2.5 / (bag.count(word) + 1.5 * length)
        scores.append(score)
    return scores


WORDS = ["atrial", "flutter", "wave", "ventricular", "block", "V1", "QRS", "wide", "left", "right"]
texts = st.lists(st.sampled_from(WORDS), max_size=12)


@given(documents=st.lists(texts.map(" ".join), min_size=1, max_size=8), question=texts.map(" ".join))
def test_scores_are_those_of_the_formula(documents: list[str], question: str) -> None:
    np.testing.assert_allclose(Bm25(documents).scores(question), by_the_formula(question, documents), atol=1e-12)


def test_spelling_plural_and_ordinals_meet() -> None:
    scores = Bm25(["first-degree AV block", "inferior ischemia", "bundle branch blocks"]).scores(
        "1st degree; ischaemia; block"
    )
    assert scores.min() > 0
    assert Bm25(["a wave"]).scores("the of").tolist() == [0.0]


def test_ranks_are_fused_reciprocally() -> None:
    """Cormack et al. 2009: 1 / (60 + rank), here as a share of what two first places give."""
    total = fused([{0: 0.9, 1: 0.8, 2: 0.7}, {2: 1.0, 0: 0.4}])
    assert total == {
        0: pytest.approx((1 / 61 + 1 / 62) / (2 / 61)),
        1: pytest.approx((1 / 62) / (2 / 61)),
        2: pytest.approx((1 / 63 + 1 / 61) / (2 / 61)),
    }
    assert fused([{5: 0.3}, {5: 7.0}]) == {5: pytest.approx(1.0)}


@given(st.permutations(range(6)))
def test_equals_rank_by_their_place_however_they_come(order: list[int]) -> None:
    assert fused([dict.fromkeys(order, 0.5)]) == fused([dict.fromkeys(range(6), 0.5)])
