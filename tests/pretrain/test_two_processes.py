"""Two gloo processes give the loss, the gradients and the training of one process with the joint batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import ROOT

WORKER = """
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from pathlib import Path
from esi.pretrain.objective import EsiObjective
from esi.settings.learning import Train
from tests.model.mini import mini_esi
from tests.pretrain.tiny_run import TRAIN

folder = Path(sys.argv[1])
world = int(sys.argv[2])
rank = 0
if world > 1:
    dist.init_process_group("gloo")
    rank = dist.get_rank()
model = mini_esi(folder / "bert", text_layers_trained=1).eval()
texts = ["sinus rhythm", "atrial fibrillation of a man", "left bundle branch block", "sinus rhythm", "a", "old man"]
ids, mask = model.text.tokenize(texts)
torch.manual_seed(0)
batch = {
    "ecg_BCT": torch.randn(6, 12, 128), "valid_B": torch.tensor([128, 100, 128, 90, 128, 128]),
    "number_B": torch.arange(6), "findings_BK": torch.tensor([[0], [1], [2], [0], [3], [4]], dtype=torch.int32),
    "ids_BL": ids, "mask_BL": mask,
}
share = 6 // world
batch = {name: part[rank * share : (rank + 1) * share] for name, part in batch.items()}
train = Train.model_validate(TRAIN | {"lambda_cap": 0.7, "caption_tokens": 0})
objective = EsiObjective(model, train, bf16=False)
wrapped = DistributedDataParallel(objective) if world > 1 else objective
out = wrapped("loss", batch)
out["loss"].backward()
losses = torch.stack([out[name].detach() for name in ("loss", "loss_con", "loss_cap")])
if world > 1:
    dist.all_reduce(losses)
    losses /= world
if rank == 0:
    grads = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    torch.save({"losses": losses, "grads": grads}, folder / f"{world}.pt")
if world > 1:
    dist.destroy_process_group()
"""


def torchrun(*arguments: str, folder: Path, processes: int) -> subprocess.CompletedProcess[str]:
    """Start processes on this machine's loopback, each with one thread, Accelerate on the CPU."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "DVC_ROOT": str(folder),
    }
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    return subprocess.run(
        [sys.executable, *launch, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_loss_and_gradients_equal_the_joint_batch(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    results = {}
    for processes in (1, 2):
        done = torchrun("worker.py", str(tmp_path), str(processes), folder=tmp_path, processes=processes)
        assert done.returncode == 0, done.stderr[-3000:]
        results[processes] = torch.load(tmp_path / f"{processes}.pt", weights_only=True)
    one, two = results[1], results[2]
    torch.testing.assert_close(two["losses"], one["losses"], atol=1e-6, rtol=1e-6)
    assert one["grads"].keys() == two["grads"].keys()
    assert {name.split(".")[0] for name in one["grads"]} == {
        "encoder",
        "project_ecg",
        "project_text",
        "text",
        "decoder",
        "log_logit_scale",
    }
    whole = torch.stack([grad.norm() for grad in one["grads"].values()]).norm()
    for name, grad in one["grads"].items():
        difference = (two["grads"][name] - grad).norm()
        assert difference < 1e-6 * whole, name
        assert difference < 1e-3 * grad.norm() + 1e-9 * whole, name  # the keys' bias of a BERT has a gradient of 0


def test_training_by_two_processes_equals_training_by_one(tmp_path: Path) -> None:
    """The whole loop, captions over all positions: the same metrics and weights but for rounding."""
    weights, metrics = {}, {}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        script = str(ROOT / "tests/pretrain/tiny_run.py")
        done = torchrun(
            script, str(folder), "caption_tokens=0", "epochs=1", "n=24", "lr=1e-4", folder=folder, processes=processes
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"pretraining on {processes} x cpu" in done.stdout
        weights[processes] = load_file(folder / "model" / "model.safetensors")
        metrics[processes] = json.loads((folder / "metrics.json").read_text())
    for name, part in weights[1].items():
        torch.testing.assert_close(
            weights[2][name], part, atol=1e-5, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}"
        )
    assert metrics[1]["loss"] > 0
    assert metrics[2] == pytest.approx(metrics[1], rel=1e-4, abs=1e-6)


def test_processes_that_do_not_find_each_other_are_an_error(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "DVC_ROOT": str(tmp_path),
    }
    script = str(ROOT / "tests/pretrain/tiny_run.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert "2 processes were started (WORLD_SIZE), Accelerate runs 1" in done.stderr


def test_another_number_of_processes_goes_on_with_the_same_batches(tmp_path: Path) -> None:
    """Two processes are killed at step 5, one goes on from step 3 in two parts: every step has the same pairs.

    The weights are not the same bytes as those of either number alone: sums of floats depend on where they are cut.
    """
    expected = tmp_path / "one"
    expected.mkdir()
    settings = ["caption_tokens=0", "epochs=1", "n=64", "lr=1e-4"]
    script = str(ROOT / "tests/pretrain/tiny_run.py")
    done = torchrun(script, str(expected), *settings, folder=expected, processes=1)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path / "two"
    folder.mkdir()
    killed = torchrun(script, str(folder), *settings, "die_at_step=5", folder=folder, processes=2)
    assert killed.returncode != 0
    before = [rows_by_step(folder / f"rows-{rank}.txt") for rank in (0, 1)]
    (folder / "rows-0.txt").unlink()
    done = torchrun(script, str(folder), *settings, "accumulate=2", folder=folder, processes=1)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed after step 3" in done.stdout
    after = rows_by_step(folder / "rows-0.txt")
    alone = rows_by_step(expected / "rows-0.txt")
    assert {step: before[0][step] + before[1][step] for step in range(5)} == {step: alone[step] for step in range(5)}
    assert after == {step: alone[step] for step in range(3, 8)}
    one, two = (load_file(path / "model" / "model.safetensors") for path in (expected, folder))
    for name, part in one.items():
        torch.testing.assert_close(two[name], part, atol=1e-5, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


def rows_by_step(path: Path) -> dict[int, list[int]]:
    lines = [[int(word) for word in line.split()] for line in path.read_text().splitlines()]
    return {step: rows for step, *rows in lines}
