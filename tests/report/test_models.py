"""Models that the report has never heard of have their rows, and what the stages say of models is on the page."""

from __future__ import annotations

import csv
import json
import re

import pytest

from esi.params import Params
from esi.report.page import render
from tests.conftest import ROOT
from tests.report.samples import csv_file, model_line, write_run

PAPER = ROOT / "data" / "paper"


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory, settings: Params) -> str:
    """The page of a run with the embeddings of a stranger's model, and without MiniRocket, which failed."""
    root = tmp_path_factory.mktemp("run")
    write_run(root)
    for task in ("ptbxl-super", "icbeb-nine"):
        path = root / "metrics" / "linear_probe" / f"{task}.json"
        remarks = {"rocket_not_available": "RuntimeError: <no> threads", "merl_unproven": "it does not say what it saw"}
        path.write_text(json.dumps({**json.loads(path.read_text()), "merl": 0.871, **remarks}))
        table = root / "metrics" / "details" / "linear_probe" / f"{task}.csv"
        with table.open(newline="") as file:
            lines = list(csv.DictReader(file))
        csv_file(table, [*lines, model_line("merl", 0.871, 1.0, beaten="1")])
        table = table.with_name(f"{task}-classes.csv")
        with table.open(newline="") as file:
            lines = list(csv.DictReader(file))
        csv_file(table, [{**line, "merl": 0.654} for line in lines])
    return render(settings, root / "metrics", root / "data", PAPER)


def test_a_baseline_has_a_column_rows_and_a_place_in_the_papers_table(html: str) -> None:
    assert '<th scope="col">merl</th>' in html  # of the summary
    assert '<th scope="row">Merl + logistic regression</th><td class="paper">–</td><td class="ours">0.871' in html
    assert '<th scope="row">merl</th><td>100 %</td>' in html
    assert '<th scope="col">AUROC, merl</th>' in html
    assert "0.654" in html


def test_a_baseline_is_no_control(html: str) -> None:
    assert "not above" in html  # of hand-made features
    assert not re.search(r"not above[^<]*merl", html)


def test_why_a_control_is_absent_is_on_the_page_once(html: str) -> None:
    said = "MiniRocket, not available: RuntimeError: &lt;no&gt; threads"
    assert html.count(f"{said} (linear probe of ptbxl-super, linear probe of icbeb-nine).") == 1


def test_what_is_not_proven_of_a_model_is_on_the_page(html: str) -> None:
    assert "Merl, not proven to be fair: it does not say what it saw (linear probe of ptbxl-super" in html
