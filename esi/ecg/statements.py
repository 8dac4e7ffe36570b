"""One wording for one statement: carts and code tables write the same finding in many ways.

Only what carries no meaning goes: case, punctuation at the ends, asterisks, the cart's flags. Negations and qualifiers
("possible", "cannot rule out", "age undetermined") stay. Statements about the recording rather than the heart are told apart
and never sent for a description.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_CAPITALS = """
AV QRS ST T P Q R U PR QT QTc ECG RSR IV SA MI LVH RVH LBBB RBBB WPW PVC PVCs PAC PACs
I II III aVR aVL aVF V1 V2 V3 V4 V5 V6 EDIS SV
Mobitz Wenckebach Wolff Parkinson White Brugada Sokolow Lyon Cornell
"""
_SPELLINGS = {word.lower(): word for word in _CAPITALS.split()}
_WORD = re.compile(r"(?<![\w'])[a-z]+\d?(?!\w)")
_CART_PREFIX = re.compile(r"^\(\d+@\d+\)\s*")
_QUALITY = re.compile(
    r"lead\(?s?\)? unsuitable|lead reversal|leads? reversed|artifact|artefact|baseline wander|poor (data )?quality"
    r"|technical|data quality|unsuitable for analysis|missing lead|lead\(?s\)? .*(off|missing)|measurement error"
    r"|electronic simulator|noise|interference|repeat with reversed leads|misplace|lead placement"
    r"|(not used for|omitted from) .*analysis",
    re.IGNORECASE,
)
_ADMINISTRATIVE = re.compile(
    r"unconfirmed|pediatric (criteria|ecg)|interpretation made without|report made without|unknown age|compared (to|with)"
    r"|since (the )?previous|previous (ecg|tracing)|no (further )?(rhythm )?analysis|no further|if rhythm correct"
    r"|all 12 leads|standard 12|analysis (not|error)|^report|reviewed by|confirmed by|clinical correlation|not entered",
    re.IGNORECASE,
)
KINDS = ("finding", "quality", "administrative")


def normalise(text: str) -> str:
    """One statement in its normal wording: lower case but for the terms that are written in capitals, single spaces, no
    flags.

    >>> normalise("*** INFERIOR INFARCT - POSSIBLY ACUTE ***")
    'inferior infarct - possibly acute'
    >>> normalise("- Mobitz type II 2nd degree A-V block.")
    'Mobitz type II 2nd degree AV block'
    >>> normalise("Artifact in lead(s) I,II,aVR and patient's PVC(s)")
    "artifact in lead(s) I,II,aVR and patient's PVC(s)"
    """
    text = _CART_PREFIX.sub("", text.strip())
    text = re.sub(r"\*+", " ", text)
    text = re.sub(r"\b[Aa]-[Vv]\b", "AV", text)
    text = re.sub(r"^summary:", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\s+", " ", text).strip(" .,;:-").lower()
    return _WORD.sub(lambda match: _SPELLINGS.get(match[0], match[0]), text)


def kind_of(statement: str) -> str:
    """Whether a normalised statement is a "finding", speaks of the recording's "quality", or is "administrative"."""
    if _QUALITY.search(statement):
        return "quality"
    if _ADMINISTRATIVE.search(statement):
        return "administrative"
    return "finding"


def distinct(statements: Iterable[tuple[str, str]]) -> list[dict[str, str | int | list[str]]]:
    """The distinct statements of many records.

    Args:
        statements: (data set, statement as the release words it) for each statement of each record.

    Returns:
        Rows with statement, kind, count and sources (the data sets), the commonest first, equal counts by name.
    """
    counts: Counter[str] = Counter()
    sources: dict[str, set[str]] = defaultdict(set)
    for dataset, text in statements:
        statement = normalise(text)
        if statement:
            counts[statement] += 1
            sources[statement].add(dataset)
    return [
        {"statement": statement, "kind": kind_of(statement), "count": count, "sources": sorted(sources[statement])}
        for statement, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
