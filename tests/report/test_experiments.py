"""Kept experiments stand in the cells that their settings say, beside a run of the same data, and none is dropped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esi.errors import EsiError
from esi.files import write_json
from esi.params import Params
from esi.report import experiments
from esi.report.inputs import Inputs
from esi.report.kept import Experiment
from esi.report.other_experiments import other_experiments
from esi.report.ours import Ours
from esi.report.page import render
from esi.report.paper_figures import draw_figures
from esi.report.paper_tables import table2, table4
from esi.report.table import Cell, Row, Table, letter
from esi.report.variation import settings_of
from tests.conftest import ROOT
from tests.report.samples import model_line, write_run

PAPER = ROOT / "data" / "paper"
Keep = Callable[..., None]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    write_run(root)
    for dataset in ("ptbxl", "chapman", "mimic", "icbeb"):
        write_json(root / "metrics" / "ingest" / f"{dataset}.json", {"records": 100})
    return root


@pytest.fixture
def root(run_folder: Path) -> Iterator[Path]:
    yield run_folder
    shutil.rmtree(run_folder / "data" / "experiments", ignore_errors=True)


@pytest.fixture
def keep(root: Path, settings: Params) -> Keep:
    """Keeps an experiment with these settings in place of the present run's, and these figures."""

    def kept(
        name: str, auroc: float = 0.8, train: int = 1000, f1: float = 0.5, fine_tuned: bool = False, **changes: Any
    ) -> None:
        records = {f"ingest.{dataset}.records": 100 for dataset in settings.ingest}
        changed = {key.replace("__", "."): value for key, value in changes.items()}
        unknown = set(changed) - set(settings_of(settings)) - set(records)
        assert not unknown
        lines = [{key: str(value) for key, value in model_line(model, auroc).items()} for model in ("esi", "supervised")]
        linear = {"protocol": "strip", "method": "linear", "model": "esi", "auc": "0.777", "accuracy": "0.5"}
        methods = [linear, *([{**linear, "method": "fine_tune", "auc": "0.888"}] if fine_tuned else [])]
        distance = {"model": "esi", "space": "pooled", "mmd2": "0.123"}
        experiment = Experiment(
            format=1,
            name=name,
            commit=None,
            settings={**settings_of(settings), **records, **changed},
            figures={
                "pairs": {"train": train},
                "pretrain": {"parameters_signal_encoder": 26810000},
                "score_descriptions": {f"bertscore_{key}": f1 for key in ("precision", "recall", "f1")},
            },
            tables={
                "linear_probe": {"ptbxl-super": lines, "icbeb-nine": lines},
                "zero_shot": {"ptbxl-super": [{**lines[0], "share": "0"}]},
                "fine_tune": {"icbeb-nine": lines[not fine_tuned :]},
                "identification": {"ptbxl": methods},
                "distribution": {"ptbxl": [distance]},
            },
        )
        write_json(root / "data" / "experiments" / f"{name}.json", experiment.model_dump())

    return kept


@pytest.fixture
def ours(root: Path, settings: Params) -> Callable[[], Ours]:
    return lambda: Ours(settings, Inputs(root / "metrics", root / "data", PAPER, ()))


def row(table: Table, head: str, group: str = "") -> Row:
    [found] = [row for part in table.groups for row in part.rows if part.title == group and row.head == head]
    return found


def mine(row: Row) -> list[str]:
    return [cell.text for cell in row.cells[1::2]]


def others(ours: Ours) -> dict[str, list[Cell]]:
    tables = [table2(ours), table4(ours), *experiments.tables(ours)]
    shown = {name for table in tables for cell in table.cells() for name in cell.experiments}
    shown |= {name for drawing in draw_figures(ours) for name in drawing.experiments}
    return {row.head: row.cells for group in other_experiments(ours, shown).groups for row in group.rows}


@pytest.mark.parametrize(
    ("changes", "place", "head"),
    [
        ({"pairs__descriptions": False}, 0, "CQA (descriptions)"),
        ({"train__lambda_cap": 0}, 0, "Captioning loss"),
        ({"train__lambda_con": 0}, 0, "Contrastive loss"),
        ({"model__signal_encoder": "tiny"}, 1, "ConvNeXt-tiny"),
        ({"model__signal_encoder": "vit", "train__lr": 1e-4}, 1, "ViT-1D"),
        ({"pairs__sets": ["mimic"]}, 2, "MIMIC-IV-ECG only"),
        ({"describe__top_k": 4}, 3, "4"),
        ({"describe__top_k": 4, "train__lr": 0.5}, 3, "4"),  # no description depends on training
        ({"chunk__books": "books/huff"}, 4, "Huff (2006)"),
        ({"describe__provider": "openai", "describe__top_k": 0}, 4, "No book"),
    ],
)
def test_an_experiment_stands_in_the_row_of_its_settings(
    changes: dict[str, Any], place: int, head: str, keep: Keep, ours: Callable[[], Ours]
) -> None:
    keep("any-name", 0.8123, f1=0.4321, **changes)
    for number, table in enumerate(experiments.tables(ours())):
        filled = [row.head for row in table.groups[0].rows if any("any-name" in cell.experiments for cell in row.cells)]
        assert filled == ([head] if number == place else [])
    found = experiments.tables(ours())[place]
    expected = {0: ["0.812", "0.777"], 1: ["26.81", "0.812", "0.777"], 2: ["0.812", "0.812", "0.812"]}
    assert mine(row(found, head))[:3] == expected.get(place, ["0.4321"] * 3)
    assert all(sentence.startswith("`any-name`, with `") for sentence in found.marks)
    assert "any-name" not in others(ours())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs__descriptions": False, "train__lr": 0.1}, "`pairs.descriptions=false`, `train.lr=0.1`"),
        ({"train__lambda_cap": 0.5}, "`train.lambda_cap=0.5`"),  # less weight is not without
        ({"model__signal_encoder": "tiny", "train__lr": 1e-4}, "`model.signal_encoder=tiny`, `train.lr=0.0001`"),
        ({"pairs__sets": ["ptbxl"]}, "`pairs.sets=[ptbxl]`"),
        ({"pairs__limit": 500, "pairs__shuffled": 0.5}, "`pairs.limit=500`, `pairs.shuffled=0.5`"),
        ({"simulate__seed": 1, "train__lambda_cap": 0}, "other data (`simulate.seed=1`): never beside this run"),
        ({"ingest__ptbxl__root": "/home/eve"}, "other data (`ingest.ptbxl.root`): never beside this run"),
        ({"ingest__ptbxl__folds__test": [9]}, "other data (`ingest.ptbxl.folds.test`): never beside this run"),
        ({"ingest__mimic__records": 99}, "other data (`ingest.mimic.records`): never beside this run"),
        (
            {"quality__max_flat_leads": 3, "pairs__limit": 9},
            "other data (`quality.max_flat_leads=3`): never beside this run",
        ),
        ({}, "nothing: it has this run's settings and seed"),
    ],
)
def test_what_fills_no_cell_is_listed_with_what_differs(
    changes: dict[str, Any], said: str, keep: Keep, ours: Callable[[], Ours]
) -> None:
    keep("x", 0.8123, f1=0.4321, **changes)
    found = others(ours())
    assert found["x"][0].text == said
    assert [cell.text for cell in found["x"][1:]] == ["0.812", "0.812", "0.812", "–", "0.777", "0.4321"]


def test_seeds_of_this_runs_settings_become_mean_and_deviation(keep: Keep, ours: Callable[[], Ours]) -> None:
    keep("b", 0.93, train__seed=1)
    keep("a", 0.95, train__seed=2)
    keep("again", 0.5, train__seed=2)  # the same settings and seed: says nothing new
    probe = row(table2(ours()), "This run: nano", "Linear probe").cells[1]
    assert (probe.text, probe.small) == ("0.930", "± 0.020")  # 0.91, 0.93, 0.95
    assert (probe.kind, probe.experiments) == ("ours", ("a", "b"))
    assert "This run and `a`, `b`: mean ± standard deviation over `train.seed` 0, 2, 1." in table2(ours()).marks
    assert others(ours())["again"][0].text == "`train.seed=2`; the same as a"


def test_seeds_of_another_row_are_not_mixed_with_another_setting(keep: Keep, ours: Callable[[], Ours]) -> None:
    keep("tiny-0", 0.70, model__signal_encoder="tiny")
    keep("tiny-1", 0.74, model__signal_encoder="tiny", train__seed=1)
    keep("tiny-other", 0.10, model__signal_encoder="tiny", train__epochs=3)
    tiny = row(table2(ours()), "ESI-tiny", "Linear probe").cells[1]
    assert (tiny.text, tiny.small) == ("0.720", "± 0.028")
    assert (tiny.kind, tiny.experiments) == ("kept", ("tiny-0", "tiny-1"))
    size = row(experiments.tables(ours())[1], "ConvNeXt-tiny").cells[1]
    assert (size.text, size.small) == ("26.81", "")  # the same for every seed
    assert list(others(ours())) == ["tiny-other"]


def test_another_weight_of_a_loss_is_not_the_whole_model(keep: Keep, root: Path, settings: Params) -> None:
    content = settings.model_dump()
    content["train"]["lambda_cap"] = 0.0  # this run is the row without captioning
    present = Ours(Params.model_validate(content), Inputs(root / "metrics", root / "data", PAPER, ()))
    keep("half", 0.6, train__lambda_con=0.5)
    assert mine(row(experiments.tables(present)[0], "Nothing left out")) == ["not run"] * 2
    keep("whole", 0.7)
    table = experiments.tables(Ours(present.params, present.inputs))[0]
    assert mine(row(table, "Nothing left out")) == ["0.700", "0.777"]
    assert mine(row(table, "Captioning loss")) == ["0.910", "0.923"]


def test_more_runs_of_other_settings_do_not_take_the_place_of_this_run(keep: Keep, ours: Callable[[], Ours]) -> None:
    for seed in (0, 1):
        keep(f"four-{seed}", 0.7, pairs__sets=["ptbxl", "chapman", "mimic", "icbeb"], train__seed=seed)
    assert mine(row(experiments.tables(ours())[2], "All"))[:2] == ["0.910", "0.910"]
    assert list(others(ours())) == ["four-0", "four-1"]


def test_what_was_never_pretrained_does_not_repeat_with_the_seed(keep: Keep, ours: Callable[[], Ours]) -> None:
    for seed in (0, 1):
        keep(f"tiny-{seed}", 0.70 + seed / 10, model__signal_encoder="tiny", train__seed=seed)
    supervised = row(table2(ours()), "ConvNeXt-tiny", "Supervised")
    assert (supervised.cells[3].text, supervised.cells[3].small) == ("0.700", "(0.670–0.730)")
    assert supervised.cells[1].text == "not run"


def test_what_this_run_lacks_is_taken_from_the_same_model(keep: Keep, ours: Callable[[], Ours]) -> None:
    fine_tuned = ["ptbxl-super", "icbeb-nine"]
    keep("more", 0.81, fine_tuned=True, fine_tune__tasks=fine_tuned, identify__fine_tune_epochs=60)
    assert mine(row(table2(ours()), "This run: nano", "Fine-tune")) == ["0.910", "0.810"]
    assert mine(row(table4(ours()), "This run: nano", "Fine-tune"))[0] == "0.888"
    assert mine(row(table4(ours()), "This run: nano", "Linear probe"))[0] == "0.923"  # this run's own


def test_a_share_of_the_labels_does_not_stand_for_all(keep: Keep, root: Path, ours: Callable[[], Ours]) -> None:
    keep("few", 0.8, train__lambda_cap=0)
    path = root / "data" / "experiments" / "few.json"
    path.write_text(path.read_text().replace('"share": "1.0"', '"share": "0.5"'))
    assert mine(row(experiments.tables(ours())[0], "Captioning loss"))[0] == "not run"


def test_figures_have_a_point_an_experiment(keep: Keep, ours: Callable[[], Ours]) -> None:
    keep("p2", 0.75, train=2000, pairs__limit=2000)
    keep("p1", 0.65, train=1000, pairs__limit=1000)
    keep("s", 0.55, pairs__shuffled=0.5)
    keep("t", 0.35, pairs__shuffled=0.5, train__seed=1)
    five, six, seven = draw_figures(ours())[2:]
    points = "PTB-XL: 0.620 at 0, 0.650 at 1000, 0.750 at 2000, 0.910 at 2613"
    assert points in five.svg
    assert "PTB-XL: 0.030 at 0, 0.123 at 1000, 0.123 at 2000, -0.001 at 2613; ICBEB: 0.030 at 0, -0.001 at 2613" in six.svg
    assert "PTB-XL: 0.910 at 0, 0.450 at 50" in seven.svg
    assert (five.experiments, six.experiments, seven.experiments) == (("p1", "p2"), ("p1", "p2"), ("s", "t"))
    assert five.svg.count("fill: var(--page)") >= 1
    assert others(ours()) == {}


def test_the_page_marks_other_runs(keep: Keep, root: Path, settings: Params) -> None:
    plain = render(settings, root / "metrics", root / "data", PAPER)
    assert 'class="mark"' not in plain
    assert "Other kept experiments" not in plain
    keep("cqa", 0.8123, pairs__descriptions=False)
    keep("far", 0.7, signal__rate=500)
    html = render(settings, root / "metrics", root / "data", PAPER)
    assert '<td class="kept">0.812<sup class="mark">a</sup> <span class="small">(0.782–0.842)</span></td>' in html
    assert "<li><code>cqa</code>, with <code>pairs.descriptions=false</code>.</li>" in html
    assert "Other kept experiments" in html
    assert "<code>signal.rate=500</code>" in html
    assert render(settings, root / "metrics", root / "data", PAPER) == html


def test_a_file_of_another_format_is_named(keep: Keep, root: Path, ours: Callable[[], Ours]) -> None:
    keep("x", pairs__limit=5)
    path = root / "data" / "experiments" / "x.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(EsiError, match="x.json: format: .*keep the experiment again"):
        _ = ours().runs


def test_letters_go_on_after_z() -> None:
    assert [letter(place) for place in (0, 25, 26)] == ["a", "z", "aa"]
