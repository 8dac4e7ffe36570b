"""Which runs fill a cell or make a point: the present one, and kept ones that differ from it in what the table varies."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from esi.report.asked import Asked, Source
from esi.report.inputs import Line, number
from esi.report.table import Cell, Table, deviation, measured, plain
from esi.report.variation import SEED, Settings, Variation, differences, setting

OF_THE_EXPERIMENT = {"pretraining", "descriptions"}  # a control's figure depends on neither: it does not show the experiment


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
    """A figure of one run: the line of its table."""

    run: Run
    line: Line


def repeats(runs: tuple[Run, ...], varied: Variation, asked: Asked) -> list[list[Result]]:
    """Runs that may stand beside the present one (the first), those that differ by the seed alone together.

    Args:
        varied: what they may differ in. asked: the figure.
    """
    present = runs[0].settings
    parts = asked.parts(present)
    groups: list[list[Result]] = []
    for run in runs:
        line = asked.line(run.source)
        if not line or differences(present, run.settings, parts - SEED) - varied.may_differ(present, run.settings):
            continue
        group = next((item for item in groups if not differences(item[0].run.settings, run.settings, parts - SEED)), None)
        if group is None:
            groups.append([Result(run, line)])
        elif all(differences(result.run.settings, run.settings, parts) for result in group):
            group.append(Result(run, line))  # a run of the same settings and seed would say the same again
    return groups


def standing(runs: tuple[Run, ...], varied: Variation, row: str | None, asked: Asked) -> list[Result]:
    """The runs of one row, which differ by the seed alone: the present one's, or else those of which there are most."""
    groups = [group for group in repeats(runs, varied, asked) if varied.row(group[0].run.settings) == row]
    return max(groups, key=lambda group: (not group[0].run.name, len(group)), default=[])


def kept_names(results: list[Result]) -> tuple[str, ...]:
    """The kept experiments among them."""
    return tuple(result.run.name for result in results if result.run.name)


def mean_and_spread(results: list[Result], key: str) -> tuple[float, float]:
    """Mean and standard deviation of a figure over several runs."""
    values = [value for result in results if (value := number(result.line, key)) is not None]
    return mean(values), stdev(values)


def cell(table: Table, present: Settings, results: list[Result], asked: Asked) -> Cell:
    """A figure of one run with its interval, or of several with standard deviation; marked where not the present run's."""
    names, parts = kept_names(results), asked.parts(present)
    mark = table.mark(sentence(present, results, parts)) if names else ""
    shown = names if OF_THE_EXPERIMENT & parts else ()
    kind = "kept" if len(names) == len(results) else "ours"
    if len(results) > 1:
        average, spread = mean_and_spread(results, asked.key)
        text, small = plain(average, asked.digits), deviation(spread, asked.digits)
        return Cell(text, kind, small, mark=mark, experiments=shown)
    return replace(measured(results[0].line, asked.key, asked.digits, kind), mark=mark, experiments=shown)


def sentence(present: Settings, results: list[Result], parts: frozenset[str]) -> str:
    """Which runs a figure is of, and in what they differ from the present one."""
    names = [f"`{name}`" for name in kept_names(results)]
    with_present = any(not result.run.name for result in results)
    who = ("This run and " if with_present else "") + ", ".join(names)
    settings = results[0].run.settings
    apart = differences(present, settings, parts - SEED)
    what = f", with {listed(apart, settings)}" if apart else ""
    seeds = ", ".join(str(result.run.settings.get("train.seed")) for result in results)
    if len(results) > 1:
        return f"{who}{what}: mean ± standard deviation over `train.seed` {seeds}."
    return f"{who}{what}{'' if differences(present, settings, parts) == apart else f', `train.seed={seeds}`'}."


def listed(keys: set[str], settings: Settings) -> str:
    """Settings with their values; of those that are private the names alone, for a page that may be passed on."""
    return ", ".join(
        f"`{key}`" if setting(key).effect.private else f"`{key}={_written(settings.get(key))}`" for key in sorted(keys)
    )


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
