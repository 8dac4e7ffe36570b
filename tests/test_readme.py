"""The README's figures are those of the metrics files in git."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.conftest import ROOT

STAGES = {"zero-shot": "zero_shot", "linear probe": "linear_probe", "fine-tuned": "fine_tune"}
ROW = re.compile(
    r"^\| `(?P<task>[\w-]+)` \| (?P<stage>[\w -]+?) \| \*\*(?P<value>[\d.]+)\*\* \((?P<low>[\d.]+)–(?P<high>[\d.]+)\) "
    r"\| (?P<random>[\d.–]+) \| (?P<hand>[\d.]+) \| (?P<n_test>\d+) \|$",
    re.MULTILINE,
)


def committed(path: str) -> str:
    """A file as it was committed last: an experiment in the workspace has figures of its own."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{path} is not in git")
    return done.stdout


def test_the_results_table_is_all_that_was_measured() -> None:
    rows = {(row["task"], STAGES[row["stage"]]): row for row in ROW.finditer((ROOT / "README.md").read_text())}
    measured = {
        (name.removesuffix(".json"), stage)
        for stage in STAGES.values()
        for name in committed(f"metrics/{stage}/").splitlines()
        if name.endswith(".json")
    }
    assert set(rows) == measured
    for (task, stage), row in rows.items():
        figures = json.loads(committed(f"metrics/{stage}/{task}.json"))
        for key in ("value", "low", "high", "random", "hand"):
            assert row[key] == (f"{figures[key]:.3f}" if key in figures else "–"), f"{task} {stage}: {key}"
        assert int(row["n_test"]) == figures["n_test"]
