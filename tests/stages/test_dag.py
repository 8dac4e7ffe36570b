"""The whole pipeline on a tiny cohort, as a user drives it: repro, edits, experiments, mistakes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.stages import tiny

PREDICTED = {"zero_shot", "linear_probe", "fine_tune"}
EVALUATED = PREDICTED | {"results", "identify", "retrieval", "caption", "distribution", "report"}
TRAINED = EVALUATED | {"pretrain"}
RESAMPLED = {"results", "retrieval", "caption", "report"}


class Project:
    """A clone of the project of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        for name in tracked.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file() and not name.startswith("metrics/") and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.set(tiny.SETTINGS | {"tasks": {name: self.params()["tasks"][name] for name in tiny.TASKS}})
        self("git", "init", "-q")
        self("git", "add", "-A")
        self.commit()

    def params(self) -> dict[str, Any]:
        return dict(YAML().load((self.folder / "params.yaml").read_text()))

    def set(self, settings: dict[str, Any]) -> None:
        yaml = YAML()
        path = self.folder / "params.yaml"
        content = yaml.load(path.read_text())
        tiny.apply(content, settings)
        with path.open("w") as file:
            yaml.dump(content, file)

    def commit(self) -> None:
        self("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "state")

    def __call__(self, *command: str, fails: bool = False) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
        environment |= {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": ""}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, output[-4000:]
        return output

    def metrics(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / "metrics" / f"{name}.json").read_text()))


def ran(output: str) -> set[str]:
    return set(re.findall(r"Running stage '([^']+)'", output))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("project"))
    output = made("dvc", "repro")
    assert {"code", "simulate", "sets", "ingest@mimic", "describe", "pairs"} | TRAINED <= ran(output)
    made("git", "add", "-A")
    made.commit()
    yield made
    shutil.rmtree(made.folder)


def test_a_second_repro_runs_nothing(project: Project) -> None:
    assert ran(project("dvc", "repro")) == set()


def test_the_metric_files_have_their_plain_keys(project: Project) -> None:
    for stage in ("zero_shot", "linear_probe"):
        for task in ("ptbxl-super", "icbeb-nine"):
            figures = project.metrics(f"{stage}/{task}")
            assert figures["metric"] == "AUROC"
            for key in ("value", "low", "high", "random", "hand", "n_test"):
                assert isinstance(figures[key], float | int), key
            assert 0 <= figures["low"] <= figures["high"] <= 1
            if task == "ptbxl-super":
                assert 0 <= figures["supervised"] <= 1
    for name in ("fine_tune/ptbxl-super", "identification/ptbxl", "retrieval/icbeb", "captions/ptbxl", "distribution/ptbxl"):
        assert {"metric", "value", "n_test"} <= set(project.metrics(name)), name
    assert project.metrics("pairs")["leaked_subjects"] == 0
    assert project.metrics("pretrain")["loss_cap"] > 0


def test_the_metrics_are_one_table_that_fits_a_terminal(project: Project) -> None:
    lines = project("dvc", "metrics", "show").splitlines()
    assert max(map(len, lines)) <= 140, max(lines, key=len)
    assert any(line.startswith("metrics/zero_shot/ptbxl-super.json") for line in lines)


def test_a_task_of_a_set_without_test_folds_is_not_run_and_the_report_says_so(project: Project) -> None:
    assert not (project.folder / "metrics/zero_shot/chapman-rhythm.json").exists()
    page = (project.folder / "metrics/report.html").read_text()
    assert "ingest.chapman.folds names no fold for validation and test" in page


def test_editing_evaluation_runs_evaluation_only(project: Project) -> None:
    path = project.folder / "esi/evaluate/linear_probe.py"
    before = path.read_text()
    path.write_text(before + "\n# edited\n")
    assert ran(project("dvc", "repro", "code")) == {"code"}
    assert ran(project("dvc", "repro", "--dry")) == {"linear_probe"}
    path.write_text(before)
    assert ran(project("dvc", "repro")) == set(), "the old code comes from the run cache"


def test_another_model_is_evaluated_without_training_and_dvc_sees_what_its_folder_holds(
    project: Project, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(project.folder / "data/model", theirs)
    project.set({"evaluate.model": str(theirs)})
    assert ran(project("dvc", "repro", "--dry")) == EVALUATED - {"results"}, "results waits for new predictions"
    assert ran(project("dvc", "repro", "linear_probe")) == {"linear_probe"}
    assert ran(project("dvc", "repro", "linear_probe")) == set()
    (theirs / "README.md").write_text("another card")
    assert ran(project("dvc", "repro", "--dry", "linear_probe")) == {"linear_probe"}
    project("git", "checkout", "-q", "--", "params.yaml", "dvc.lock")
    assert ran(project("dvc", "repro")) == set()


def test_a_file_of_embeddings_runs_the_stages_that_read_it(project: Project) -> None:
    records = pl.read_parquet(project.folder / "data/ecg/ptbxl/part-*.parquet", columns=["record_id"])
    table = records.with_columns(embedding=pl.concat_list(pl.int_range(pl.len()) % 7, pl.lit(1)))
    path = project.folder / "data/embeddings/theirs.parquet"
    table.write_parquet(path)
    assert ran(project("dvc", "repro", "--dry")) == {"linear_probe", "identify", "distribution"}
    assert ran(project("dvc", "repro", "results")) == {"linear_probe", "results"}
    assert isinstance(project.metrics("zero_shot/ptbxl-super")["theirs"], float)
    assert project.metrics("linear_probe/icbeb-nine")["theirs_not_available"].endswith("holds no record of icbeb")
    path.unlink()
    project("git", "checkout", "-q", "--", "metrics", "dvc.lock")
    assert ran(project("dvc", "repro")) == set()


def test_a_further_set_trains_and_evaluates_nothing_and_needs_no_simulated_cohort(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder / "data/simulated/chapman", tmp_path / "mine")
    mine = dict(project.params()["ingest"]["chapman"]) | {"root": str(tmp_path / "mine"), "release": "mine"}
    project.set({"ingest.mine": mine})
    cohort = project.folder / "data/simulated/ptbxl"
    cohort.rename(tmp_path / "ptbxl")
    assert ran(project("dvc", "repro", "ingest@mine")) == {"locate@mine", "ingest@mine"}
    assert not cohort.exists()
    (tmp_path / "ptbxl").rename(cohort)
    assert ran(project("dvc", "repro", "sets")) == {"sets"}
    assert ran(project("dvc", "repro", "--dry")) == {"datasheet", "report"}
    project("git", "reset", "-q", "--hard")  # what DVC has staged too: its lock, and its lines in .gitignore
    for left in ("data/located/mine.json", "data/ecg/mine", "metrics/ingest/mine.json"):
        project("rm", "-r", left)
    assert ran(project("dvc", "repro")) == set()


def test_editing_an_entry_of_the_handbook_writes_only_its_descriptions_anew(project: Project) -> None:
    path = project.folder / "data/textbooks/av_block.md"
    before = path.read_text()
    assert before.count("In first-degree AV block every P wave") == 1
    path.write_text(before.replace("In first-degree AV block every P wave", "In first-degree AV block each single P wave"))
    output = project("dvc", "repro", "describe")
    assert ran(output) == {"chunk", "embed", "describe"}
    new, known = (int(number) for number in re.findall(r"(\d+) new, (\d+) from the cache", output)[0])
    assert 1 <= new <= 6 < known
    path.write_text(before)
    assert ran(project("dvc", "repro", "describe")) == set(), "the old handbook's stages come from the run cache"


def test_an_experiment_without_captioning(project: Project) -> None:
    output = project("dvc", "exp", "run", "-S", "train.lambda_cap=0")
    assert ran(output) == TRAINED
    assert "loss_cap" not in project.metrics("pretrain")
    assert "metrics/linear_probe/ptbxl-super.json" in project("dvc", "metrics", "diff")
    difference = project("dvc", "metrics", "diff", "--targets", "metrics/pretrain.json")
    assert "loss_cap" in difference
    project("git", "checkout", "-q", "--", "params.yaml", "metrics", "dvc.lock")
    assert ran(project("dvc", "repro")) == set(), "back at the old value, the stages come from the run cache"
    assert project.metrics("pretrain")["loss_cap"] > 0


def test_an_experiment_elsewhere_uses_its_own_code_and_parameters(project: Project) -> None:
    output = project("dvc", "exp", "run", "--temp", "-S", "evaluate.bootstrap=25")
    assert ran(output) == RESAMPLED
    assert project.metrics("pretrain")["loss_cap"] > 0


@pytest.mark.parametrize(
    ("settings", "stage", "sentence"),
    [
        ({"ingest.ptbxl.root": "nowhere"}, "ingest@ptbxl", "nowhere/ptbxl_database.csv is missing .*download PTB-XL 1.0.3"),
        ({"ingest.icbeb.root": "nowhere"}, "ingest@icbeb", "nowhere is missing .*download the set from PhysioNet"),
        ({"ingest.mimic.patients": "nobody.csv"}, "ingest@mimic", "nobody.csv is missing .*patients.csv.gz"),
        ({"train.lamda_cap": 0}, "pretrain", "unknown parameter train.lamda_cap"),
        ({"train.batch_size": "many"}, "pretrain", "train.batch_size: .*valid integer"),
        ({"pairs.sets": ["georgia"]}, "pairs", "pairs.sets names .*georgia"),
        ({"caption.sets": ["georgia"]}, "caption", "caption.sets names .*georgia"),
        ({"evaluate.controls": ["forest"]}, "linear_probe", "evaluate.controls.0: Input should be .hand. or .rocket."),
    ],
)
def test_a_mistake_is_one_sentence(project: Project, settings: dict[str, Any], stage: str, sentence: str) -> None:
    project.set(settings)
    try:
        output = project("dvc", "repro", stage, fails=True)
    finally:
        project("git", "checkout", "-q", "--", "params.yaml")
    assert re.search(sentence, output)
    assert "Traceback" not in output
