"""The concepts of the shared vocabulary (data/vocabulary/concepts.csv): what findings are called, whatever the scheme."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from esi.errors import EsiError

FOLDER = Path(__file__).resolve().parents[2] / "data" / "vocabulary"
DATA_FILES = ("../../data/vocabulary/concepts.csv",)  # for `esi.closure`
_HEAD = ["concept", "name", "category", "broader"]


@dataclass(frozen=True)
class Concept:
    """One row of concepts.csv."""

    slug: str
    name: str
    category: str
    broader: str  # the concept that it is a kind of, or ""


def read_concepts(folder: Path = FOLDER) -> dict[str, Concept]:
    """The table `concepts.csv` of a folder, by slug.

    Raises:
        EsiError: it is not as it must be; the sentence names the file, the line and the remedy.
    """
    concepts: dict[str, Concept] = {}
    for place, row in table_rows(folder / "concepts.csv", _HEAD):
        slug, name, category, broader = row
        if not re.fullmatch(r"[a-z][a-z0-9_]*", slug) or not name or not category:
            raise EsiError(f"{place}: concept {slug!r} needs a slug of a-z, 0-9 and _, a name and a category")
        if slug in concepts:
            raise EsiError(f"{place}: concept {slug!r} stands there twice: remove one row")
        concepts[slug] = Concept(slug, name, category, broader)
    _check_broader(folder / "concepts.csv", concepts)
    return concepts


def table_rows(path: Path, head: list[str]) -> Iterable[tuple[str, list[str]]]:
    """The rows of a table, each with its place as errors name it."""
    if not path.is_file():
        raise EsiError(f"{path} is missing: get it from the project's repository")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if next(reader, None) != head:
            raise EsiError(f"{path}: its first line must be {','.join(head)}")
        for row in reader:
            place = f"{path} line {reader.line_num}"
            if len(row) != len(head):
                raise EsiError(f"{place} has {len(row)} cells, not {len(head)}: quote cells that hold a comma")
            if row != [cell.strip() for cell in row]:
                raise EsiError(f"{place}: a cell begins or ends with a space: remove it")
            yield place, row


def _check_broader(path: Path, concepts: Mapping[str, Concept]) -> None:
    for concept in concepts.values():
        chain = [concept.slug]
        while broader := concepts[chain[-1]].broader:
            if broader not in concepts:
                raise EsiError(f"{path}: {chain[-1]!r} names the broader concept {broader!r}, which the table does not have")
            if broader in chain:
                raise EsiError(f"{path}: {broader!r} is broader than itself, through {' and '.join(chain)}")
            chain.append(broader)
