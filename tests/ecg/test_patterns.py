"""Regular expressions that meet what is in files: none may take more than linear time."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as constants
from re import _parser as parser

import pytest

import esi.ecg
from esi.ecg.readers import free_text
from esi.ecg.readers.free_text import split_statements
from esi.ecg.statements import wording
from esi.ecg.statements.wording import normalise

REPEATS = (constants.MAX_REPEAT, constants.MIN_REPEAT)


def patterns() -> Iterator[tuple[str, str]]:
    """Where each compiled pattern of the package stands, and what it is."""
    for found in pkgutil.walk_packages(esi.ecg.__path__, "esi.ecg."):
        for name, value in vars(importlib.import_module(found.name)).items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                for pattern in one if isinstance(one, tuple) else [one]:
                    if isinstance(pattern, re.Pattern):
                        yield f"{found.name}.{name}", pattern.pattern


def repeats_within_repeats(pattern: str) -> int:
    """How deep repetitions without end stand in one another: from two on, a text that fits but for its end can be divided in
    exponentially many ways.
    """

    def depth(part: object) -> int:
        if isinstance(part, parser.SubPattern):
            return max((depth(item) for item in part.data), default=0)
        if isinstance(part, tuple) and len(part) == 2 and part[0] in REPEATS:
            _, most, body = part[1]
            return depth(body) + (most == constants.MAXREPEAT)
        return max((depth(item) for item in part), default=0) if isinstance(part, (tuple, list)) else 0

    return depth(parser.parse(pattern))


def test_the_measure_knows_the_two_kinds() -> None:
    assert [repeats_within_repeats(one) for one in (r"(?:[a-z]+'?)+$", r"(a|(b*c)*)x", r"(a{1,3}b)+", r"a+b*", r"abc")] == [
        2, 2, 1, 1, 0,
    ]  # fmt: skip


def test_no_pattern_repeats_a_repetition() -> None:
    found = dict(patterns())
    assert len(found) > 20
    nested = {where: pattern for where, pattern in patterns() if repeats_within_repeats(pattern) > 1}
    assert not {where for where in nested if not where.startswith("esi.ecg.statements")}
    assert set(nested) <= {"esi.ecg.statements.wording._RULES"}, "of texts of bounded length alone"


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("sinus rhythm" + " " * 50_000 + "x. left axis deviation", 1),
        ("sinus rhythm;" + " " * 50_000 + "left axis deviation", 2),
        ("x" * 50_000 + "1. Left axis", 1),
        ("." * 50_000, 1),
        ("q1. " * 15_000, 1),
        ("1. sinus rhythm" + " " * 50_000 + "2. LBBB", 2),
        ("; " * 25_000, 0),
    ],
)
def test_a_cell_of_anything_is_divided(text: str, statements: int) -> None:
    """A word of 40 letters before a number and a full stop took longer than anybody waits."""
    assert len(split_statements(text)) == statements


def test_what_tells_of_an_end_is_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(free_text, "_ends", lambda before: looked_at.append(before) or False)
    split_statements("q1. " * 1000)
    assert len(looked_at) == 999
    assert max(map(len, looked_at)) <= 60


@pytest.mark.parametrize("unit", ["lead ", "-", " ", ", ", "a-", "limb and "])
def test_a_text_without_end_is_no_statement_and_meets_no_rule(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = unit * (2000 // len(unit))
    monkeypatch.setattr(wording, "_pass", lambda text: pytest.fail("a rule met it"))
    assert normalise.__wrapped__(text.upper()) == " ".join(text.split())
