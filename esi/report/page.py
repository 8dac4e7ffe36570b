"""The report as one HTML page that loads nothing: text from the templates, figures from the other stages' files."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from esi.params import Params
from esi.report import (
    cases,
    experiments,
    origin,
    other_experiments,
    paper_figures,
    paper_tables,
    run_figures,
    run_tables,
    summary,
)
from esi.report.inputs import Inputs
from esi.report.ours import Ours

DATA_FILES = ("templates/*",)  # for `esi.closure`


def render(params: Params, metrics: Path, data: Path, paper: Path) -> str:
    """The page: the same text for the same files and settings.

    Args:
        params: the settings of the run.
        metrics: the folder `metrics`. data: the folder `data`. paper: the folder with the paper's tables.

    Raises:
        EsiError: a file is there but cannot be read. What is absent is said to be "not run".
    """
    inputs = Inputs(metrics, data, paper, (*params.tasks, *params.ingest))
    ours = Ours(params, inputs)
    tables = [paper_tables.table2(ours), paper_tables.table3(ours), paper_tables.table4(ours), *experiments.tables(ours)]
    figures = paper_figures.draw_figures(ours)
    shown = {name for table in tables for cell in table.cells() for name in cell.experiments}
    shown |= {name for figure in figures for name in figure.experiments}
    environment = Environment(
        loader=PackageLoader("esi.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    return environment.get_template("report.html").render(
        encoder=params.model.signal_encoder,
        simulated=origin.simulated_sets(params),
        sets=list(params.ingest),
        facts=origin.facts(params, inputs),
        summary=summary.summary(inputs),
        overview=run_figures.overview(inputs),
        missing=summary.missing(params, inputs),
        paper_tables=tables,
        paper_figures=figures,
        other_experiments=other_experiments.other_experiments(ours, shown),
        kept=len(ours.runs) - 1,
        tasks=run_tables.task_sections(inputs),
        shares=run_figures.label_shares(inputs),
        others=run_tables.other_tables(inputs),
        training=run_figures.training(inputs),
        cases=cases.all_cases(params, inputs),
        bootstrap=params.evaluate.bootstrap,
        random_seeds=len(params.evaluate.random_seeds),
    )


def _code(text: str) -> Markup:
    """Text whose parts in backticks are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
