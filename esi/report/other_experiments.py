"""Kept experiments that no table and no figure of the paper shows, so that none is dropped in silence."""

from __future__ import annotations

from esi.report.asked import TITLES, Asked
from esi.report.inputs import number
from esi.report.ours import Ours
from esi.report.runs import Run, listed
from esi.report.table import Cell, Group, Row, Table, plain
from esi.report.variation import DATA, differences

SPANS = [("", 2), ("Linear probe, AUROC", 2), ("Zero-shot, AUROC", 2), ("Identification, AUC", 1), ("BERTScore", 1)]
FIGURES = (
    *(Asked(protocol, dataset) for protocol in ("linear_probe", "zero_shot") for dataset in TITLES),
    Asked("identification", key="auc", method="linear"),
    Asked("score_descriptions", key="f1", digits=4),
)


def other_experiments(ours: Ours, shown: set[str]) -> Table:
    """A row a kept experiment that is not shown elsewhere: why, and its main figures.

    Args:
        shown: the names of those that are.
    """
    table = Table(
        "Other kept experiments",
        ["Experiment", "Differs from this run in", *TITLES.values(), *TITLES.values(), TITLES["ptbxl"], "F1"],
        [],
        SPANS,
        notes=[
            "They differ from this run in what no table or figure above varies, in several such settings, or in the data."
        ],
    )
    rows = []
    for run in ours.runs[1:]:
        if run.name not in shown:
            lines = [(asked, asked.line(run.source)) for asked in FIGURES]
            figures = [Cell(plain(number(line, asked.key), asked.digits)) for asked, line in lines]
            rows.append(Row(run.name, [Cell(_reason(ours, run), "words"), *figures]))
    if rows:
        table.groups.append(Group("", rows))
    return table


def _reason(ours: Ours, run: Run) -> str:
    present, *kept = ours.runs
    data = differences(present.settings, run.settings, DATA)
    if data:
        return f"other data ({listed(data, run.settings)}): never beside this run"
    apart = differences(present.settings, run.settings, trivial=True)
    if not apart:
        return "nothing: it has this run's settings and seed"
    twins = [other.name for other in kept if other != run and not differences(other.settings, run.settings)]
    return listed(apart, run.settings) + (f"; the same as {', '.join(twins)}" if twins else "")
