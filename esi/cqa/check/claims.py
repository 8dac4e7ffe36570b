"""Numerical claims of a text: "a QRS duration of 120 ms or more" is (QRS, 120, infinity).

Only plain wordings are read: between a quantity and its value there may be nothing but the words below. "The S wave of a QRS
complex is wider than 40 ms" or "the QRS duration, normally below 100 ms, rises" is no claim on a condition's QRS duration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from esi.cqa.sentences import split_sentences

_QUANTITIES = {
    "QRS duration": r"QRS",
    "PR interval": r"P[RQ]",
    "QT interval": r"QTc?",
    "rate": r"(?:(?:heart|ventricular|sinus) )?rates?",
}
_FILLER = (
    r"duration|complex(?:es)?|intervals?|width|measures?|measuring|lasts?|lasting|wide|wider|widened|narrow|narrower|broad|broadened|"
    r"prolonged|long|longer|shorter|short|shortened|slow|slower|fast|faster|higher|lower|usually|typically|often|generally|constant|"
    r"fixed|a|an|the|is|are|of|has|have|with|to|by|at|that|which|exceeds?|exceeding|over|under|above|below|beyond|less|more|greater|"
    r"than|least|most|between|from|about|around|approximately|up|or|equal|remains?|stays?|reach(?:es)?|[≥≤<>=]+"
)
_CLAIM = re.compile(
    rf"(?<![\w-])(?P<quantity>{'|'.join(_QUANTITIES.values())})(?P<gap>(?:[\s(]+(?:{_FILLER})\b|[\s(]*[≥≤<>=]+)*)[\s(]*"
    r"(?P<value>\d+(?:\.\d+)?)(?:\s*(?:ms|s)?\s*(?:to|and|-|–)\s*(?P<second>\d+(?:\.\d+)?))?\s*"
    r"(?P<unit>ms|msec|milliseconds|s|sec|seconds|bpm|(?:beats)?\s*(?:per|a|/)\s*min(?:ute)?)\b"
    r"(?P<after>\s+(?:or|and)\s+(?:more|longer|greater|wider|above|less|shorter|below))?"
)
_LOWER = re.compile(r"(≥|>=|at least)|(>|more|greater|longer|wider|faster|higher|above|over|exceed|beyond)")
_UPPER = re.compile(r"(≤|<=|at most|up to)|(<|less|shorter|narrower|slower|lower|below|under)")
_COMPARES = re.compile(r"\b(unlike|whereas|in contrast|compared|rather than|differs?|distinguish)\b", re.IGNORECASE)
_NOT_ITS_OWN = re.compile(r"\b(normal|normally|atrial)\s+(\w+\s+)?$", re.IGNORECASE)  # before a quantity
_HALF = 0.5  # ms or beats per minute: "below 120" and "120 or more" have nothing in common
_NEAR = 0.05  # of the value: "of 120 ms" is about 120


@dataclass(frozen=True)
class Claim:
    """A quantity lies from `low` to `high` (ms, or beats per minute); `text` is where the text says so."""

    quantity: str
    low: float
    high: float
    text: str = ""

    def agrees(self, other: Claim) -> bool:
        """Whether one value can satisfy both."""
        return self.low <= other.high and other.low <= self.high


def claims(text: str) -> list[Claim]:
    """The claims of a text; sentences that compare, and normal values, are left out.

    >>> [(claim.quantity, claim.low, claim.high) for claim in claims("The QRS duration is 110 to 119 ms.")]
    [('QRS duration', 110.0, 119.0)]
    """
    return [claim for sentence in split_sentences(text) if not _COMPARES.search(sentence) for claim in _read(sentence)]


def _read(sentence: str) -> Iterator[Claim]:
    for match in _CLAIM.finditer(sentence):
        quantity = next(name for name, pattern in _QUANTITIES.items() if re.fullmatch(pattern, match["quantity"]))
        per_minute = match["unit"].endswith(("min", "minute", "bpm"))
        if per_minute != (quantity == "rate") or _NOT_ITS_OWN.search(sentence[: match.start()]):
            continue
        scale = 1000.0 if match["unit"] in ("s", "sec", "seconds") else 1.0
        value = float(match["value"]) * scale
        if match["second"]:
            yield Claim(quantity, value, float(match["second"]) * scale, match[0])
            continue
        lower, upper = _LOWER.search(match["gap"]), _UPPER.search(match["gap"])
        after = match["after"] or ""
        if re.search("more|longer|greater|wider|above", after):
            yield Claim(quantity, value, inf, match[0])
        elif after:
            yield Claim(quantity, 0, value, match[0])
        elif upper:
            yield Claim(quantity, 0, value - (0 if upper[1] else _HALF), match[0])
        elif lower:
            yield Claim(quantity, value + (0 if lower[1] else _HALF), inf, match[0])
        else:
            yield Claim(quantity, value * (1 - _NEAR), value * (1 + _NEAR), match[0])
