"""The DAG says what the code does: every stage depends on the code that it imports, and imports go down only."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from esi import paths
from esi.closure import closure, code_of, data_files, imports
from tests.conftest import ROOT

STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")
SHARED = {
    "esi.command",
    "esi.errors",
    "esi.faults",
    "esi.paths",
    "esi.params",
    "esi.closure",
    "esi.sealed",
    "esi.settings",
    "esi.files",
    "esi.text",
    "esi.markdown",
}
MAY_IMPORT = {  # beyond itself and what is shared
    "esi.cqa": set(),
    "esi.ecg": set(),
    "esi.simulate": {"esi.ecg"},
    "esi.datasheet": {"esi.ecg"},
    "esi.download": set(),
    "esi.pairs": {"esi.ecg"},
    "esi.model": set(),
    "esi.train": set(),
    "esi.pretrain": {"esi.train", "esi.model", "esi.pairs", "esi.ecg"},
    "esi.evaluate": {"esi.train", "esi.model", "esi.pairs", "esi.ecg"},
    "esi.report": {"esi.evaluate", "esi.ecg"},
}


def dvc_stages() -> dict[str, dict[str, Any]]:
    content = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in content.items()}


def test_every_stage_module_is_in_the_dag() -> None:
    assert sorted(dvc_stages()) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_own_code_and_on_no_other(stage: str) -> None:
    deps = {str(dep) for dep in dvc_stages()[stage]["deps"]}
    code = {dep for dep in deps if dep.startswith(("esi", "stages", "data/code"))}
    assert code == ({"esi", "stages"} if stage == "code" else {f"data/code/{stage}.txt"})


def test_what_the_code_stage_hashes_it_depends_on() -> None:
    deps = dvc_stages()["code"]["deps"]
    files = {file.partition(":")[0] for stage in STAGES for file in code_of(f"stages.{stage}")}
    assert {"data/reference/scp_statements.csv", "data/vocabulary/concepts.csv", "esi/report/templates/style.css"} <= files
    assert all(any(file.startswith(f"{dep}/") for dep in deps) for file in files)


def test_no_import_hides_from_the_closure() -> None:
    """Nothing is imported by a name that the program makes up, and no file beside a module is read that it does not name."""
    reads_otherwise = {
        "esi/closure.py",
        "esi/settings/registry.py",
        "esi/files.py",
        "esi/text/packaged.py",
        "stages/code.py",
    } | {
        "esi/evaluate/tasks.py",  # tables that params.yaml names: deps of the stages
        "esi/cqa/check/known_conditions.py",  # the handbook, a dep of describe
    }
    for path in [*(ROOT / "stages").rglob("*.py"), *(ROOT / "esi").rglob("*.py")]:
        tree, file = ast.parse(path.read_text()), str(path.relative_to(ROOT))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        dynamic = names & {"__import__", "import_module", "exec", "eval", "runpy", "pkgutil"} | {
            part.attr for part in ast.walk(tree) if isinstance(part, ast.Attribute) if part.attr == "import_module"
        }
        assert not dynamic, f"{file} imports by {sorted(dynamic)}: esi.closure does not see what"
        if names & {"__file__", "PackageLoader"} and file not in reads_otherwise:
            assert data_files(module), f"{file} reads what lies beside it and names no DATA_FILES"


@pytest.mark.parametrize("stage", ["statements", "results", "linear_probe"])
def test_what_a_stage_imports_when_it_runs_is_in_its_code(stage: str) -> None:
    code = f"import sys, stages.{stage}; print(*(name for name in sys.modules if name.split('.')[0] in ('esi', 'stages')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    unseen = set(done.stdout.split()) - {member.partition(":")[0] for member in closure(f"stages.{stage}")}
    assert {name for name in unseen if not name.startswith("esi.settings")} <= {"esi.faults"}, (
        "but for what esi.params brings"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_as_a_module(stage: str) -> None:
    command = dvc_stages()[stage]["cmd"]
    assert command.split(" ${")[0] in (f"python -m stages.{stage}", f"accelerate launch --quiet -m stages.{stage}")


@pytest.mark.parametrize("area", sorted(MAY_IMPORT))
def test_imports_go_down_only(area: str) -> None:
    folder = ROOT.joinpath(*area.split("."))
    allowed = SHARED | MAY_IMPORT[area] | {area}
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        strays = {
            name
            for name in imports(module)
            if name != "esi" and not any(name == ok or name.startswith(f"{ok}.") for ok in allowed)
        }
        assert not strays, f"{module} imports {sorted(strays)}; {area} may import {sorted(allowed)}"


@pytest.mark.parametrize("area", ["esi/cqa", "esi/ecg", "esi/simulate"])
def test_books_and_signals_know_nothing_of_torch(area: str) -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / area).rglob("*.py")]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_metrics_are_not_cached_and_nothing_persists() -> None:
    for name, stage in dvc_stages().items():
        for metric in stage.get("metrics", []):
            assert list(metric.values()) == [{"cache": False}], f"{name}: {metric}"
    assert "persist: true" not in (ROOT / "dvc.yaml").read_text()


SHORT_KEYS = {"metric", "value", "low", "high", "random", "hand", "rocket", "supervised", "template", "n_test"}


def test_metrics_are_one_table_with_few_columns() -> None:
    """`dvc metrics show` fits a terminal: DVC's metrics are the results, and all of them have the same short keys."""
    folders = [ROOT / folder for stage in dvc_stages().values() for metric in stage.get("metrics", []) for folder in metric]
    tables = {path: json.loads(path.read_text()) for folder in folders for path in folder.iterdir()}
    assert all(path.suffix == ".json" for path in tables)
    assert {key for content in tables.values() for key in content} <= SHORT_KEYS
    assert all({"metric", "value", "n_test"} <= set(content) for content in tables.values())


PATHS = {name: path for name, path in vars(paths).items() if isinstance(path, Path)}


def outs() -> list[Path]:
    entries = [
        entry for stage in dvc_stages().values() for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])
    ]
    return [Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in entries]


@pytest.mark.parametrize("name", sorted(PATHS))
def test_every_path_is_an_out_of_the_dag_or_committed(name: str) -> None:
    path = PATHS[name]
    made = any(path.is_relative_to(out) or out.is_relative_to(path) for out in outs())
    tracked = ["git", "ls-files", "--error-unmatch", path]
    assert made or subprocess.run(tracked, cwd=ROOT, capture_output=True, check=False).returncode == 0, (
        f"nothing makes {path}"
    )


def test_paths_stand_in_one_module() -> None:
    """Neither a stage nor a module says again where an out lies."""
    known = {str(path) for name, path in PATHS.items() if name not in ("DATA", "METRICS")}
    for path in [*(ROOT / "stages").glob("*.py"), *(ROOT / "esi").rglob("*.py")]:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        said = {arg.value for call in calls for arg in call.args if isinstance(arg, ast.Constant)} & known
        assert not said, f"{path} names {sorted(map(str, said))}: import it from esi.paths"


def test_nothing_that_runs_in_a_stage_needs_what_developers_run() -> None:
    theirs = re.compile(r"^\s*(?:from|import) (?:tools|benchmarks|tests)\b", re.MULTILINE)
    needing = [
        str(path) for room in ("esi", "stages") for path in (ROOT / room).rglob("*.py") if theirs.search(path.read_text())
    ]
    assert not needing
