"""One wording for one statement: carts and code tables write the same finding in many ways."""

from __future__ import annotations

import re
from functools import lru_cache

from esi.ecg.statements.kinds import kind_of
from esi.ecg.statements.rules import ABBREVIATIONS, CAPITALS, QUALITY_RULES, RULES

_LONGEST = (
    1000  # characters: no statement is as long (MIMIC's longest: below 200), and some rules look back as far as it goes
)
_PASSES = 20  # all wordings of MIMIC settle within 3
_RULES = [(re.compile(pattern), replacement) for pattern, replacement in RULES]
_QUALITY_RULES = [(re.compile(pattern), replacement) for pattern, replacement in QUALITY_RULES]
_ABBREVIATION = re.compile(rf"(?<![\w'-])(?:{'|'.join(sorted(ABBREVIATIONS, key=len, reverse=True))})(?![\w'-])")
_CAPITALS = {word.lower(): word for word in CAPITALS.split()}
_WORD = re.compile(r"(?<![\w'])[a-z][a-z\d]*(?!\w)")
_TYPE = re.compile(r"(?<=\btype )[ab]\b")


@lru_cache(maxsize=65536)  # a release has thousands of wordings and millions of statements
def normalise(text: str) -> str:
    """The canonical wording of one statement, by the rules of `esi.ecg.statements.rules`; "" where nothing is said.

    Certainty, negation, degree, age and the leads of a finding stay. A statement on the quality of the recording loses its
    list of leads (746 of MIMIC's 3,862 wordings name some: "Lead(s) unsuitable for analysis: ..."): the raw wordings
    stay in the tables of records. A remark of the cart on its own work behind a finding ("- no further analysis") goes, too.
    The rules run until nothing changes, so that a canonical statement is its own canonical wording. A text of more than a
    thousand characters is no statement, and keeps its words in lower case.

    >>> normalise("*** INFERIOR INFARCT - POSSIBLY ACUTE ***")
    'inferior myocardial infarction, possibly acute'
    >>> normalise("Possible anterior infarct, old") == normalise("POSSIBLE OLD ANTERIOR INFARCTION.")
    True
    >>> normalise("RBBB and LAFB")
    'right bundle branch block with left anterior fascicular block'
    >>> normalise("Lead(s) unsuitable for analysis: I III aVL")
    'leads unsuitable for analysis'
    """
    if len(text) > _LONGEST:
        return " ".join(text.lower().split())
    for _ in range(_PASSES):
        before, text = text, _pass(text)
        if text == before:
            break
    return text


def _pass(text: str) -> str:
    text = text.lower()
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _ABBREVIATION.sub(lambda match: ABBREVIATIONS[match[0]], text)
    if kind_of(text) == "quality":
        for pattern, replacement in _QUALITY_RULES:
            text = pattern.sub(replacement, text)
    text = _TYPE.sub(lambda match: match[0].upper(), text)
    return _WORD.sub(lambda match: _CAPITALS.get(match[0], match[0]), text)
