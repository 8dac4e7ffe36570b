"""A table of the report, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_lowercase

from esi.report.inputs import Line, number

ABSENT = "–"
DIGITS = 3


@dataclass(frozen=True)
class Cell:
    text: str = ABSENT
    kind: str = ""  # paper, ours, kept, good, bad, todo, words: how it looks
    small: str = ""  # beside the text: an interval, a deviation
    note: int = 0  # of the command below the table that fills it; 0: none
    mark: str = ""  # of the sentence below the table on runs that are not the present one
    experiments: tuple[str, ...] = ()  # the kept experiments that it shows


@dataclass(frozen=True)
class Row:
    head: str
    cells: list[Cell]
    ours: bool = False


@dataclass(frozen=True)
class Group:
    title: str
    rows: list[Row]


@dataclass
class Table:
    """Rows in groups below one or two lines of headers, and below it what is to be said."""

    caption: str
    columns: list[str]  # the first is that of the rows' heads
    groups: list[Group]
    spans: list[tuple[str, int]] = field(default_factory=list)  # the upper line of headers: text and number of columns
    commands: list[str] = field(default_factory=list)  # what runs the cells that were not run; their notes count from 1
    marks: list[str] = field(default_factory=list)  # which other runs cells are of; counted by letters
    notes: list[str] = field(default_factory=list)

    def cells(self) -> list[Cell]:
        """All cells."""
        return [cell for group in self.groups for row in group.rows for cell in row.cells]

    def mark(self, sentence: str) -> str:
        """The letter of a sentence on runs that are not the present one."""
        if sentence not in self.marks:
            self.marks.append(sentence)
        return letter(self.marks.index(sentence))

    def todo(self, command: str) -> Cell:
        """A cell of something that was not run, with the command that runs it."""
        if command not in self.commands:
            self.commands.append(command)
        return Cell("not run", "todo", note=self.commands.index(command) + 1)


def letter(place: int) -> str:
    """a, b, ... z, aa, bb, ..."""
    return ascii_lowercase[place % 26] * (1 + place // 26)


def plain(value: float | None, digits: int = DIGITS) -> str:
    """A number with so many decimals and thin spaces between thousands, or a dash."""
    return ABSENT if value is None else f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")


def interval(low: float | None, high: float | None, digits: int = DIGITS) -> str:
    """An interval in brackets, or nothing."""
    if low is None or high is None:
        return ""
    middle = " to " if low < 0 else "–"
    return f"({plain(low, digits)}{middle}{plain(high, digits)})"


def deviation(value: float | None, digits: int = DIGITS) -> str:
    """A standard deviation behind its mean, or nothing."""
    return "" if value is None else f"± {plain(value, digits)}"


def published(line: Line, key: str, digits: int = DIGITS) -> Cell:
    """A figure of the paper, with its standard deviation where it gives one."""
    return Cell(plain(number(line, key), digits), "paper", deviation(number(line, f"{key}_sd"), digits))


def measured(line: Line, key: str, digits: int = DIGITS, kind: str = "") -> Cell:
    """A figure of this run from a table of metrics/details: with its interval, or else its standard deviation over runs."""
    bounds = interval(number(line, f"{key}_low"), number(line, f"{key}_high"), digits)
    spread = deviation(number(line, f"{key}_sd"), digits)
    return Cell(plain(number(line, key), digits), kind, bounds or spread)
