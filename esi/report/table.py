"""A table of the report, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass, field

from esi.report.inputs import Line, number

ABSENT = "–"
DIGITS = 3


@dataclass(frozen=True)
class Cell:
    text: str = ABSENT
    kind: str = ""  # paper, ours, good, bad, todo: how it looks
    small: str = ""  # beside the text: an interval, a deviation
    note: int = 0  # of the command below the table that fills it; 0: none


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
    notes: list[str] = field(default_factory=list)

    def todo(self, command: str) -> Cell:
        """A cell of something that was not run, with the command that runs it."""
        if command not in self.commands:
            self.commands.append(command)
        return Cell("not run", "todo", note=self.commands.index(command) + 1)


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
