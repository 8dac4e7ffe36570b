"""Our figures where the paper's tables ask for them, of this run or kept ones, and commands for those that are absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from esi.params import Params
from esi.report.asked import Asked
from esi.report.inputs import Inputs, Line
from esi.report.kept import read_experiments
from esi.report.runs import Run, cell, standing
from esi.report.table import Cell, Table, published
from esi.report.variation import ENCODERS, Variation, settings_of


@dataclass(frozen=True)
class At:
    """A row of a table: what the table varies, which of its rows this is, and the command that makes a run of that row."""

    varied: Variation
    row: str | None
    command: str = ""


@dataclass(frozen=True)
class Ours:
    """Our figures for cells of the paper's tables."""

    params: Params
    inputs: Inputs

    @property
    def encoder(self) -> str:
        """The size of this run's signal encoder."""
        return self.params.model.signal_encoder

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """This run, and behind it the kept experiments by name."""
        records = {
            f"ingest.{name}.records": self.inputs.numbers(f"ingest/{name}").get("records") for name in self.params.ingest
        }
        present = Run("", settings_of(self.params) | records, self.inputs)
        kept = read_experiments(self.inputs.data / "experiments")
        return present, *(Run(experiment.name, experiment.settings, experiment) for experiment in kept)

    def here(self, varied: Variation = ENCODERS) -> At:
        """The row of the present run."""
        return At(varied, varied.row(self.runs[0].settings))

    def cell(self, table: Table, asked: Asked, at: At | None = None) -> Cell:
        """A figure of the runs of a row (without: the present one's), or the command that makes one."""
        at = at or self.here()
        tried = self.inputs.details(asked.protocol, asked.dataset) if asked.protocol == "identification" else []
        if tried and not any(line["protocol"] == asked.trial for line in tried):
            return Cell()  # not every data set has two recordings of a subject
        results = standing(self.runs, at.varied, at.row, asked)
        if results:
            return cell(table, self.runs[0].settings, results, asked)
        return table.todo(asked.command if at.row == self.here(at.varied).row else at.command)

    def cells(
        self, table: Table, line: Line, columns: Mapping[str, Asked], at: At | None = None, **changes: Any
    ) -> list[Cell]:
        """The paper's figure and ours for each column of a row.

        Args:
            line: the paper's; {} where it has none. changes: of every column, such as the model.
        """
        columns = {key: replace(asked, **changes) for key, asked in columns.items()}
        return [
            cell
            for key, asked in columns.items()
            for cell in (published(line, key, asked.digits), self.cell(table, asked, at))
        ]
