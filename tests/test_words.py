"""One word for one thing."""

from __future__ import annotations

import re

from tests.conftest import ROOT

ROOMS = ("esi", "stages", "tools", "benchmarks")
LEGEND = re.compile(r"\b([A-Z][a-z]+): (?=[A-Z] [a-z][^.:]*, [A-Z](?: and [A-Z])? [a-z])")  # Word: N records, C leads


def test_letters_for_axes_are_explained_under_one_word() -> None:
    for room in ROOMS:
        for path in ROOT.joinpath(room).rglob("*.py"):
            words = set(LEGEND.findall(path.read_text(encoding="utf-8"))) - {"Legend"}
            assert not words, f"{path.relative_to(ROOT)}: {words} stands where other files say Legend"
