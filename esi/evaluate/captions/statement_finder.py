"""Which statements a caption makes: the clinical reading of a generated text.

Captions come out of a WordPiece vocabulary, in lower case and with spaces around signs ("st - t", "findings : "), so that
texts are compared by their words, commas and full stops alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from esi.ecg.statements.descriptions import described
from esi.ecg.statements.wording import normalise

Words = tuple[str, ...]
_WORD = re.compile(r"[^\W_]+|[,.]")
_NEGATIONS = frozenset({"no", "not", "without", "absent", "absence", "unlike", "never"})
NEGATION_REACH = 5  # words behind a negation that it denies: NegEx (Chapman et al. 2001, J Biomed Inform 34:301)
HEAD = "findings"  # the word that a sentence of `esi.pairs.text.findings_sentence` begins with


class StatementFinder:
    """Finds canonical statements in texts.

    - "Findings: a, b, c.": every item, known or not; a statement may itself hold commas, the longest counts.
    - A sentence of a description says the statement that it describes, and nothing of what it compares it with. Where
      several statements share the sentence, it says the commonest, or nothing new beside one of them.
    - In any other sentence: the known wordings, the longest first ("incomplete left bundle branch block" is no "left bundle
      branch block"), unless they are denied ("no evidence of atrial fibrillation").

    Args:
        statements: canonical findings, the commonest first.
        descriptions: by statement.
    """

    def __init__(self, statements: Sequence[str], descriptions: Mapping[str, str]) -> None:
        self._statement_of = {words(statement): statement for statement in reversed(statements)}
        self._longest = max(map(len, self._statement_of), default=0)
        self._described_by: defaultdict[Words, list[str]] = defaultdict(list)
        for statement, text in described(statements, descriptions).items():
            for sentence in sentences(words(text)):
                self._described_by[sentence].append(statement)

    @classmethod
    def read(cls, statements: Path, descriptions: Mapping[str, str]) -> StatementFinder:
        """One for the findings, and the remarks on them, of data/statements.parquet."""
        table = pl.read_parquet(statements, columns=["statement", "kind"])
        return cls(table.filter(pl.col("kind").is_in(["finding", "remark"]))["statement"].to_list(), descriptions)

    def __call__(self, text: str) -> list[str]:
        """The statements of a text, each once, listed findings first."""
        said: dict[str, None] = {}
        parts = list(sentences(words(text)))
        for sentence in parts:
            if sentence[0] == HEAD:
                said |= dict.fromkeys(self._listed(sentence[1:]))
        for sentence in parts:
            if sentence[0] == HEAD:
                continue
            owners = self._described_by.get(sentence)
            if owners is None:
                said |= dict.fromkeys(self._mentioned(sentence))
            elif said.keys().isdisjoint(owners):
                said[owners[0]] = None
        return list(said)

    def _listed(self, sentence: Words) -> Iterator[str]:
        items = [words(item) for item in " ".join(sentence).split(",")]
        start = 0
        while start < len(items):
            for end in range(len(items), start, -1):
                statement = self._known(_joined(items[start:end]))
                if statement or end == start + 1:
                    break
            if items[start]:
                yield statement or " ".join(items[start])
            start = end

    def _known(self, item: Words) -> str | None:
        return self._statement_of.get(item) or self._statement_of.get(words(normalise(" ".join(item))))

    def _mentioned(self, sentence: Words) -> Iterator[str]:
        place = 0
        while place < len(sentence):
            for end in range(min(len(sentence), place + self._longest), place, -1):
                statement = self._statement_of.get(sentence[place:end])
                if statement:
                    if not _denied(sentence[:place]):
                        yield statement
                    place = end
                    break
            else:
                place += 1


def words(text: str) -> Words:
    """A text's words in lower case, its commas and its full stops.

    >>> words("ST-T changes, 0.1 mV.")
    ('st', 't', 'changes', ',', '0', '.', '1', 'mv', '.')
    """
    return tuple(_WORD.findall(text.lower()))


def sentences(text: Words) -> Iterator[Words]:
    """The sentences without their full stops; one between two numbers is a decimal point."""
    start = 0
    for place, word in enumerate(text):
        decimal = 0 < place < len(text) - 1 and text[place - 1].isdigit() and text[place + 1].isdigit()
        if word == "." and not decimal:
            if place > start:
                yield text[start:place]
            start = place + 1
    if start < len(text):
        yield text[start:]


def _joined(items: Iterable[Words]) -> Words:
    joined: list[str] = []
    for item in items:
        joined += [",", *item] if joined else item
    return tuple(joined)


def _denied(before: Words) -> bool:
    """Whether a negation in the same clause denies what comes next."""
    clause = before[len(before) - before[::-1].index(",") :] if "," in before else before
    return not _NEGATIONS.isdisjoint(clause[-NEGATION_REACH:])
