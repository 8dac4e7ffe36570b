"""Weights spread over two processes (FSDP) train as whole ones do, and are killed, resumed and exported as those are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.pretrain.test_two_processes import torchrun

# Four steps, an epoch's end after 2 and a checkpoint after 3; parts, an average, a text tower that learns.
SETTINGS = ["n=16", "n_validation=8", "epochs=2", "accumulate=2", "average=0.9", "text_layers_trained=1"]
SETTINGS += ["caption_tokens=0", 'contrastive_loss="siglip"']


def weights(folder: Path, module: str, *changes: str) -> dict[str, Tensor]:
    folder.mkdir(exist_ok=True)
    done = torchrun("-m", module, str(folder), *SETTINGS, *changes, folder=folder, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return weights(tmp_path_factory.mktemp("sharded"), "tests.pretrain.sharded_run")


def test_sharded_weights_end_as_whole_ones(tmp_path: Path, sharded: dict[str, Tensor]) -> None:
    whole = weights(tmp_path / "whole", "tests.pretrain.tiny_run")
    assert sharded.keys() == whole.keys()
    for name, part in whole.items():
        torch.testing.assert_close(sharded[name], part, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_a_sharded_run_is_resumed_to_the_bit(tmp_path: Path, sharded: dict[str, Tensor]) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    killed = torchrun(
        "-m", "tests.pretrain.sharded_run", str(folder), *SETTINGS, "die_at_step=3", folder=folder, processes=2
    )
    assert killed.returncode != 0
    (path,) = folder.rglob("state.pt")
    state = torch.load(path, weights_only=True)
    assert not [name for name in state["weights"] if re.search(r"bert\.(embeddings|encoder\.layer\.0)", name)], "frozen"
    assert {part.shape for name, part in state["weights"].items() if "bert.encoder.layer.1.output.dense" in name} == {
        (32, 64),
        (32,),
    }
    resumed = weights(folder, "tests.pretrain.sharded_run")
    assert all(torch.equal(part, sharded[name]) for name, part in resumed.items())
