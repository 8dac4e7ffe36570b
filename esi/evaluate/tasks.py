"""What each evaluation task asks: its classes, the codes that make a record positive, and the words for each class.

PTB-XL's six tasks follow the published benchmark (Strodthoff et al. 2020): a statement counts whatever its likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from esi.ecg.reference import ScpStatement, cpsc_classes, scp_statements
from esi.errors import EsiError


@dataclass(frozen=True)
class TaskClass:
    name: str
    codes: frozenset[str]  # any of them makes a record positive
    statements: tuple[str, ...]  # its wordings, as the release writes them: the zero-shot prompts


@dataclass(frozen=True)
class Task:
    dataset: str
    name: str
    classes: tuple[TaskClass, ...]

    @property
    def class_names(self) -> list[str]:
        return [item.name for item in self.classes]

    def labels(self, codes: list[list[str]]) -> np.ndarray:
        """Multi-label targets [N, K] of records by their codes."""
        return np.array([[not item.codes.isdisjoint(record) for item in self.classes] for record in codes], dtype=bool)


def _ptbxl(name: str, wanted: Callable[[ScpStatement], bool], group: Callable[[ScpStatement], str]) -> Task:
    members: dict[str, list[ScpStatement]] = {}
    for statement in scp_statements().values():
        if wanted(statement):
            members.setdefault(group(statement), []).append(statement)
    classes = tuple(
        TaskClass(label, frozenset(item.code for item in items), tuple(item.description for item in items))
        for label, items in sorted(members.items())
    )
    return Task("ptbxl", name, classes)


def _icbeb() -> Task:
    classes = tuple(TaskClass(item.code, frozenset([item.snomed]), (item.description,)) for item in cpsc_classes().values())
    return Task("icbeb", "nine", classes)


def tasks() -> dict[str, Task]:
    """Every task by its full name, such as "ptbxl-super"."""
    every = [
        _ptbxl("super", lambda row: bool(row.superclass), lambda row: row.superclass),
        _ptbxl("sub", lambda row: bool(row.subclass), lambda row: row.subclass),
        _ptbxl("diag", lambda row: row.diagnostic, lambda row: row.code),
        _ptbxl("form", lambda row: row.form, lambda row: row.code),
        _ptbxl("rhythm", lambda row: row.rhythm, lambda row: row.code),
        _ptbxl("all", lambda row: True, lambda row: row.code),
        _icbeb(),
    ]
    return {f"{task.dataset}-{task.name}": task for task in every}


def task_by_name(name: str) -> Task:
    """The task of a full name.

    Raises:
        EsiError: there is no such task; the message lists those that are.
    """
    known = tasks()
    if name not in known:
        raise EsiError(f"there is no task {name!r}: choose one of {sorted(known)}")
    return known[name]
