"""Runs in processes of their own: two give the weights of one, and a killed one goes on with the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import ROOT

SCRIPT = str(ROOT / "tests/evaluate/fine_tuning_run.py")
KILLED = ("die_at_step=1", "die_at_step=4", "die_at_step=6", "die_at_end=true", "")


def start(*runs: str, processes: int = 1, **environment: str) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, *launcher, SCRIPT, *runs]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbs, in `alone`, and one that is killed again and again, in `killed`."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("alone", "killed"):
        (folder / name).mkdir()
    done = start(f"{folder}/alone average=0.9", *(f"{folder}/killed average=0.9 {killer}" for killer in KILLED))
    exits = [line for line in done.stdout.splitlines() if line.startswith("exit")]
    assert exits == ["exit 0", "exit -9", "exit -9", "exit -9", "exit -9", "exit 0"], done.stderr[-3000:]
    return folder


def steps(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "steps-0.txt").read_text().split()]


def test_kill_9_and_again_gives_the_same_bytes(folder: Path) -> None:
    # Killed in the first epoch; in the second; as the third begins; after the last: each goes on after its last whole one.
    assert steps(folder / "killed") == [0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8]
    assert steps(folder / "alone") == list(range(9))
    weights = [(folder / name / "weights.safetensors").read_bytes() for name in ("alone", "killed")]
    assert weights[0] == weights[1]
    assert not list(folder.rglob("state.pt"))


def test_two_processes_give_the_weights_of_one(folder: Path, tmp_path: Path) -> None:
    done = start(f"{tmp_path} average=0.9", processes=2, ACCELERATE_USE_CPU="true")
    assert done.stdout.splitlines().count("exit 0") == 2, done.stderr[-3000:]
    assert "2 processes" in done.stdout
    assert steps(tmp_path) == list(range(9))
    one, two = (load_file(path / "weights.safetensors") for path in (folder / "alone", tmp_path))
    for name, part in one.items():
        torch.testing.assert_close(two[name], part, atol=1e-5, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def test_processes_that_do_not_find_each_other_are_an_error(tmp_path: Path) -> None:
    done = start(str(tmp_path), WORLD_SIZE="2")
    assert "exit 1" in done.stdout
    assert "2 processes were started (WORLD_SIZE), Accelerate runs 1" in done.stderr
