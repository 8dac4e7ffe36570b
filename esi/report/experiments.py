"""The paper's Tables 5 to 8: each row is an experiment, and this run and kept ones fill the rows that their settings are."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from esi.report.asked import Asked
from esi.report.ours import At, Ours
from esi.report.table import Group, Row, Table
from esi.report.variation import Variation

KEEP = "Run an experiment, keep it with `python -m esi.report.keep NAME`, and it stands in the row that its settings are."


def tables(ours: Ours) -> list[Table]:
    """Tables 5a, 5b, 6, 7 and 8."""
    text = files("esi.report").joinpath("templates", "experiments.toml").read_text(encoding="utf-8")
    return [_table(ours, Variation(place, of.get("plain")), of) for place, of in tomllib.loads(text).items()]


def _table(ours: Ours, varied: Variation, of: dict[str, Any]) -> Table:
    """One row a line of the paper's table: our figures of the runs that are that row, or the command that makes one."""
    head = [of["head"], *["Paper", "Ours"] * len(of["columns"])]
    spans = [("", 1), *((span, 2) for span in of["spans"])]
    table = Table(of["caption"], head, [], spans, notes=[*of.get("notes", []), KEEP])
    columns = {key: Asked(**asked) for key, asked in of["columns"].items()}
    here = ours.here(varied)
    rows = []
    for line in ours.inputs.table(varied.place):
        row = line[of["key"]]
        title, command = of["rows"][row]
        rows.append(Row(title, ours.cells(table, line, columns, At(varied, row, command)), row == here.row))
    if here.row not in of["rows"]:
        value = ours.runs[0].settings[of["own"]] if "own" in of else ""
        name = ": " + (", ".join(value) if isinstance(value, list) else str(value)) if "own" in of else ""
        rows.append(Row(f"This run{name}", ours.cells(table, {}, columns, here), True))
    table.groups.append(Group("", rows))
    return table
