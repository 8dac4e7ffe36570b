"""`python -m esi.report.keep` reads a revision through DVC, and keeps only what was run with that revision's settings."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from esi.errors import EsiError
from esi.report.keep import main
from esi.report.kept import read_experiment

PARAMS = """
train: {lr: 1e-3, lambda_cap: 1.0, seed: 0}
describe: {top_k: 2}
ingest: {ptbxl: {root: data/ptbxl, folds: {test: [10]}}}
"""
STAGES = """
stages:
  sets:
    cmd: PYTHON make.py sets
    params: [ingest]
    outs: [data/sets]
  pretrain:
    cmd: PYTHON make.py pretrain
    params: [train]
    deps: [data/sets/pretrain.txt]
    outs: [data/model.json, {metrics/pretrain.json: {cache: false}}, {metrics/ingest/ptbxl.json: {cache: false}}]
  results:
    cmd: PYTHON make.py results
    deps: [data/model.json]
    outs: [metrics/details/linear_probe]
    metrics: [{metrics/linear_probe: {cache: false}}]
  score_descriptions:
    cmd: PYTHON make.py score
    params: [describe]
    outs: [{metrics/score_descriptions.json: {cache: false}}]
"""
MAKE = """
import json, pathlib, re, sys
text = pathlib.Path("params.yaml").read_text()
cap, top_k = (float(re.search(name + r": ([0-9.]+)", text)[1]) for name in ("lambda_cap", "top_k"))
def write(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
if sys.argv[1] == "sets":
    write("data/sets/pretrain.txt", re.search("test: .*]", text)[0])
    write("data/sets/results.txt", "")
elif sys.argv[1] == "pretrain":
    write("data/model.json", {"cap": cap})
    write("metrics/pretrain.json", {"parameters_signal_encoder": 5, "n_train": 7, "loss": 1.5})
    write("metrics/ingest/ptbxl.json", {"records": 12})
elif sys.argv[1] == "results":
    auroc = 0.5 + json.loads(pathlib.Path("data/model.json").read_text())["cap"] / 4
    head = "model,variant,share,runs,auroc,auroc_low,auroc_high,f1,brier"
    lines = [head, f"esi,,1,1,{auroc},0.4,0.9,0.5,0.1", "esi,names,1,1,0.1,,,,", "random,,1,1,0.2,,,,"]
    for task in ("ptbxl-super", "ptbxl-all"):
        write(f"metrics/details/linear_probe/{task}.csv", "\\n".join(lines) + "\\n")
        write(f"metrics/linear_probe/{task}.json", {"metric": "AUROC", "value": auroc})
else:
    write("metrics/score_descriptions.json", {"bertscore_f1": top_k / 10, "words_mean": 60})
"""


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True, capture_output=True)


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with one commit and three experiments: without captions; with other passages, which were only scored; with
    other folds, of which nothing but the list of the sets was made.
    """
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "t")
            patch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
        git("init", "-b", "main")
        dvc("init", "-q")
        Path("params.yaml").write_text(PARAMS)
        Path("dvc.yaml").write_text(STAGES.replace("PYTHON", sys.executable))
        Path("make.py").write_text(MAKE)
        dvc("repro", "-q")
        git("add", "-A")
        git("commit", "-m", "all")
        dvc("exp", "run", "-q", "-n", "no-captions", "-S", "train.lambda_cap=0")
        git("reset", "--hard")
        dvc("exp", "run", "-q", "-n", "passages", "-S", "describe.top_k=4", "score_descriptions")
        git("reset", "--hard")
        dvc("exp", "run", "-q", "-n", "folds", "-S", "ingest.ptbxl.folds.test=[9]", "sets")
        git("reset", "--hard")
        dvc("checkout", "-q")
    return root


@pytest.fixture
def keep(project: Path, monkeypatch: pytest.MonkeyPatch):
    """The command in that project."""
    monkeypatch.chdir(project)

    def call(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["keep", *arguments])
        main()

    yield call
    for path in Path("data/experiments").glob("*.json"):
        path.unlink()


def test_an_experiment_is_kept_with_its_own_settings_and_figures(keep, capsys: pytest.CaptureFixture[str]) -> None:
    keep("no-captions", "main")
    kept = read_experiment(Path("data/experiments/no-captions.json"))
    assert kept.settings == {
        "describe.top_k": 2,
        "ingest.ptbxl.folds.test": [10],
        "ingest.ptbxl.records": 12,
        "ingest.ptbxl.root": "data/ptbxl",
        "train.lambda_cap": 0,
        "train.lr": 0.001,
        "train.seed": 0,
    }
    assert kept.figures == {
        "pretrain": {"parameters_signal_encoder": 5, "n_train": 7},
        "score_descriptions": {"bertscore_f1": 0.2},
    }
    [line] = kept.tables["linear_probe"]["ptbxl-super"]  # from DVC's cache; the workspace has 0.75
    assert (line["model"], line["auroc"], line["auroc_high"]) == ("esi", "0.5", "0.9")
    assert list(kept.tables["linear_probe"]) == ["ptbxl-super"]
    assert read_experiment(Path("data/experiments/main.json")).details("linear_probe", "ptbxl-super")[0]["auroc"] == "0.75"
    assert "no-captions: kept pretrain, score_descriptions, linear_probe" in capsys.readouterr().out


def test_figures_of_other_sets_than_the_revisions_are_old(keep, capsys: pytest.CaptureFixture[str]) -> None:
    keep("folds")
    said = capsys.readouterr().out
    assert "pretrain: stages sets and pretrain were run with different contents of data/sets/pretrain.txt" in said
    assert "linear_probe: stages sets and pretrain were run" in said
    kept = read_experiment(Path("data/experiments/folds.json"))
    assert set(kept.figures) == {"score_descriptions"}


def test_keeping_again_writes_the_same_bytes(keep) -> None:
    path = Path("data/experiments/no-captions.json")
    keep("no-captions")
    first = path.read_bytes()
    keep("no-captions")
    assert path.read_bytes() == first


def test_dropping_forgets(keep) -> None:
    keep("no-captions", "main")
    keep("--drop", "no-captions")
    assert [path.name for path in Path("data/experiments").glob("*.json")] == ["main.json"]
    with pytest.raises(EsiError, match="no-captions: not kept in data/experiments"):
        keep("--drop", "main", "no-captions")
    assert Path("data/experiments/main.json").exists()


def test_the_workspace_is_read_as_it_lies_there(keep, project: Path) -> None:
    table = Path("metrics/details/linear_probe/ptbxl-super.csv")
    before = table.read_text()
    table.unlink()  # it may be a link into DVC's cache
    table.write_text(before.replace("0.75", "0.66"))
    lock = Path("dvc.lock")
    recorded = lock.read_text()
    lock.write_text(re.sub(r"[0-9a-f]{32}\.dir", f"{'a' * 32}.dir", recorded))  # a folder that no cache has, as in a copy
    try:
        keep("workspace")
        kept = read_experiment(Path("data/experiments/workspace.json"))
        assert (kept.commit, kept.details("linear_probe", "ptbxl-super")[0]["auroc"]) == (None, "0.66")
    finally:
        lock.write_text(recorded)
        table.write_text(before)


@pytest.mark.parametrize(
    ("setting", "kept", "left_out"),
    [
        ("top_k: 2", {"pretrain"}, "score_descriptions: stage score_descriptions was run with other settings in describe"),
        ("seed: 0", {"score_descriptions"}, "linear_probe: stage pretrain was run with other settings in train"),
    ],
)
def test_figures_of_other_settings_are_left_out(
    setting: str, kept: set[str], left_out: str, keep, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("params.yaml")
    path.write_text(PARAMS.replace(setting, f"{setting.split()[0]} 5"))
    try:
        keep("workspace")
        assert set(read_experiment(Path("data/experiments/workspace.json")).figures) == kept
        assert f"left out {left_out}" in capsys.readouterr().out
    finally:
        path.write_text(PARAMS)


def test_figures_of_another_model_are_left_out(keep, capsys: pytest.CaptureFixture[str]) -> None:
    """`dvc exp run pretrain` trains anew and leaves the old linear probe where it is."""
    lock = Path("dvc.lock")
    before = lock.read_text()
    model = hashlib.md5(Path("data/model.json").read_bytes()).hexdigest()
    place = before.index("outs:", before.index("  pretrain:"))
    lock.write_text(before[:place] + before[place:].replace(model, "a" * 32, 1))
    try:
        keep("workspace")
        kept = read_experiment(Path("data/experiments/workspace.json"))
        assert (kept.tables, set(kept.figures)) == ({}, {"pretrain", "score_descriptions"})
        assert "different contents of data/model.json" in capsys.readouterr().out
    finally:
        lock.write_text(before)


def test_an_experiment_that_only_scored_is_kept_with_what_is_its_own(keep) -> None:
    keep("passages")
    kept = read_experiment(Path("data/experiments/passages.json"))
    assert kept.figures["score_descriptions"] == {"bertscore_f1": 0.4}
    assert kept.settings["describe.top_k"] == 4


def test_an_unknown_name_is_one_sentence(keep) -> None:
    with pytest.raises(EsiError, match=r"^nonsense is no experiment and no other revision .*dvc exp list"):
        keep("main", "nonsense")
    assert not Path("data/experiments/main.json").exists()  # all or none


def test_a_revision_without_figures_is_refused(keep, project: Path) -> None:
    path = Path("dvc.lock")
    before = path.read_text()
    path.write_text("schema: '2.0'\nstages: {}\n")
    try:
        with pytest.raises(EsiError, match=r"workspace has no figures to keep .*dvc exp run"):
            keep("workspace")
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("share,", "part,", "has no column share"),
        ("0.75", "high", "auroc says 'high', which is no number"),
        ("0.75", "nan", "auroc says 'nan', which is no number"),
        (",0.5,0.1", ",0.5", "line 2: not as many fields"),
    ],
)
def test_a_table_of_another_format_is_named(old: str, new: str, match: str, keep) -> None:
    table = Path("metrics/details/linear_probe/ptbxl-super.csv")
    before = table.read_text()
    table.unlink()
    table.write_text(before.replace(old, new, 1))
    try:
        with pytest.raises(EsiError, match=f"workspace: {table}.*{match}"):
            keep("workspace")
    finally:
        table.write_text(before)


def test_two_names_of_one_file_are_not_mixed_up(keep) -> None:
    path = Path("data/experiments/no-captions.json")
    keep("no-captions")
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": "no/captions"}))
    with pytest.raises(EsiError, match="keeps no/captions"):
        keep("no-captions")
