"""Wordings of many records -> the distinct canonical statements, with what was folded into each and what it says."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from esi.ecg.statements.kinds import KINDS, kind_of
from esi.ecg.statements.wording import normalise
from esi.ecg.vocabulary import Claim, vocabulary
from esi.files import replacing


@dataclass(frozen=True)
class Statement:
    """One canonical statement."""

    statement: str
    kind: str  # finding, quality, administrative
    count: int
    sources: tuple[str, ...]  # data sets
    wordings: tuple[str, ...]  # as the releases write it
    claims: tuple[Claim, ...]  # of the vocabulary; none for what is no finding

    def concepts(self, certainty: str) -> list[str]:
        return [claim.concept for claim in self.claims if claim.certainty == certainty]

    @property
    def row(self) -> dict[str, str | int | list[str]]:
        """The row of data/statements.parquet."""
        return {
            "statement": self.statement,
            "kind": self.kind,
            "count": self.count,
            "sources": list(self.sources),
            "wordings": list(self.wordings),
            "concepts": self.concepts("definite"),
            "probable": self.concepts("probable"),
            "possible": self.concepts("possible"),
        }


def fold(counted: Iterable[tuple[str, str, int]]) -> list[Statement]:
    """The distinct statements, the commonest first, equal counts by name.

    Args:
        counted: (data set, statement as the release words it, how many records have it); a wording that says nothing
            ("**") is left out.
    """
    counts: Counter[str] = Counter()
    sources: dict[str, set[str]] = defaultdict(set)
    wordings: dict[str, set[str]] = defaultdict(set)
    for dataset, wording, count in counted:
        statement = normalise(wording)
        if statement:
            counts[statement] += count
            sources[statement].add(dataset)
            wordings[statement].add(wording)
    return [
        Statement(
            statement,
            kind := kind_of(statement),
            count,
            tuple(sorted(sources[statement])),
            tuple(sorted(wordings[statement])),
            vocabulary().claims("statement", statement) if kind == "finding" else (),
        )
        for statement, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def unmapped(statements: Iterable[Statement]) -> list[Statement]:
    """The findings that say no concept of the vocabulary, not even possibly."""
    return [each for each in statements if each.kind == "finding" and not each.claims]


def count_statements(statements: Sequence[Statement]) -> dict[str, int]:
    """What metrics/statements.json holds. `mapped` and `unmapped` count findings; `*_count` counts records' statements."""
    kinds = Counter(each.kind for each in statements)
    missed = unmapped(statements)
    findings = sum(each.count for each in statements if each.kind == "finding")
    content = {
        "wordings": len({wording for each in statements for wording in each.wordings}),
        "distinct": len(statements),
        **{kind: kinds[kind] for kind in KINDS},
        "mapped": kinds["finding"] - len(missed),
        "mapped_definite": sum(bool(each.concepts("definite")) for each in statements),
        "unmapped": len(missed),
        "mapped_count": findings - sum(each.count for each in missed),
        "unmapped_count": sum(each.count for each in missed),
    }
    for dataset in sorted({source for each in statements for source in each.sources}):
        own = [each for each in statements if dataset in each.sources and each.kind == "finding"]
        content[f"{dataset}_finding"] = len(own)
        content[f"{dataset}_unmapped"] = len(unmapped(own))
    return content


def write_folding(path: Path | str, statements: Iterable[Statement]) -> None:
    """CSV of all statements: wordings joined by " | ", concepts by spaces ("x?" probable, "x??" possible)."""
    _write(
        path,
        ["statement", "kind", "count", "wordings", "concepts"],
        ([each.statement, each.kind, each.count, " | ".join(each.wordings), _said(each)] for each in statements),
    )


def write_unmapped(path: Path | str, statements: Iterable[Statement]) -> None:
    """CSV of the findings that the vocabulary does not have, the commonest first."""
    _write(path, ["statement", "count"], ([each.statement, each.count] for each in unmapped(statements)))


def _said(statement: Statement) -> str:
    marks = {"definite": "", "probable": "?", "possible": "??"}
    return " ".join(claim.concept + marks[claim.certainty] for claim in statement.claims)


def _write(path: Path | str, head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)
