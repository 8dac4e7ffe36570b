"""The text of a pair: demographics, findings, and what the findings look like.

Paper, section 3.1 and figure 2. The three parts stay apart, so that training can show any of them alone and a long text
loses description sentences before anything else, and findings never.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from esi.ecg.statements.descriptions import described
from esi.ecg.statements.kinds import kind_of
from esi.ecg.statements.wording import normalise

CountTokens = Callable[[str], int]
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")


@dataclass(frozen=True)
class PairText:
    text: str  # the whole
    demographics: str  # "A 63-year-old male."; "" where nothing is known
    findings: str  # "Findings: sinus rhythm, left ventricular hypertrophy."
    descriptions: str  # sentences of the descriptions, as many as fit
    statements: tuple[str, ...]  # the canonical findings that the text names
    descriptions_truncated: bool  # whether sentences on these findings were left out
    findings_truncated: bool  # whether whole findings, the last ones, were left out with all that describes them

    @property
    def truncated(self) -> bool:
        return self.descriptions_truncated or self.findings_truncated


def demographics(age: float | None, sex: str | None) -> str:
    """One sentence on the subject, or "" where the table knows neither age nor sex.

    >>> demographics(63.0, "male")
    'A 63-year-old male.'
    """
    if age is None:
        return f"A {sex}." if sex else ""
    article = "An" if re.match(r"8|11$|18$", str(round(age))) else "A"
    return f"{article} {round(age)}-year-old {sex or 'person'}."


def distinct_findings(statements: Sequence[str]) -> list[str]:
    """The canonical findings, each once, in the record's order, with the remarks that qualify them ("probable normal
    variant"); nothing where there are remarks alone.
    """
    kinds = {statement: kind_of(statement) for statement in map(normalise, statements) if statement}
    if "finding" not in kinds.values():
        return []
    return [statement for statement, kind in kinds.items() if kind in ("finding", "remark")]


def findings_sentence(names: Sequence[str]) -> str:
    """Normalised statements in one sentence.

    >>> findings_sentence(["sinus rhythm", "LVH"])
    'Findings: sinus rhythm, LVH.'
    """
    return f"Findings: {', '.join(names)}." if names else ""


def sentences(text: str) -> list[str]:
    """The sentences of a description."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]


def compose(
    age: float | None,
    sex: str | None,
    statements: Sequence[str],
    descriptions: Mapping[str, str],
    count_tokens: CountTokens,
    max_tokens: int,
) -> PairText:
    """The text of one record.

    Descriptions are taken sentence by sentence in turn (the first sentence of every finding, then the second, ...), so
    that a record with many findings says something of each, and are put back in the order of the findings.

    Args:
        age: years, or None. sex: "female", "male" or None; both None for texts without demographics.
        statements: the record's statements as the release words them.
        descriptions: description by normalised statement; empty for the ablation without CQA.
        count_tokens: how many tokens a text has, special tokens included.
        max_tokens: the most that the text tower takes.
    """
    person = demographics(age, sex)
    names = distinct_findings(statements)
    kept = len(names)
    while kept and count_tokens(_join(person, findings_sentence(names[:kept]))) > max_tokens:
        kept -= 1  # a record with dozens of statements: whole findings go, the last first
    found = findings_sentence(names[:kept])
    head = _join(person, found)
    bodies = [sentences(text) for text in described(names[:kept], descriptions).values()]
    room = max_tokens - count_tokens(head)
    chosen: set[tuple[int, int]] = set()
    left_out = False
    for depth in range(max((len(parts) for parts in bodies), default=0)):
        for finding, parts in enumerate(bodies):
            if depth >= len(parts):
                continue
            # Two special tokens are counted with the head already; WordPiece splits at spaces, so lengths add up.
            length = count_tokens(parts[depth]) - count_tokens("")
            if length <= room:
                chosen.add((finding, depth))
                room -= length
            else:
                left_out = True
    body = " ".join(bodies[finding][depth] for finding, depth in sorted(chosen))
    return PairText(_join(head, body), person, found, body, tuple(names[:kept]), left_out, kept < len(names))


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
