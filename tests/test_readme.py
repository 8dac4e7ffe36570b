"""The README's figures are those of the metrics files in git."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.conftest import ROOT

STAGES = {"zero-shot": "zero_shot", "linear probe": "linear_probe"}
ROW = re.compile(
    r"^\| `(?P<task>[\w-]+)` \| (?P<stage>[\w -]+?) \| \*\*(?P<ours>[\d.]+)\*\* \((?P<low>[\d.]+)–(?P<high>[\d.]+)\) "
    r"\| (?P<random>[\d.]+) \| (?P<n>\d+) \|$",
    re.MULTILINE,
)


def committed(path: str) -> str:
    """A file as it was committed last: an experiment in the workspace has figures of its own."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{path} is not in git")
    return done.stdout


def test_every_figure_of_the_results_table_was_measured() -> None:
    rows = list(ROW.finditer((ROOT / "README.md").read_text()))
    assert {(row["task"], row["stage"]) for row in rows} == {
        (task, stage) for task in ("ptbxl-super", "icbeb-nine") for stage in STAGES
    }
    for row in rows:
        measured = json.loads(committed(f"metrics/{STAGES[row['stage']]}/{row['task']}.json"))
        keys = {"ours": "auroc_macro", "low": "auroc_macro_ci_low", "high": "auroc_macro_ci_high"}
        keys["random"] = "random_auroc_macro"
        for name, key in keys.items():
            assert row[name] == f"{measured[key]:.3f}", f"{row['task']} {row['stage']}: {key}"
        assert int(row["n"]) == measured["n_test"]
