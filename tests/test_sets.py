"""A stage depends on the data sets and tasks that it reads: another set runs no training and no evaluation of the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

import stages.locate
import stages.sets
from esi import params
from esi.paths import LOCATED, METRICS, SETS
from esi.sets import sets_read, tasks_read
from tests.conftest import ROOT

GIVEN = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
OWN = {"format": "challenge", "root": "/data/mine", "watch": ".", "windows": "first"}
NO_FOLDS: dict[str, list[int]] = {"train": [1], "validation": [], "test": []}
ALL_FOLDS = {"train": [1], "validation": [2], "test": [3]}
TASK = {"dataset": "mine", "table": "t.csv", "code": "c", "group": "g", "where": None, "metric": "auroc"}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the stage writes for settings that differ from params.yaml in some, by stage."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("g,c\n")

    def write(
        content: dict[str, str] | None = None, ingest: Any = None, tasks: Any = None, **sections: Any
    ) -> dict[str, str]:
        settings = {name: {**section, **sections.get(name, {})} for name, section in GIVEN.items()}
        settings["ingest"] = {**GIVEN["ingest"], **(ingest or {})}
        settings["tasks"] = {**GIVEN["tasks"], **(tasks or {})}
        (tmp_path / "params.yaml").write_text(json.dumps(settings))
        for name in settings["ingest"]:
            path = METRICS / f"ingest/{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"content": (content or {}).get(name, f"content of {name}")}))
        stages.sets.main()
        return {path.stem: path.read_text() for path in SETS.iterdir()}

    return write


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {stage for stage in before if before[stage] != after[stage]}


def test_a_set_more_runs_nothing_that_does_not_read_it(written: Any) -> None:
    before = written()
    assert changed(before, written(ingest={"mine": OWN | {"folds": NO_FOLDS}})) == set()
    held_out = {"mine": OWN | {"folds": ALL_FOLDS}}
    assert changed(before, written(ingest=held_out)) == {"pairs"}, (
        "whose proof that nobody held out is trained on is made anew"
    )
    asked = written(ingest=held_out, tasks={"mine-g": TASK}, retrieval={"sets": ["ptbxl", "icbeb", "mine"]})
    assert changed(before, asked) == {"pairs", "zero_shot", "linear_probe", "report", "retrieval"}
    assert changed(asked, written(ingest=held_out, tasks={"mine-g": TASK | {"metric": "f1"}})) == {
        "zero_shot",
        "linear_probe",
        "retrieval",
    }
    trained = written(ingest=held_out, pairs={"sets": ["ptbxl", "chapman", "mimic", "mine"]})
    assert changed(before, trained) == {"pairs", "pretrain", "caption", "distribution"}


@pytest.mark.parametrize(
    ("dataset", "stages_of_it"),
    [
        ("chapman", {"statements", "pairs", "pretrain", "caption", "distribution"}),
        ("icbeb", {"statements", "pairs", "zero_shot", "linear_probe", "identify", "retrieval", "distribution", "report"}),
    ],
)
def test_other_records_of_a_set_run_what_reads_it(written: Any, dataset: str, stages_of_it: set[str]) -> None:
    assert changed(written(), written({dataset: "other"})) == stages_of_it


def test_the_table_of_a_task_and_a_map_of_labels_count(written: Any) -> None:
    own, task = {"mine": OWN | {"folds": ALL_FOLDS}}, {"mine-g": TASK}
    before = written(ingest=own, tasks=task, statements={"sets": ["mine"]})
    mapped = {"mine": OWN | {"folds": ALL_FOLDS, "label_map": "map.csv"}}
    assert changed(before, written(ingest=mapped, tasks=task, statements={"sets": ["mine"]})) == {"statements"}
    Path("t.csv").write_text("g,c\na,b\n")
    assert changed(before, written(ingest=own, tasks=task, statements={"sets": ["mine"]})) == {"zero_shot", "linear_probe"}


def test_dvc_yaml_names_the_file_of_every_stage_that_reads_sets() -> None:
    pipeline = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    deps = {name: {str(dep) for dep in stage.get("do", stage)["deps"]} for name, stage in pipeline.items()}
    settings = params.load(ROOT / "params.yaml")
    assert {name for name, of in deps.items() if f"data/sets/{name}.txt" in of} == set(sets_read(settings))
    assert {name for name, of in deps.items() if any(dep.startswith("data/ecg") for dep in of)} == {"datasheet"}
    asked = {str(key) for key in pipeline["sets"]["params"]}
    assert asked >= {f"{stage}.sets" for stage in sets_read(settings) if "sets" in GIVEN.get(stage, {})} | {
        "ingest",
        "tasks",
    }
    assert tasks_read(settings)["fine_tune"] == settings.fine_tune.tasks


# ---- where a set lies


def settings_with(folder: Path, **changes: Any) -> params.Params:
    ingest = {**GIVEN["ingest"], **changes}
    path = folder / "params.yaml"
    path.write_text(json.dumps({**GIVEN, "ingest": ingest, "simulate": {**GIVEN["simulate"], "folder": "drawn"}}))
    return params.load(path)


def test_the_root_of_the_simulated_cohort_means_the_folder_of_the_sets_name(tmp_path: Path) -> None:
    ptbxl, mimic = GIVEN["ingest"]["ptbxl"], GIVEN["ingest"]["mimic"]
    found = settings_with(tmp_path, ptbxl=ptbxl | {"root": "drawn"}, mimic=mimic | {"root": "drawn"}).ingest
    assert (found["ptbxl"].root, found["mimic"].root) == (Path("drawn/ptbxl"), Path("drawn/mimic"))
    assert found["mimic"].patients == Path("drawn/mimic/patients.csv")
    elsewhere = mimic | {"root": "/data/mimic", "patients": "/data/hosp/patients.csv.gz"}
    found = settings_with(tmp_path, ptbxl=ptbxl | {"root": "/data/ptb-xl"}, mimic=elsewhere).ingest
    assert (found["ptbxl"].root, found["mimic"].patients) == (Path("/data/ptb-xl"), Path("/data/hosp/patients.csv.gz"))
    with pytest.raises(params.ParamsError, match=r"ingest.mine.root is simulate.folder, which holds ptbxl, chapman"):
        settings_with(tmp_path, mine=OWN | {"folds": ALL_FOLDS, "root": "drawn"})


def test_a_root_by_an_override_copies_no_comment(tmp_path: Path) -> None:
    """As `dvc exp run -S` writes the file: what stands behind an anchor comes again with each of its aliases."""
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    apply_overrides(path, ["ingest.ptbxl.root=/data/ptb-xl"])
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert len(comments) == len(set(comments))
    ingest = params.load(path).ingest
    assert (ingest["ptbxl"].root, ingest["mimic"].root) == (Path("/data/ptb-xl"), Path("data/simulated/mimic"))


def test_what_will_be_drawn_is_not_looked_for_and_a_real_set_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = OWN | {"folds": ALL_FOLDS}
    roots = {"icbeb": "drawn", "same": "drawn/icbeb", "real": "nowhere", "beside": "drawn/other"}
    settings_with(tmp_path, **{name: own | {"root": root} for name, root in roots.items()})
    for name in ("icbeb", "same"):
        stages.locate.main(name)
        assert json.loads((LOCATED / f"{name}.json").read_text())["root"] == "drawn/icbeb"
    for name in ("real", "beside"):
        with pytest.raises(ValueError, match=rf"{roots[name]}.* is missing .*download the set from PhysioNet"):
            stages.locate.main(name)
