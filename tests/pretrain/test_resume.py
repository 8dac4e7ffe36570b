"""A killed run goes on where its last checkpoint was, and ends with the same bytes as a run that was not killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from esi.train.checkpoint import Checkpoint
from tests.conftest import ROOT


def start(folder: Path, *changes: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DVC_ROOT": str(folder)}
    command = [sys.executable, str(ROOT / "tests/pretrain/tiny_run.py"), str(folder), *changes]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


# Ten steps, checkpoints after 3, 6 and 9, an epoch's end after 5; a text tower that learns, for the sake of its dropout.
LEARNING_TEXT = "text_layers_trained=1"
PLAIN, PARTS = (LEARNING_TEXT,), (LEARNING_TEXT, "accumulate=2", "average=0.9", "mask_leads=0.5")


@pytest.fixture(scope="module", params=[PLAIN, PARTS], ids=["plain", "parts-and-average"])
def unkilled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    folder = tmp_path_factory.mktemp("unkilled")
    done = start(folder, *request.param)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, request.param


def test_kill_9_and_again_gives_the_same_bytes(unkilled: tuple[Path, tuple[str, ...]], tmp_path: Path) -> None:
    expected, settings = unkilled
    for step, resumed in ((1, 0), (5, 0), (9, 3)):  # before any checkpoint, at an epoch's end, at a checkpoint
        killed = start(tmp_path, *settings, f"die_at_step={step}")
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
        assert (f"resumed after step {resumed}" in killed.stdout) == (resumed > 0)
        assert not (tmp_path / "model").exists()
    (state,) = tmp_path.rglob("state.pt")
    kept = torch.load(state, weights_only=True)["weights"]
    assert "model.text.bert.encoder.layer.1.output.dense.weight" in kept
    assert not [name for name in kept if "embeddings" in name or "encoder.layer.0" in name], "frozen weights"
    done = start(tmp_path, *settings)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed after step 9" in done.stdout
    for name in ("model/model.safetensors", "metrics.json", "logs/steps.csv", "logs/validation.csv"):
        assert (tmp_path / name).read_bytes() == (expected / name).read_bytes(), name
    with (tmp_path / "logs/steps.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2, 4, 6, 8, 10]
    assert not list((tmp_path / ".cache").rglob("state.pt"))


def test_a_finished_run_leaves_nothing_to_resume(unkilled: tuple[Path, tuple[str, ...]]) -> None:
    assert not list((unkilled[0] / ".cache").rglob("state.pt"))


def test_another_run_does_not_see_the_state(own_cache: Path) -> None:
    Checkpoint({"lambda_cap": 1.0}).save({"done": 7})
    assert Checkpoint({"lambda_cap": 0.0}).load() is None
    state = Checkpoint({"lambda_cap": 1.0}).load()
    assert state == {"done": 7}
    Checkpoint({"lambda_cap": 1.0}).delete()
    assert Checkpoint({"lambda_cap": 1.0}).load() is None


def test_a_kill_while_saving_leaves_the_old_state(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint({})
    checkpoint.save({"done": 1})

    def half(state: object, path: Path) -> None:
        path.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save({"done": 2})
    assert checkpoint.load() == {"done": 1}
