"""The conditions and words of the project's handbook, by which answers are checked.

It is read from the checkout, whichever books descriptions are written from. Of other Markdown books in that folder the
entries with a section "ECG criteria" count as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from esi.cqa.books.chunks import entry_names, entry_of
from esi.cqa.books.read import HEADING_BORDER, Section, read_book

HANDBOOK = Path(__file__).parents[3] / "data" / "textbooks"
CRITERIA = "ECG criteria"


@dataclass(frozen=True)
class Known:
    """One condition: the heading of its entry, all its names, and what the ECG shows."""

    name: str
    names: tuple[str, ...]
    criteria: str


@cache
def _sections() -> tuple[Section, ...]:
    return tuple(section for path in sorted(HANDBOOK.glob("*.md")) for section in read_book(path, HANDBOOK))


@cache
def entries() -> tuple[Known, ...]:
    """Every condition, in the order of the books."""
    names = entry_names(_sections())
    return tuple(
        Known(entry_of(section.heading), tuple(names[section.book, entry_of(section.heading)]), section.text)
        for section in _sections()
        if section.heading.rpartition(HEADING_BORDER)[2] == CRITERIA
    )


@cache
def words() -> frozenset[str]:
    """The words of the handbook, in lower case: English, and its subject's."""
    return frozenset(word for section in _sections() for word in re.findall(r"[a-z]{2,}", section.text.lower()))
