"""Reads the project's handbook back: entries are whole, every code has its entry, a number is the same everywhere.

`python -m tools.handbook` prints what it finds and ends with status 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from esi.command import run
from esi.cqa.books.chunks import entry_names, entry_of
from esi.cqa.books.read import HEADING_BORDER, Section, read_books
from esi.cqa.sentences import content_words, split_sentences
from esi.errors import EsiError
from tools.quantities import QUANTITIES, Quantity

PARTS = ("Definition", "ECG criteria", "Look-alikes", "Sources")
MIN_SENTENCES = 3  # of the criteria: as many as the extractive writer takes
# Descriptions of the reference tables that say nothing of the ECG.
WITHOUT_ENTRY = {
    "coronary heart disease": "a clinical diagnosis: the ECG may be normal, its signs are those of ischemia and infarction",
    "heart failure": "a clinical diagnosis without an ECG pattern of its own",
    "heart valve disorder": "a clinical diagnosis: its signs are those of hypertrophy and atrial enlargement",
    "transient ischemic attack": "a disease of the brain",
}
_TABLES = {  # below the reference or vocabulary folder: the column that names a finding
    "reference/scp_statements.csv": "description",
    "reference/cpsc_classes.csv": "description",
    "reference/snomed_statements.csv": "description",
    "vocabulary/concepts.csv": "name",
}
_LEAD = re.compile(r"\b(I{1,3}|aV[RLF]|V[1-9])\b|\b(limb|precordial|same|all|contiguous|each|most) (of the )?leads?\b")
_YEAR = re.compile(r"\b(19|20)\d\d\b")
_SEEN = re.compile(rf"waves?\b|QRS|\b[rR]S\b|\bqR\b|\bRR\b|\bST\b|axis|interval|segment|beats?\b|pause|{_LEAD.pattern}")
_OUT_OF_PLACE = re.compile(r"\b(patients?|treat\w*|therapy|ablation|cardioversion|doses?|year-old)\b", re.IGNORECASE)
_MEASURE = re.compile(r"[-+]?\d+(?:\.\d+)?(?= (?:ms|s|mV|degrees|(?:beats )?per minute)\b)")


@dataclass(frozen=True)
class Entry:
    """One condition of the handbook."""

    name: str
    book: str
    names: tuple[str, ...]  # the heading, then what else it is called
    parts: Mapping[str, str]  # text by sub-heading


def read_entries(folder: Path | str) -> list[Entry]:
    """The entries below a folder in the order of the books.

    Raises:
        EsiError: as `esi.cqa.books.read.read_books`, or two entries have one heading.
    """
    sections = read_books(folder)
    names = entry_names(sections)
    parts: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for section in sections:
        parts[section.book, entry_of(section.heading)][_part(section)] = section.text
    known: dict[str, str] = {}
    for book, name in parts:
        if name in known:
            raise EsiError(f"{folder}: {name} is an entry of both {known[name]} and {book}: merge the two")
        known[name] = book
    return [Entry(name, book, tuple(names[book, name]), parts[book, name]) for book, name in parts]


def _part(section: Section) -> str:
    return section.heading.partition(HEADING_BORDER)[2]


def findings(data: Path | str) -> dict[str, str]:
    """Each finding of the project's tables in the table's words, with the first table that has it.

    Raises:
        EsiError: a table is absent or has no such column.
    """
    tables: dict[str, str] = {}
    for table, column in _TABLES.items():
        path = Path(data) / table
        if not path.exists():
            raise EsiError(f"{path} is absent: run the check at the root of the project, or name its data folder")
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if column not in row:
                    raise EsiError(f"{path} has no column {column}: restore the table")
                tables.setdefault(row[column], table)
    return tables


def entries_of(finding: str, entries: Sequence[Entry]) -> list[str]:
    """The entries that have the finding among their names: literally, or else with the same content words."""
    finding = re.sub(r"\((e?s)\)", r"\1", finding)  # complex(es)
    literal = [entry.name for entry in entries if _spelt(finding) in map(_spelt, entry.names)]
    return literal or [entry.name for entry in entries if any(_words(finding) == _words(name) for name in entry.names)]


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(content_words(name))


@cache
def _spelt(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9]+", name.lower()))


def part_faults(entry: Entry) -> Iterator[str]:
    """What is missing from an entry, or does not belong there."""
    for part in PARTS:
        if not entry.parts.get(part, "").strip():
            yield f"{entry.name}: has no section {part}"
    for part in set(entry.parts) - set(PARTS):
        yield f"{entry.name}: {part or 'text without a sub-heading'} is none of the parts {', '.join(PARTS)}"
    definition, criteria = entry.parts.get("Definition", ""), entry.parts.get("ECG criteria", "")
    if not definition.lower().startswith(entry.name.lower()):
        yield f"{entry.name}: the definition does not begin with the entry's name"
    elif definition[len(entry.name) :].startswith(" (") and (len(entry.names) == 1 or "(" in "".join(entry.names)):
        yield f"{entry.name}: its synonyms cannot be read: write them in one pair of brackets with commas between them"
    sentences = split_sentences(criteria)
    if len(sentences) < MIN_SENTENCES:
        yield f"{entry.name}: {len(sentences)} sentences of criteria, fewer than {MIN_SENTENCES}"
    for sentence in sentences:
        if not _SEEN.search(sentence) or not sentence.endswith("."):
            yield f"{entry.name}: no wave, interval or amplitude in the criterion {sentence!r}"
    if not _LEAD.search(criteria):
        yield f"{entry.name}: the criteria name no leads"
    if not _YEAR.search(entry.parts.get("Sources", "")):
        yield f"{entry.name}: no source has a year"
    for part in ("Definition", "ECG criteria", "Look-alikes"):
        if word := _OUT_OF_PLACE.search(entry.parts.get(part, "")):
            yield f"{entry.name}: {word[0]!r} in {part}; an entry tells what the ECG shows, not whose it is or what to do"


def name_faults(entries: Sequence[Entry], wanted: Mapping[str, str]) -> Iterator[str]:
    """Findings without an entry or with several, and names that two entries claim."""
    for finding, table in wanted.items():
        headings = entries_of(finding, entries)
        if finding in WITHOUT_ENTRY:
            if headings:
                yield f"{table}: {finding} has the entry {headings[0]}, and a reason why it has none"
        elif not headings:
            yield f"{table}: {finding} has no entry: write one, or give it as a synonym to the one that describes it"
        elif len(headings) > 1:
            yield f"{table}: {finding} has {len(headings)} entries: {', '.join(headings)}"
    claimed: dict[tuple[str, ...], str] = {}
    for entry in entries:
        for name in entry.names:
            other = claimed.setdefault(_spelt(name), entry.name)
            if other != entry.name:
                yield f"{entry.name}: {name} is also a name of {other}"


def quantity_faults(entries: Sequence[Entry], quantities: Sequence[Quantity] = QUANTITIES) -> Iterator[str]:
    """Numbers that differ from the table of quantities, and quantities that stand nowhere any more."""
    for quantity in quantities:
        stated = 0
        for entry, sentence in _sentences(entries):
            for match in quantity.find(sentence):
                stated += 1
                if match.groups() != quantity.values:
                    yield f"{entry.name}: {quantity.name} is {quantity.text}, not {' / '.join(match.groups())}: {sentence}"
        if not stated:
            yield f"{quantity.name}: {quantity.text} stands in no entry: correct the pattern or take the quantity out"


def _sentences(entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    for entry in entries:
        for part, text in entry.parts.items():
            if part != "Sources":
                for sentence in split_sentences(text):
                    yield entry, sentence


def faults(books: Path | str, data: Path | str) -> list[str]:
    """Everything that is wrong with the handbook, a sentence each."""
    entries = read_entries(books)
    of_parts = [fault for entry in entries for fault in part_faults(entry)]
    return [*of_parts, *name_faults(entries, findings(data)), *quantity_faults(entries)]


def count_entries(books: Path | str, data: Path | str) -> dict[str, int]:
    """How much the handbook has, and how many of its measures the table of quantities holds."""
    entries, wanted = read_entries(books), findings(data)
    measures = held = 0
    for _, sentence in _sentences(entries):
        spans = [match.span(group + 1) for q in QUANTITIES for match in q.find(sentence) for group in range(len(q.values))]
        for measure in _MEASURE.finditer(sentence):
            measures += 1
            held += any(start <= measure.start() < end or start < measure.end() <= end for start, end in spans)
    return {
        "entries": len(entries),
        "names": sum(len(entry.names) for entry in entries),
        "findings": len(wanted),
        "findings_with_an_entry": sum(bool(entries_of(finding, entries)) for finding in wanted),
        "quantities": len(QUANTITIES),
        "measures": measures,
        "measures_held": held,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.handbook", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--books", default="data/textbooks", help="folder of the handbook")
    parser.add_argument("--data", default="data", help="folder that holds reference/ and vocabulary/")
    chosen = parser.parse_args(arguments)
    try:
        print(json.dumps(count_entries(chosen.books, chosen.data), indent=2))
        wrong = faults(chosen.books, chosen.data)
    except EsiError as error:
        print(error, file=sys.stderr)
        return 1
    for fault in wrong:
        print(fault, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(run(main))
