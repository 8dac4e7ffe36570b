"""The report's input: the figures, tables and pictures that the other stages wrote to metrics/ and data/.

What a run did not make is absent, and the page says so; a file that cannot be read ends the stage with its name.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
KEYS = {  # columns that tell the lines of a table apart
    **dict.fromkeys(CLASSIFICATION, ("model", "variant", "share")),
    "identification": ("protocol", "method", "model"),
    "retrieval": ("direction", "model"),
    "captions": ("model",),
    "distribution": ("model", "space"),
}
AGAIN = "run `dvc repro` (of an experiment: `dvc exp run`) to write it again"
Line = dict[str, str]  # of a CSV table
Kind = TypeVar("Kind", bound=BaseModel)


class Figure(BaseModel):
    """metrics/<protocol>/<task or set>.json: the figure that leads, its 95 % interval, and what is beside it.

    Any other key is the same figure of another model by its name, or <model>_<remark>: why it has none, or what else must be
    known of it.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, float | str]

    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n_test: int | None = None

    @property
    def controls(self) -> dict[str, float]:
        """The other models' figures."""
        return {name: value for name, value in self.__pydantic_extra__.items() if isinstance(value, float)}

    def remarks(self, kind: str) -> dict[str, str]:
        """The remarks of a kind, such as `not_available`, by the model's name."""
        said = {key: value for key, value in self.__pydantic_extra__.items() if key.endswith(f"_{kind}")}
        return {key.removesuffix(f"_{kind}"): str(value) for key, value in said.items()}


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

    def read_figures(self, protocol: str) -> dict[str, Figure]:
        """The figures of a protocol by task or data set; empty where it was not run."""
        paths = sorted((self.metrics / protocol).glob("*.json"), key=self._place)
        return {path.stem: read_as(Figure, path, AGAIN) for path in paths}

    def _place(self, path: Path) -> tuple[int, str]:
        return self.names.index(path.stem) if path.stem in self.names else len(self.names), path.stem

    def details(self, protocol: str, name: str) -> list[Line]:
        """A table of metrics/details; empty where there is none. Raises EsiError where it lacks a column of KEYS."""
        path = self.metrics / "details" / protocol / f"{name}.csv"
        return checked(read_lines(path), protocol, str(path))

    def classes(self, protocol: str, task: str) -> list[Line]:
        """The table of a task's classes; empty where there is none."""
        return read_lines(self.metrics / "details" / protocol / f"{task}-classes.csv")

    def picture(self, protocol: str, name: str) -> bytes | None:
        """A PNG of metrics/details."""
        path = self.metrics / "details" / protocol / f"{name}.png"
        return path.read_bytes() if path.exists() else None

    def numbers(self, stage: str) -> dict[str, Any]:
        """The numbers of metrics/<stage>.json; empty where the stage was not run."""
        text = read_text(self.metrics / f"{stage}.json")
        return {} if text is None else parse_json(text, str(self.metrics / f"{stage}.json"))

    def table(self, name: str) -> list[Line]:
        """A table of the paper. Raises EsiError where it is missing."""
        lines = read_lines(self.paper / f"{name}.csv")
        if not lines:
            raise EsiError(f"{self.paper / name}.csv is missing or empty: take it from git, it holds the paper's figures")
        return lines


def read_text(path: Path) -> str | None:
    """A text file; None where there is none. Raises EsiError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise EsiError(f"{path} cannot be read ({error}): {AGAIN}") from None


def read_lines(path: Path) -> list[Line]:
    """The lines of a CSV table; empty where there is no such file. Raises EsiError where a line has not all fields."""
    text = read_text(path)
    return [] if text is None else parse_lines(text, str(path))


def read_as(kind: type[Kind], path: Path, remedy: str) -> Kind:
    """A JSON file of a kind.

    Raises:
        EsiError: it is none; it names the key.
    """
    try:
        return kind.model_validate(parse_json(read_text(path) or "", str(path)))
    except ValidationError as error:
        problem = error.errors()[0]
        raise EsiError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}: {remedy}") from None


def parse_json(text: str, name: str) -> dict[str, Any]:
    """A JSON object. Raises EsiError where the file, called `name`, is none."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise EsiError(f"{name} cannot be read as JSON ({error}): {AGAIN}") from None
    if not isinstance(content, dict):
        raise EsiError(f"{name} holds {type(content).__name__} where an object is expected: {AGAIN}")
    return content


def parse_lines(text: str, name: str) -> list[Line]:
    """The lines of a CSV table. Raises EsiError where one has more or fewer fields than the header."""
    try:
        lines: list[dict[Any, Any]] = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise EsiError(f"{name} cannot be read as CSV ({error}): {AGAIN}") from None
    for number, line in enumerate(lines, 2):
        if None in line or None in line.values():
            raise EsiError(f"{name}, line {number}: not as many fields as the header: {AGAIN}")
    return lines


def checked(lines: list[Line], protocol: str, name: str) -> list[Line]:
    """The lines of a table of metrics/details. Raises EsiError where it lacks a column that tells them apart."""
    absent = [column for column in KEYS[protocol] if lines and column not in lines[0]]
    if absent:
        raise EsiError(f"{name} has no column {', '.join(absent)}: {AGAIN}")
    return lines


def where(lines: list[Line], **values: str) -> Line:
    """The first line with these values; an empty one where there is none."""
    return next((line for line in lines if all(line.get(key) == value for key, value in values.items())), {})


def number(line: Line, key: str) -> float | None:
    """A field as a number; None where it is empty or the table has no such column. Raises EsiError where it is no number."""
    text = line.get(key, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise EsiError(f"column {key} of a table in metrics/details says {text!r}, which is no number: {AGAIN}") from None
