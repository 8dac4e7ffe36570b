"""Whether an answer describes the condition that was asked for, or another one of the handbook.

Each entry of the handbook is what its ECG criteria say: single words and pairs of words, weighted by how few entries use
them (tf-idf), without the condition's own names. An answer that is clearly nearer to another entry than to the statement's
own is about that other one, as is one that opens with another entry's name, never says the statement's, and is as near to
it. The more two entries are alike (an infarction of two neighbouring walls), the clearer it has to be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import log, sqrt

from esi.cqa.check.contradiction import own_names, plain_name, says_name
from esi.cqa.check.known_conditions import entries
from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.sentences import content_terms, content_words, name_fit

MIN_FIT = 0.6  # of a statement and an entry's name, for the entry to be the statement's own
# Chosen on the 72 answers of tests/cqa/answers/good.txt, 70 of which have an entry: none is refused under its own statement,
# and of those under the others' 97 % are, by their criteria alone.
MARGIN = 0.12  # by so much an answer's cosine to another entry exceeds that to its own
SAID_MARGIN = 0.22  # where the answer says the statement's name; of the others, with the names exchanged, 79 % are refused
ALIKE, ALIKE_WEIGHT = 0.1, 2.5  # two entries with a higher cosine have to differ by more, so many times the excess
MIN_NEAR = 0.12  # cosine of an answer that says nothing of the statement's name
NAMED_MARGIN = -0.05  # where the answer opens with the other's name and never says its own
_OPENING_WORDS = 8  # "In a patient with ...", "The ECG of ..."
_LEAD_RANGE = re.compile(r"\bV([1-9])\s?(?:-|–|to|through)\s?V?([1-9])\b")
Vector = Mapping[str, float]


@dataclass(frozen=True)
class _Condition:
    name: str
    names: tuple[str, ...]
    name_words: tuple[frozenset[str], ...]
    all_words: frozenset[str]
    vector: Vector


def other_topic(answer: str, statement: str, passages: Sequence[Passage]) -> str | None:
    """The name of another condition that the answer is about; None where it is about the statement, or that cannot be told.

    Args:
        answer: plain text.
        statement: what was asked for; without an entry of its own in the handbook nothing is told.
        passages: the statement's. Names that their entry has are names of the statement.
    """
    names, own, others = _own_and_others(statement, tuple(own_names(statement, passages)))
    if not own:
        return None
    said = _vector(_terms(answer, names), _weights())
    nearness = max(_cosine(said, condition.vector) for condition in own)
    plain = plain_name(answer)
    unnamed = not any(says_name(plain, plain_name(name)) for name in names)
    margin = MARGIN if unnamed else SAID_MARGIN
    best: tuple[float, str] | None = None
    for other in others:
        gap = _cosine(said, other.vector) - nearness
        opens = unnamed and gap > NAMED_MARGIN and _opens_with(plain, other.names)
        alike = max(_cosine(other.vector, condition.vector) for condition in own) if gap > margin else 0.0
        if opens or gap > margin + ALIKE_WEIGHT * max(0.0, alike - ALIKE):
            best = max(best or (gap, other.name), (gap, other.name))
    return best[1] if best else None


def is_near(answer: str, statement: str, passages: Sequence[Passage]) -> bool:
    """Whether an answer says what the statement's own entry of the handbook says, whatever it calls it."""
    names, own, _ = _own_and_others(statement, tuple(own_names(statement, passages)))
    said = _vector(_terms(answer, names), _weights())
    return any(_cosine(said, each.vector) > MIN_NEAR for each in own)


@cache
def _weights() -> Vector:
    """The inverse document frequency of each term."""
    documents = Counter(term for entry in entries() for term in _terms(entry.criteria, entry.names))
    return {term: log((len(entries()) + 1) / (count + 0.5)) for term, count in documents.items()}


@cache
def conditions() -> tuple[_Condition, ...]:
    """The conditions of the handbook, read and weighted once."""
    return tuple(
        _Condition(
            entry.name,
            entry.names,
            tuple(frozenset(content_words(name)) for name in entry.names),
            frozenset(content_words(" ".join(entry.names))),
            _vector(_terms(entry.criteria, entry.names), _weights()),
        )
        for entry in entries()
    )


@cache
def _own_and_others(statement: str, also: tuple[str, ...]) -> tuple[list[str], list[_Condition], list[_Condition]]:
    """All names of a statement; the conditions that it names, or whose names say all that it says; the rest."""
    wanted, asked = content_words(statement), [statement, *also]
    all_words = frozenset().union(*(content_words(name) for name in asked))
    fits = [
        0.0  # most share no word
        if all_words.isdisjoint(condition.all_words)
        else max(name_fit(name, other) for name in asked for other in condition.names)
        for condition in conditions()
    ]
    best = max(fits, default=0.0)
    own: list[_Condition] = []
    others: list[_Condition] = []
    for condition, fit in zip(conditions(), fits, strict=True):
        is_kind = len(wanted) > 1 and any(
            wanted <= words and ("incompl" in words) == ("incompl" in wanted) for words in condition.name_words
        )
        (own if is_kind or (fit == best and best >= MIN_FIT) else others).append(condition)
    return [*asked, *(name for condition in own for name in condition.names)], own, others


def _opens_with(plain: str, names: Iterable[str]) -> bool:
    opening = " ".join(plain.split()[:_OPENING_WORDS])
    return any(says_name(opening, plain_name(name)) for name in names if len(plain_name(name)) > 2)


def _terms(text: str, names: Iterable[str]) -> Counter[str]:
    """Words and pairs of words, without the names; "V1-V3" is three leads."""
    text = _LEAD_RANGE.sub(lambda found: " ".join(f"V{lead}" for lead in range(int(found[1]), int(found[2]) + 1)), text)
    words = content_terms(_any_of(tuple(names)).sub(" ", text))
    return Counter(words) + Counter(f"{one} {two}" for one, two in pairwise(words))


@cache
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<!\w)(?:{longest_first})s?(?!\w)", re.IGNORECASE)


def _vector(terms: Counter[str], weights: Vector) -> Vector:
    weighted = {term: (1 + log(count)) * weights[term] for term, count in terms.items() if term in weights}
    length = sqrt(sum(value * value for value in weighted.values())) or 1.0
    return {term: value / length for term, value in weighted.items()}


def _cosine(one: Vector, two: Vector) -> float:
    return sum(value * two.get(term, 0.0) for term, value in one.items())
