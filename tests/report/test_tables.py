"""The paper's tables beside ours: figures as printed, each run in its own row, commands that the documentation has."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.params import Params
from esi.report import experiments
from esi.report.inputs import Figure, Inputs
from esi.report.origin import facts
from esi.report.ours import Ours
from esi.report.paper_tables import table2, table3, table4
from esi.report.summary import verdict
from esi.report.table import Row, Table, interval, plain
from esi.report.variation import Variation, settings_of
from tests.conftest import ROOT
from tests.report.samples import csv_file, model_line, write_run


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    write_run(root)
    return root / "metrics"


def changed(settings: Params, **values: object) -> Params:
    """Settings with some values replaced: section__key=value."""
    content = settings.model_dump()
    for name, value in values.items():
        section, key = name.split("__")
        content[section][key] = value
    return Params.model_validate(content)


def ours(settings: Params, metrics: Path) -> Ours:
    return Ours(settings, Inputs(metrics, metrics.parent / "data", ROOT / "data" / "paper", ()))


def row(table: Table, group: str, head: str) -> Row:
    [found] = [row for part in table.groups for row in part.rows if part.title == group and row.head == head]
    return found


def texts(row: Row) -> list[str]:
    return [cell.text for cell in row.cells]


def test_the_papers_figures_are_as_printed(settings: Params, metrics: Path) -> None:
    of = ours(settings, metrics)
    esi = row(table2(of), "Fine-tune", "ESI")
    assert (texts(esi)[0], esi.cells[0].small, texts(esi)[2], esi.cells[2].small) == ("0.938", "± 0.011", "0.982", "± 0.009")
    assert texts(row(table3(of), "No labels", "ESI"))[::2] == ["0.812", "0.654"]
    assert texts(row(table4(of), "Fine-tune", "ESI"))[::2] == ["0.970", "0.608", "0.985", "0.762"]
    five_a, five_b, six, seven, eight = experiments.tables(of)
    assert texts(row(five_a, "", "Contrastive loss"))[::2] == ["0.850", "0.877"]
    assert texts(row(five_b, "", "ConvNeXt-base"))[::2] == ["85.56", "0.932", "0.926"]
    assert texts(row(six, "", "MIMIC-IV-ECG only"))[::2] == ["0.912", "0.967", "0.792", "0.832", "0.917", "0.934"]
    assert texts(row(seven, "", "4"))[::2] == ["0.8159", "0.8447", "0.8299"]
    assert texts(row(eight, "", "No book"))[::2] == ["0.7617", "0.8154", "0.7928"]


def test_a_run_stands_in_the_row_of_its_encoder(settings: Params, metrics: Path) -> None:
    nano = table2(ours(settings, metrics))
    assert texts(row(nano, "Linear probe", "This run: nano")) == ["–", "0.910", "–", "0.910"]
    assert texts(row(nano, "Linear probe", "ESI")) == ["0.931", "not run", "0.978", "not run"]
    base = table2(ours(changed(settings, model__signal_encoder="base"), metrics))
    assert texts(row(base, "Linear probe", "ESI")) == ["0.931", "0.910", "0.978", "0.910"]
    assert row(base, "Linear probe", "ESI").ours
    assert not any(part.head.startswith("This run") for part in base.groups[1].rows)
    assert texts(row(nano, "Linear probe", "BYOL"))[1::2] == ["–", "–"]


def test_a_run_of_another_method_stands_in_the_row_of_that_method(settings: Params, metrics: Path) -> None:
    table = table2(ours(settings, metrics))
    simclr = row(table, "Linear probe", "SimCLR").cells[1]
    assert simclr.text == "not run"
    assert table.commands[simclr.note - 1] == "dvc exp run -n simclr -S pretrain.method=simclr"
    table = table2(ours(changed(settings, pretrain__method="simclr", model__signal_encoder="base"), metrics))
    assert texts(row(table, "Linear probe", "SimCLR"))[1::2] == ["0.910", "0.910"]
    assert texts(row(table, "Linear probe", "ESI"))[1::2] == ["not run", "not run"]


def test_a_method_of_pretraining_is_told_by_its_own_settings(settings: Params, metrics: Path) -> None:
    simclr = changed(settings, pretrain__method="simclr")
    told = dict(facts(simclr, ours(simclr, metrics).inputs))
    assert told["Pretraining method"] == "simclr"
    assert f"temperature {settings.simclr.temperature}" in told["Training"]
    assert "Losses" not in told


def test_a_cell_that_was_not_run_names_its_command(settings: Params, metrics: Path) -> None:
    table = table2(ours(settings, metrics))
    supervised = row(table, "Supervised", "This run: nano").cells[1]
    assert supervised.text == "not run"
    assert table.commands[supervised.note - 1] == "dvc exp run -S 'fine_tune.tasks=[ptbxl-super,icbeb-nine]'"
    rocket = row(table, "Supervised", "MiniRocket + logistic regression").cells[1]
    assert "rocket" in table.commands[rocket.note - 1]


def test_five_per_cent_of_the_labels_are_not_taken_from_all_of_them(settings: Params, metrics: Path) -> None:
    few = table3(ours(settings, metrics))
    assert texts(row(few, "5 % of the labels", "This run, linear probe: nano"))[1] == "0.800"  # 0.910 with all labels


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, "nothing"),
        ({"pairs__descriptions": False}, "CQA"),
        ({"train__lambda_cap": 0.0}, "captioning"),
        ({"train__lambda_con": 0.0}, "contrast"),
        ({"train__lambda_con": 0.0, "pairs__descriptions": False}, None),
    ],
)
def test_which_component_a_run_leaves_out(values: dict[str, object], found: str | None, settings: Params) -> None:
    assert Variation("table5a", "nothing").row(settings_of(changed(settings, **values))) == found


def test_which_sets_and_books_a_run_has(settings: Params) -> None:
    assert Variation("table6").row(settings_of(settings)) == "all"
    assert Variation("table6").row(settings_of(changed(settings, pairs__sets=["mimic"]))) == "MIMIC"
    assert Variation("table6").row(settings_of(changed(settings, pairs__sets=["ptbxl"]))) is None
    assert Variation("table8").row(settings_of(settings)) is None
    assert Variation("table8").row(settings_of(changed(settings, chunk__books="books/huff"))) == "Huff"
    assert Variation("table8").row(settings_of(changed(settings, describe__provider="openai", describe__top_k=0))) == "none"


def test_only_the_row_of_this_run_has_its_figures(settings: Params, metrics: Path) -> None:
    seven = experiments.tables(ours(changed(settings, describe__top_k=3), metrics))[3]
    assert [texts(part)[1] for part in seven.groups[0].rows] == ["not run", "not run", "0.7115", "not run", "not run"]


def test_the_commands_are_those_of_the_documentation(settings: Params, metrics: Path) -> None:
    pages = "".join((ROOT / "docs" / name).read_text() for name in ("pretraining.md", "ablations.md"))
    commands = {command for table in experiments.tables(ours(settings, metrics)) for command in table.commands}
    assert len(commands) > 8
    assert {command for command in commands if command not in pages} <= {"dvc repro", "dvc exp run"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (model_line("hand", 0.8, beaten="1"), "✓ above all controls"),
        (model_line("hand", 0.8, beaten="0"), "⚠ not above hand-made"),
        (model_line("hand", 0.85, beaten=""), "⚠ not above hand-made"),  # 0.85 + 0.03 reaches our 0.87
        (model_line("hand", 0.83, beaten=""), "✓ above all controls"),
    ],
)
def test_a_verdict_is_by_intervals(line: dict[str, object], said: str, tmp_path: Path) -> None:
    csv_file(tmp_path / "details" / "linear_probe" / "t.csv", [model_line("esi", 0.9), line])
    figure = Figure(metric="AUROC", value=0.9, low=0.87, high=0.93, hand=0.8)
    assert verdict(Inputs(tmp_path, tmp_path, tmp_path, ()), "linear_probe", "t", figure).text == said


def test_numbers_are_written_the_same_way_everywhere() -> None:
    assert plain(21799, 0) == "21\u202f799"
    assert plain(-0.0012, 4) == "\u22120.0012"
    assert plain(None) == "–"
    assert interval(0.88, 0.94) == "(0.880–0.940)"
    assert interval(-0.1, 0.1) == "(\u22120.100 to 0.100)"
    assert interval(None, 0.94) == ""
