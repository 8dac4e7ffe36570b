"""The experiments that docs/pretraining.md documents: their settings resolve as DVC reads them, and change what they should.

The runs are of three steps on made-up pairs, with the settings of the page but for those of size.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from esi import params
from esi.pairs.build import build_pairs
from esi.pretrain.plan import Plan
from esi.pretrain.run import Result, pretrain
from esi.settings.learning import Train
from tests.conftest import ROOT
from tests.model.mini import mini_bert, mini_settings
from tests.pretrain.tiny_run import SIGNAL, TRAIN, MadeUpPairs

PAGE = (ROOT / "docs/pretraining.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("dvc exp run")
]
FINDINGS = ["sinus rhythm", "atrial fibrillation", "left bundle branch block", "sinus bradycardia"]
REFERENCE = "reference"  # no change at all

Trained = Callable[[str], Result]


def option(command: list[str], name: str) -> list[str]:
    return [value for flag, value in pairwise(command) if flag == name]


BY_NAME = {option(command, "-n")[0]: command for command in COMMANDS}


@cache
def resolved(name: str) -> list[params.Params]:
    """The settings of each experiment that a command makes, by DVC's own reading of `-S`."""
    if name == REFERENCE:
        return [params.load(ROOT / "params.yaml")]
    (file, overrides) = to_path_overrides(option(BY_NAME[name], "-S")).popitem()
    assert file == "params.yaml"
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for sweep in get_hydra_sweeps({file: overrides}):
            path = Path(shutil.copy(ROOT / file, folder))
            apply_overrides(path, sweep[file])
            made.append(params.load(path))
    return made


@pytest.mark.parametrize("name", BY_NAME)
def test_a_documented_experiment_resolves_and_changes_something(name: str) -> None:
    experiments = [made.model_dump_json() for made in resolved(name)]
    assert len(set(experiments)) == len(experiments)
    assert ("--queue" in BY_NAME[name]) == (len(experiments) > 1), "DVC takes a series with --queue only"
    if len(experiments) == 1:
        assert experiments != [resolved(REFERENCE)[0].model_dump_json()]


def test_every_ablation_of_the_paper_is_documented_under_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(COMMANDS)

    def values(name: str, key: str) -> list[Any]:
        section, setting = key.split(".")
        return [getattr(getattr(made, section), setting) for made in resolved(name)]

    assert values("without-cqa", "pairs.descriptions") == [False]
    assert values("without-captioning", "train.lambda_con") + values("without-captioning", "train.lambda_cap") == [1, 0]
    assert values("without-contrast", "train.lambda_con") + values("without-contrast", "train.lambda_cap") == [0, 1]
    for name in ("vit", "xresnet101", "tiny", "base"):
        assert values(name, "model.signal_encoder") == [name]
    assert values("mimic-only", "pairs.sets") == [["mimic"]]
    assert values("pairs", "pairs.limit") == [250, 500, 1000, 2000]
    assert values("shuffled", "pairs.shuffled") == [0, 0.25, 0.5, 0.75, 1]
    paper = resolved("paper")[0].train
    assert (paper.lr, paper.epochs, paper.warmup_epochs, paper.batch_size) == (5e-5, 30, 5, 192)  # section 4.1


def test_every_setting_of_the_page_exists() -> None:
    settings = resolved(REFERENCE)[0].model_dump()
    named = re.findall(r"`((?:pairs|model|train)\.\w+)`", PAGE)
    assert named
    for key in named:
        section, setting = key.split(".")
        assert setting in settings[section], key


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run with the settings of the first experiment that a command makes; each is made once."""
    bert = mini_bert(tmp_path_factory.mktemp("bert"))
    default = resolved(REFERENCE)[0].model_dump()

    @cache
    def run(name: str) -> Result:
        folder = tmp_path_factory.mktemp(name)
        made = resolved(name)[0].model_dump()
        model, train = (
            {setting: value for setting, value in made[section].items() if value != default[section][setting]}
            for section in ("model", "train")
        )
        small = {"epochs": 1, "warmup_epochs": 0, "caption_tokens": 0, "log_every": 1}
        plan = Plan(
            MadeUpPairs(24),
            MadeUpPairs(8, seed=1),
            SIGNAL,
            mini_settings(bert, **model),
            Train.model_validate(TRAIN | small | train),
            24,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DVC_ROOT", str(folder))
            return pretrain(plan, folder / "logs")

    return run


def first(result: Result, column: str) -> float:
    """A figure of the first step, whose weights and pairs are the same in all runs."""
    return result.log.steps[0][column]


def test_without_captioning(trained: Trained) -> None:
    metrics = trained("without-captioning").metrics
    assert {"loss_con", "logit_scale", "validation_retrieval_top1"} <= metrics.keys()
    assert not [name for name in metrics if "cap" in name]
    assert "loss_cap" in trained(REFERENCE).metrics


def test_without_contrast(trained: Trained) -> None:
    metrics = trained("without-contrast").metrics
    assert {"loss_cap", "validation_loss_cap"} <= metrics.keys()
    assert not [name for name in metrics if "con" in name or "logit" in name or "retrieval" in name]


def test_another_signal_encoder(trained: Trained) -> None:
    assert round(trained("xresnet101").metrics["parameters_signal_encoder"] / 1e6, 2) == 1.80  # Table 5b


@pytest.mark.parametrize(
    "name",
    ["positives", "siglip", "siglip-overlapping", "lead-masking", "cosine", "averaged", "text-tower-slowly", "cold-start"],
)
def test_another_way_to_learn_gives_another_encoder(trained: Trained, name: str) -> None:
    ours, reference = (trained(each).model.encoder.state_dict() for each in (name, REFERENCE))
    assert ours.keys() == reference.keys()
    assert not all(torch.equal(part, reference[weight]) for weight, part in ours.items())


def test_the_first_step_differs_in_what_is_changed_and_in_nothing_else(trained: Trained) -> None:
    con, cap = (first(trained(REFERENCE), name) for name in ("loss_con", "loss_cap"))
    for name in ("positives", "siglip", "cold-start"):
        assert first(trained(name), "loss_con") != pytest.approx(con, rel=1e-3), name
        assert first(trained(name), "loss_cap") == pytest.approx(cap, rel=1e-5), name
    for name in ("cosine", "averaged", "accumulated"):
        assert first(trained(name), "loss_con") == pytest.approx(con, rel=1e-5), name
        assert first(trained(name), "loss_cap") == pytest.approx(cap, rel=1e-5), name
    assert first(trained("lead-masking"), "loss_con") != con
    assert first(trained("siglip"), "logit_bias") == pytest.approx(-10, abs=0.01)
    assert first(trained("siglip"), "logit_scale") == pytest.approx(10)
    assert first(trained("cold-start"), "logit_scale") == pytest.approx(2.718)
    assert "logit_bias" not in trained(REFERENCE).log.steps[0]


def test_rates_and_averages(trained: Trained) -> None:
    assert trained("cosine").log.steps[-1]["lr"] == 0
    assert trained(REFERENCE).log.steps[-1]["lr"] == TRAIN["lr"]
    averaged, reference = trained("averaged"), trained(REFERENCE)
    assert averaged.metrics["loss"] == reference.metrics["loss"], "training itself is not changed"
    assert averaged.metrics["validation_loss"] != reference.metrics["validation_loss"], "the average is what is validated"


def test_accumulated_parts_learn_what_the_whole_batch_does(trained: Trained) -> None:
    parts, whole = trained("accumulated").metrics, trained(REFERENCE).metrics
    for name in ("loss", "loss_con", "loss_cap", "validation_loss"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-3), name


@cache
def pairs_of(name: str, experiment: int = 0) -> pl.DataFrame:
    """The pairs of 80 records of two data sets, by a documented experiment's settings."""
    records = [
        {
            "dataset": ("ptbxl", "mimic")[number % 2],
            "record_id": str(number),
            "subject_id": f"s{number}",
            "age": 20.0 + number,
            "sex": "female",
            "split": "train",
            "statements": [FINDINGS[number % 4]],
            "signal_hash": str(number),
        }
        for number in range(80)
    ]
    described = dict.fromkeys(FINDINGS, "Seen in lead II.")
    settings = resolved(name)[experiment].pairs
    table, _ = build_pairs(pl.DataFrame(records), described, settings, lambda text: len(text.split()))
    return pl.DataFrame(table)


def test_without_descriptions() -> None:
    assert all("Seen in lead II." in text for text in pairs_of(REFERENCE)["text"])
    assert not any("Seen" in text for text in pairs_of("without-cqa")["text"])


def test_one_pretraining_set() -> None:
    assert set(pairs_of(REFERENCE)["dataset"]) == {"ptbxl", "mimic"}
    assert set(pairs_of("mimic-only")["dataset"]) == {"mimic"}


def test_shuffled_texts() -> None:
    true = pairs_of(REFERENCE).filter(pl.col("split") == "train")
    for experiment, share in enumerate((0, 0.25, 0.5, 0.75, 1)):
        made = pairs_of("shuffled", experiment).filter(pl.col("split") == "train")
        assert made["record_id"].to_list() == true["record_id"].to_list()
        assert sorted(made["text"]) == sorted(true["text"]), "no text is lost or doubled"
        assert (made["text"] != true["text"]).mean() == pytest.approx(share, abs=0.01), "each has an age of its own"
