"""What the report is made of: the figures, tables and pictures that the other stages left in metrics/ and data/.

Whatever a run did not make is absent and said to be so; what is there but cannot be read ends the stage with its name.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from esi.errors import EsiError

PROTOCOLS = {
    "zero_shot": "Zero-shot",
    "linear_probe": "Linear probe",
    "fine_tune": "Fine-tune",
    "identification": "Identification",
    "retrieval": "Retrieval",
    "captions": "Captions",
    "distribution": "Distribution",
}
CLASSIFICATION = ("zero_shot", "linear_probe", "fine_tune")
CONTROLS = {
    "random": "random encoder",
    "hand": "hand-made features",
    "rocket": "MiniRocket",
    "supervised": "supervised",
    "template": "median-beat template",
}
KEYS = {  # columns that tell the lines of a table apart
    **dict.fromkeys(CLASSIFICATION, ("model", "variant", "share")),
    "identification": ("protocol", "method", "model"),
    "retrieval": ("direction", "model"),
    "captions": ("model",),
    "distribution": ("model", "space"),
}
Line = dict[str, str]  # of a CSV table


class Figure(BaseModel):
    """metrics/<protocol>/<task or set>.json: the figure that leads, its 95 % interval, and that of the controls."""

    model_config = ConfigDict(frozen=True)

    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    random: float | None = None
    hand: float | None = None
    rocket: float | None = None
    supervised: float | None = None
    template: float | None = None
    n_test: int | None = None


@dataclass(frozen=True)
class Inputs:
    """Where everything lies.

    Attributes:
        metrics: the folder `metrics`. data: the folder `data` of this run. paper: the folder with the paper's tables.
        names: tasks and data sets in the order in which they are shown.
    """

    metrics: Path
    data: Path
    paper: Path
    names: tuple[str, ...]

    def figures(self, protocol: str) -> dict[str, Figure]:
        """The figures of a protocol by task or data set; empty where it was not run."""
        found = {}
        for path in sorted((self.metrics / protocol).glob("*.json"), key=self._place):
            content = read_json(path)
            try:
                found[path.stem] = Figure.model_validate(content)
            except ValidationError as error:
                problem = error.errors()[0]
                key = ".".join(map(str, problem["loc"]))
                raise EsiError(f"{path}: {key}: {problem['msg']}: run `dvc repro` for this file again") from None
        return found

    def _place(self, path: Path) -> tuple[int, str]:
        return self.names.index(path.stem) if path.stem in self.names else len(self.names), path.stem

    def details(self, protocol: str, name: str) -> list[Line]:
        """A table of metrics/details; empty where there is none.

        Raises:
            EsiError: it lacks a column that tells its lines apart.
        """
        path = self.metrics / "details" / protocol / f"{name}.csv"
        lines = read_lines(path)
        absent = [column for column in KEYS[protocol] if lines and column not in lines[0]]
        if absent:
            raise EsiError(f"{path} has no column {', '.join(absent)}: run `dvc repro` to write it again")
        return lines

    def classes(self, protocol: str, task: str) -> list[Line]:
        """The table of a task's classes; empty where there is none."""
        return read_lines(self.metrics / "details" / protocol / f"{task}-classes.csv")

    def picture(self, protocol: str, name: str) -> bytes | None:
        """A PNG of metrics/details."""
        path = self.metrics / "details" / protocol / f"{name}.png"
        return path.read_bytes() if path.exists() else None

    def numbers(self, stage: str) -> dict[str, Any]:
        """The numbers of metrics/<stage>.json; empty where the stage was not run."""
        path = self.metrics / f"{stage}.json"
        return read_json(path) if path.exists() else {}

    def table(self, name: str) -> list[Line]:
        """A table of the paper.

        Raises:
            EsiError: it is missing.
        """
        lines = read_lines(self.paper / f"{name}.csv")
        if not lines:
            raise EsiError(f"{self.paper / name}.csv is missing or empty: take it from git, it holds the paper's figures")
        return lines


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        EsiError: the file is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EsiError(f"{path} cannot be read as JSON ({error}): run `dvc repro` to write it again") from None
    if not isinstance(content, dict):
        raise EsiError(
            f"{path} holds {type(content).__name__} where an object is expected: run `dvc repro` to write it again"
        )
    return content


def read_lines(path: Path) -> list[Line]:
    """The lines of a CSV table; empty where there is no such file.

    Raises:
        EsiError: a line has more or fewer fields than the header.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines: list[dict[Any, Any]] = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EsiError(f"{path} cannot be read as CSV ({error}): run `dvc repro` to write it again") from None
    for number, line in enumerate(lines, 2):
        if None in line or None in line.values():
            raise EsiError(f"{path}, line {number}: not as many fields as the header: run `dvc repro` to write it again")
    return lines


def where(lines: list[Line], **values: str) -> Line:
    """The first line with these values; an empty one where there is none."""
    return next((line for line in lines if all(line.get(key) == value for key, value in values.items())), {})


def number(line: Line, key: str) -> float | None:
    """A field as a number; None where it is empty or the table has no such column.

    Raises:
        EsiError: it is something else.
    """
    text = line.get(key, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise EsiError(
            f"column {key} of a table in metrics/details says {text!r}, which is no number: run `dvc repro`"
        ) from None
