"""What each classification task asks: its classes, the codes that make a record positive, and the words for each class.

A task is a row of `tasks` in params.yaml over a table of data/reference. PTB-XL's six follow the published benchmark
(Strodthoff et al. 2020): a statement counts whatever its likelihood.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esi.errors import EsiError
from esi.settings.data import Ingest
from esi.settings.evaluation import TaskRow

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TaskClass:
    name: str
    codes: frozenset[str]  # any of them makes a record positive
    statements: tuple[str, ...]  # its wordings: the zero-shot prompts


@dataclass(frozen=True)
class Task:
    name: str  # such as "ptbxl-super"
    dataset: str
    metric: str  # the one that leads: auroc, auprc or f1
    classes: tuple[TaskClass, ...]  # by name

    @property
    def class_names(self) -> list[str]:
        return [item.name for item in self.classes]

    def labels(self, codes: list[list[str]]) -> np.ndarray:
        """Multi-label targets [N, K] of records by their codes."""
        return np.array(
            [[not item.codes.isdisjoint(record) for item in self.classes] for record in codes], dtype=bool
        ).reshape(len(codes), len(self.classes))


def read_task(name: str, row: TaskRow) -> Task:
    """The task of one row of `tasks`.

    Raises:
        EsiError: its table is absent or unreadable, lacks a column that the row names, or gives fewer than two classes.
    """
    path = PROJECT / row.table
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise EsiError(f"tasks.{name}.table: cannot read {row.table} ({error}): name a CSV table") from None
    wanted = [row.code, row.group, "description", *([row.where] if row.where else [])]
    absent = [column for column in wanted if not lines or column not in lines[0]]
    if absent:
        present = ", ".join(lines[0]) if lines else "no row"
        raise EsiError(f"tasks.{name}: {row.table} has no column {', '.join(absent)}: it has {present}")
    members: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        if line[row.group] and (row.where is None or line[row.where] == "1"):
            members.setdefault(line[row.group], []).append(line)
    if len(members) < 2:
        raise EsiError(f"tasks.{name}: {row.table} gives {len(members)} classes by {row.group}: at least two are needed")
    classes = tuple(
        TaskClass(
            label,
            frozenset(item[row.code] for item in items),
            tuple(dict.fromkeys(item["description"] for item in items)),
        )
        for label, items in sorted(members.items())
    )
    return Task(name, row.dataset, row.metric, classes)


def not_run(row: TaskRow, ingest: dict[str, Ingest]) -> str | None:
    """Why a task cannot be evaluated, in a sentence; None where it can.

    A test on records that the model may have been pretrained on proves nothing: a set without test folds has no test.
    """
    empty = ingest[row.dataset].folds.empty()
    return f"ingest.{row.dataset}.folds names no fold for {' and '.join(empty)}" if empty else None


def tasks_to_run(rows: dict[str, TaskRow], ingest: dict[str, Ingest]) -> list[Task]:
    """Every task whose data set has folds for it, in the order of params.yaml."""
    return [read_task(name, row) for name, row in rows.items() if not_run(row, ingest) is None]
