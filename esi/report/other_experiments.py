"""Kept experiments that no table and no figure of the paper shows, so that none is dropped in silence."""

from __future__ import annotations

from esi.report.inputs import Line, number
from esi.report.ours import TITLES, Ours, diagnosis_line, identification_line, scores_line
from esi.report.runs import Run, listed
from esi.report.table import DIGITS, Cell, Group, Row, Table, plain
from esi.report.variation import differences, on_other_data

SPANS = [("", 2), ("Linear probe, AUROC", 2), ("Zero-shot, AUROC", 2), ("Identification, AUC", 1), ("BERTScore", 1)]


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
    rows = [
        Row(run.name, [Cell(_reason(ours, run), "words"), *_figures(run)]) for run in ours.runs[1:] if run.name not in shown
    ]
    if rows:
        table.groups.append(Group("", rows))
    return table


def _reason(ours: Ours, run: Run) -> str:
    present, *kept = ours.runs
    data = on_other_data(present.settings, run.settings)
    if data:
        return f"other data ({listed(data, run.settings)}): never beside this run"
    apart = differences(present.settings, run.settings, trivial=True)
    if not apart:
        return "nothing: it has this run's settings and seed"
    twins = [other.name for other in kept if other != run and not differences(other.settings, run.settings)]
    return listed(apart, run.settings) + (f"; the same as {', '.join(twins)}" if twins else "")


def _figures(run: Run) -> list[Cell]:
    source = run.source

    def shown(line: Line, key: str, digits: int = DIGITS) -> Cell:
        return Cell(plain(number(line, key), digits))

    probes = [diagnosis_line(source, protocol, name) for protocol in ("linear_probe", "zero_shot") for name in TITLES]
    return [
        *(shown(line, "auroc") for line in probes),
        shown(identification_line(source, "ptbxl", "linear"), "auc"),
        shown(scores_line(source), "f1", 4),
    ]
