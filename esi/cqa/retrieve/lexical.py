"""Passages by the words that they share with a question: BM25 (Robertson and Zaragoza 2009, equation 3.15)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from esi.cqa.sentences import content_terms

K1 = 1.5  # how fast a repeated word stops counting
B = 0.75  # how far a long document's words count less

Scores = npt.NDArray[np.float64]


class Bm25:
    """An inverted index over documents; words are `content_terms`, so that ischaemia meets ischemic."""

    def __init__(self, documents: Sequence[str]) -> None:
        counts = [Counter(content_terms(document)) for document in documents]
        lengths = np.array([sum(count.values()) for count in counts], dtype=np.float64)
        mean = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, count in enumerate(counts):
            for word in count:
                places[word].append(place)
        self._size = len(documents)
        self._postings: dict[str, tuple[npt.NDArray[np.int64], Scores]] = {}
        for word, holders in places.items():
            # The + 1 keeps a word that most documents have from counting against them (Lucene's form).
            rarity = math.log(1 + (self._size - len(holders) + 0.5) / (len(holders) + 0.5))
            where = np.array(holders, dtype=np.int64)
            often = np.array([counts[place][word] for place in holders], dtype=np.float64)
            weights = rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths[where] / mean))
            self._postings[word] = where, weights

    def scores(self, question: str) -> Scores:
        """The BM25 score of every document, (documents,); 0 for one that has no word of the question."""
        total = np.zeros(self._size)
        for word in sorted(set(content_terms(question))):  # sorted: a sum of floats depends on its order
            if word in self._postings:
                where, weights = self._postings[word]
                total[where] += weights
        return total
