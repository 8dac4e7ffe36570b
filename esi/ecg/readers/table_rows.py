"""From the rows of a table to entries: one broken row is one entry with its fault, and stops nothing."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from esi.ecg.entries import RowError
from esi.ecg.readers.csv_files import Table
from esi.errors import shown

Row = dict[str, Any]


def read_rows(path: Path, table: Table, id_column: str, read: Callable[[str, dict[str, str | None]], Row]) -> list[Row]:
    """The rows of a table as entries (`entries.entry_table`), in order; rows of empty cells are passed over.

    A row that is broken, that `read` refuses, or that says something else of a record than another row does, is an entry
    with the fault; of rows that repeat each other in full the first is taken.

    Args:
        path: of the table, for the messages.
        table: its rows.
        id_column: that of the record, by which a broken row is called.
        read: makes an entry out of the cells of a row, told its place; raises RowError.
    """
    rows: list[tuple[int, Row]] = []
    for number, (cells, fault) in enumerate(zip(table.cells.iter_rows(named=True), table.faults, strict=True), start=1):
        place = f"{path}: row {number} below the header"
        if fault is None and not any(cells.values()):
            continue  # spreadsheets write such rows
        try:
            if fault is not None:
                raise RowError(f"{place} {fault}: correct it or remove the row")
            rows.append((number, read(place, cells)))
        except RowError as error:
            rows.append((number, {"record_id": shown(cells[id_column] or f"row {number}"), "fault": str(error)}))
    return _one_row_each(path, rows)


def refuse(path: Path, numbered: Sequence[tuple[int, Row]], what: str, remedy: str) -> None:
    """Give several rows the fault that together they make no sense."""
    numbers = [number for number, _ in numbered]
    listed = f"{numbers[:20]}{' and more' if len(numbers) > 20 else ''}"
    for _, row in numbered:
        row["fault"] = f"{path}: rows {listed} below the header {what}: {remedy}"


def _one_row_each(path: Path, rows: list[tuple[int, Row]]) -> list[Row]:
    of_record = defaultdict(list)
    for number, row in rows:
        if row.get("fault") is None:
            of_record[row["record_id"]].append((number, row))
    repeated = set()
    for record, same in of_record.items():
        if any(row != same[0][1] for _, row in same):
            refuse(path, same, f"list one record, {shown(record)}, and differ", "keep the one that is right")
        else:
            repeated |= {number for number, _ in same[1:]}
    if repeated:
        print(f"{path}: {len(repeated)} rows repeat another one in full and are passed over", file=sys.stderr)
    return [row | {"row": number} for number, row in rows if number not in repeated]
