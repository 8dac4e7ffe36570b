"""A release's CSV files as columns of text: an absent column is a sentence, a broken row a fault of its own."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from esi.ecg.entries import ReleaseError
from esi.ecg.readers.cells import plain
from esi.ecg.readers.table_text import read_text
from esi.errors import shown

SEPARATORS = ",;\t|"
ALONE = "has a single cell"
MISPLACED = "has a quotation mark that is opened or closed in the wrong place"
CHUNK = 65_536  # rows: as columns they take a fraction of what they take as Python objects


@dataclass(frozen=True)
class Table:
    """Some columns of a CSV file. Its rows are counted from 1 below the header, empty ones included."""

    cells: pl.DataFrame  # text without spaces around it; empty cells are null; of a broken row what can be read
    faults: pl.Series  # why a row is broken; null where it is not


def require_columns(path: Path, columns: Sequence[str], remedy: str, separator: str = ",") -> None:
    """Whether a table has the columns that its reader needs; reads its beginning alone.

    Raises:
        ReleaseError: it has not, or it is no such table.
    """
    column_names(path, columns, remedy, separator)


def column_names(path: Path, columns: Sequence[str], remedy: str, separator: str = ",") -> list[str]:
    """The names of all columns of a table that has these; reads its beginning alone.

    Raises:
        ReleaseError: it has them not, or it is no such table.
    """
    return _header(path, read_text(path, remedy, head=True).split("\n"), columns, remedy, separator)[0]


def read_columns(path: Path, columns: Sequence[str], remedy: str, separator: str = ",") -> Table:
    """The named columns of a CSV file (gzipped or not), in that order.

    Any line ends and the encodings of `table_text`, and whatever separator gives the columns. A row is broken where it has
    fewer or more cells than the header, where a quotation mark stands in a cell that is not
    quoted or is not closed, and where a byte is no text: such a row never takes the next ones with it.

    Args:
        path: an existing file.
        columns: their names in the first line.
        remedy: what to do about a table that is not as it must be.
        separator: between two cells, if it gives the columns.

    Raises:
        ReleaseError: a column is missing or stands there twice, or the file is no CSV file.
    """
    lines = read_text(path, remedy).split("\n")
    if lines[-1]:
        print(f"{path}: its last line has no end: if the table was cut, see that this row is whole", file=sys.stderr)
    else:
        lines.pop()
    names, separator, first = _header(path, lines, columns, remedy, separator)
    wanted = list(dict.fromkeys(columns))
    places = [names.index(name) for name in wanted]
    schema = {name: pl.String() for name in wanted}
    chunks: list[pl.DataFrame] = []
    faults: list[str | None] = []
    kept: list[list[str | None]] = []
    for cells, fault in _rows(lines[first:], separator, len(names)):
        kept.append([(cells[place].strip() or None) if place < len(cells) else None for place in places])
        faults.append(fault)
        if len(kept) == CHUNK:
            chunks.append(pl.DataFrame(kept, schema, orient="row"))
            kept = []
    chunks.append(pl.DataFrame(kept, schema, orient="row"))
    for number in [number for number, fault in enumerate(faults) if fault == ALONE]:
        for beside in (number - 1, number + 1):  # what it is a part of looks whole if its first or last cell was cut
            if 0 <= beside < len(faults) and faults[beside] is None:
                faults[beside] = f"may be the rest of row {number + 1}, which has a single cell"
    return Table(pl.concat(chunks), pl.Series("fault", faults, pl.String))


def _header(path: Path, lines: list[str], columns: Sequence[str], remedy: str, separator: str) -> tuple[list[str], str, int]:
    """The names of the columns, the separator, and the number of lines before the first row."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise ReleaseError(f"{path}: is not a CSV file (it is empty): {remedy}")
    if lines[first].lower().startswith("sep=") and len(lines[first]) <= 5 and first + 1 < len(lines):
        first += 1  # by which a spreadsheet is told the separator
    found: list[list[str]] = []
    for candidate in dict.fromkeys(separator + SEPARATORS):
        names = [plain(name) for name in _cells(lines[first], candidate)]
        if set(columns) <= set(names):
            twice = sorted({name for name in columns if names.count(name) > 1})
            if twice:
                raise ReleaseError(f"{path}: columns {twice} stand there twice: rename one of each")
            return names, candidate, first + 1
        found.append(names)
    present = max(found, key=len)
    absent = [name for name in columns if name not in present]
    raise ReleaseError(f"{path}: columns {absent} are missing among {shown(str(present), 500)}: {remedy}")


def _rows(lines: list[str], separator: str, width: int) -> Iterator[tuple[list[str], str | None]]:
    """The cells of each row, or what can be made out of them and why the row is broken."""
    mark = re.escape(separator)
    cell = rf' *"[^"]*(?:""[^"]*)*"|[^"{mark}]*'  # quotation marks around all of it, each inner one twice, or none at all
    well_formed = re.compile(rf"(?:{cell})(?:{mark}(?:{cell}))*")
    start = 0
    while start < len(lines):
        reader = csv.reader(_from(lines, start), delimiter=separator, strict=True, skipinitialspace=True)
        begin = start
        try:
            for cells in reader:
                row = lines[begin : start + reader.line_num]
                fault = _fault("\n".join(row), cells, width, well_formed)
                if fault and len(row) > 1:
                    break  # an open quotation mark has swallowed lines: they are read again, each on its own
                yield _readable(cells) if fault else cells, fault
                begin += len(row)
            else:
                return
        except csv.Error:  # a quotation mark is not closed, or something follows the closing one
            pass
        yield _readable(_cells(lines[begin], separator)), MISPLACED
        start = begin + 1


def _from(lines: list[str], start: int) -> Iterator[str]:
    return (f"{lines[number]}\n" for number in range(start, len(lines)))


def _fault(row: str, cells: list[str], width: int, well_formed: re.Pattern[str]) -> str | None:
    if not any(cell.strip() for cell in cells):
        return None
    if len(cells) != width:
        return ALONE if len(cells) == 1 else f"has {len(cells)} cells, not {width} as the header"
    if '"' in row and not well_formed.fullmatch(row):
        return MISPLACED
    if "\0" in row or (not row.isascii() and any("\udc80" <= char <= "\udcff" for char in row)):
        return "holds bytes that are no text"
    return None


def _readable(cells: list[str]) -> list[str]:
    return [cell.encode("utf-8", "replace").decode().replace("\0", "?") for cell in cells]


def _cells(line: str, separator: str) -> list[str]:
    """The cells of one line, as well as they can be told."""
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return [plain(cell) for cell in line.split(separator)]
