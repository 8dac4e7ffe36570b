"""Which runs fill a cell or make a point: the present one, and kept ones that differ from it in what the table varies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any, Protocol

from esi.report.inputs import Line, number
from esi.report.table import Cell, Table, deviation, measured, plain
from esi.report.variation import SEED, Basis, Settings, Variation, differences

OF_THE_EXPERIMENT = {"train", "describe"}  # a figure that depends on neither, of a control, does not show the experiment


class Source(Protocol):
    """Where a run's figures are read."""

    def details(self, protocol: str, name: str) -> list[Line]: ...

    def numbers(self, stage: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        name: of a kept experiment; "" for the present run.
    """

    name: str
    settings: Settings
    source: Source


@dataclass(frozen=True)
class Result:
    """What one run says of a figure."""

    run: Run
    line: Line


def repeats(runs: tuple[Run, ...], varied: Variation, of: Basis, line_of: Callable[[Source], Line]) -> list[list[Result]]:
    """Runs that may stand beside the present one (the first), those that differ by `train.seed` alone together.

    Args:
        varied: what they may differ in. of: what the figure depends on.
        line_of: where it stands in a run; {} where there is none.
    """
    present = runs[0].settings
    found: list[list[Result]] = []
    for run in runs:
        line = line_of(run.source)
        if not line or differences(present, run.settings, of) - varied.may_differ(present, run.settings) - {SEED}:
            continue
        for group in found:
            apart = [differences(result.run.settings, run.settings, of) for result in group]
            if apart[0] <= {SEED}:
                if all(apart):  # a run of the same settings and seed says the same again
                    group.append(Result(run, line))
                break
        else:
            found.append([Result(run, line)])
    return found


def standing(
    runs: tuple[Run, ...], varied: Variation, row: str | None, of: Basis, line_of: Callable[[Source], Line]
) -> list[Result]:
    """The runs of one row, which differ by `train.seed` alone: the present one's, or else those of which there are most."""
    groups = [group for group in repeats(runs, varied, of, line_of) if varied.row(group[0].run.settings) == row]
    return max(groups, key=lambda group: (not group[0].run.name, len(group)), default=[])


def kept_names(results: list[Result]) -> tuple[str, ...]:
    """The kept experiments among them."""
    return tuple(result.run.name for result in results if result.run.name)


def mean_and_spread(results: list[Result], key: str) -> tuple[float, float]:
    """Mean and standard deviation of a figure over several runs."""
    values = [value for result in results if (value := number(result.line, key)) is not None]
    return mean(values), stdev(values)


def cell(table: Table, present: Settings, results: list[Result], key: str, of: Basis, digits: int) -> Cell:
    """A figure of one run with its interval, or of several with standard deviation; marked where not the present run's."""
    names = kept_names(results)
    mark = table.mark(said_of(present, results, of)) if names else ""
    shown = names if OF_THE_EXPERIMENT & set(of.keys) else ()
    kind = "kept" if len(names) == len(results) else "ours"
    if len(results) > 1:
        average, spread = mean_and_spread(results, key)
        return Cell(plain(average, digits), kind, deviation(spread, digits), mark=mark, experiments=shown)
    return replace(measured(results[0].line, key, digits, kind), mark=mark, experiments=shown)


def said_of(present: Settings, results: list[Result], of: Basis) -> str:
    """Which runs a figure is of, and in what they differ from the present one, as a sentence."""
    names = [f"`{name}`" for name in kept_names(results)]
    with_present = any(not result.run.name for result in results)
    who = ("This run and " if with_present else "") + ", ".join(names)
    apart = differences(present, results[0].run.settings, of) - {SEED}
    what = f", with {listed(apart, results[0].run.settings)}" if apart else ""
    seeds = ", ".join(str(result.run.settings.get(SEED)) for result in results)
    if len(results) > 1:
        return f"{who}{what}: mean ± standard deviation over `{SEED}` {seeds}."
    return f"{who}{what}{'' if differences(present, results[0].run.settings, of) == apart else f', `{SEED}={seeds}`'}."


def listed(keys: set[str], settings: Settings) -> str:
    """Settings with their values; of data and servers the names alone, for a page that may be passed on."""
    return ", ".join(f"`{key}`" if _private(key) else f"`{key}={_written(settings.get(key))}`" for key in sorted(keys))


def _private(key: str) -> bool:
    return key.startswith("ingest.") or key.endswith(("base_url", "server", "folder"))


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
