"""SimCLR: its loss, its views, and runs that learn, resume, and give the same by one process and by two."""

from __future__ import annotations

import csv
import math
import signal
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from esi.errors import EsiError
from esi.model.load import load
from esi.pretrain.augment import augmented, both_views
from esi.pretrain.losses import nt_xent
from tests.pretrain.test_resume import start
from tests.pretrain.test_two_processes import torchrun
from tests.pretrain.tiny_run import run

SIMCLR = 'method="simclr"'


def unit(rows: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, 6, generator=torch.Generator().manual_seed(seed)), dim=1)


def by_hand(z: torch.Tensor, temperature: float) -> float:
    """Chen et al. 2020, equation 1, one view at a time."""
    half, total = len(z) // 2, 0.0
    for i in range(len(z)):
        j = (i + half) % len(z)
        others = sum(math.exp(float(z[i] @ z[k]) / temperature) for k in range(len(z)) if k != i)
        total -= math.log(math.exp(float(z[i] @ z[j]) / temperature) / others)
    return total / len(z)


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_nt_xent_is_the_published_formula(temperature: float) -> None:
    z = unit(10, 0)
    assert nt_xent(z, z, 0, temperature)[0].item() == pytest.approx(by_hand(z, temperature), rel=1e-5)


def test_nt_xent_at_chance_and_at_its_best() -> None:
    same = torch.ones(8, 6) / math.sqrt(6)
    assert nt_xent(same, same, 0, 0.5)[0].item() == pytest.approx(math.log(7), rel=1e-6)
    apart = torch.eye(4).repeat(2, 1)
    loss, right = nt_xent(apart, apart, 0, 0.01)
    assert loss.item() < 1e-6
    assert right.item() == 1.0


def test_shares_of_two_processes_average_to_the_joint_loss() -> None:
    """Rows of the gathered views: those of the first process, then those of the second."""
    one, two = unit(6, 1), unit(6, 2)
    together = torch.cat([one, two])
    shares = [nt_xent(own, together, first, 0.5)[0] for own, first in ((one, 0), (two, 6))]
    # In the joint batch of one process all first views stand before all second ones.
    joint = torch.cat([one[:3], two[:3], one[3:], two[3:]])
    torch.testing.assert_close(torch.stack(shares).mean(), nt_xent(joint, joint, 0, 0.5)[0])


def test_views_follow_from_seed_epoch_row_and_view_alone() -> None:
    ecg, valid, rows = torch.randn(4, 12, 200), torch.tensor([200, 150, 200, 120]), torch.tensor([7, 3, 9, 1])
    whole = both_views(ecg, valid, rows, 0, 2, 0.5, 0.3)
    alone = augmented(ecg[2:3], valid[2:3], rows[2:3], 1, 0, 2, 0.5, 0.3)
    assert torch.equal(whole[4 + 2], alone[0])
    seen = {
        augmented(ecg[:1], valid[:1], rows[:1], view, seed, epoch, 0.5, 0.3).numpy().tobytes()
        for view in (0, 1)
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len(seen) == 8


def test_a_view_is_a_stretched_part_with_a_gap_and_padding_stays() -> None:
    ramp = torch.arange(100.0).repeat(1, 12, 1)
    ramp[..., 80:] = 0
    view = augmented(ramp, torch.tensor([80]), torch.tensor([0]), 0, 5, 0, 0.5, 0.0)[0]
    steps = view[:, 1:80] - view[:, :79]
    assert 0.5 - 1e-3 <= steps.mean().item() < 1  # stretched by at most two
    assert steps.std().item() < 1e-3
    assert torch.equal(view[0], view[11])
    assert torch.equal(view[:, 80:], torch.zeros(12, 20))
    gaps = [
        int((augmented(ramp + 1, torch.tensor([80]), torch.tensor([row]), 0, 5, 0, 1.0, 0.5)[0, 0, :80] == 0).sum())
        for row in range(40)
    ]
    assert max(gaps) <= 40
    assert min(gaps) < 10 < max(gaps)
    same = augmented(ramp, torch.tensor([80]), torch.tensor([0]), 0, 5, 0, 1.0, 0.0)
    torch.testing.assert_close(same, ramp)


def test_it_learns_and_exports_the_encoder_alone(tmp_path: Path, own_cache: Path) -> None:
    result = run(tmp_path, method="simclr", n=40, n_validation=16, own={"epochs": 10})
    with (tmp_path / "logs/steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["step", "epoch", "loss", "view_top1", "grad_norm", "lr"]
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    assert result.metrics["validation_view_top1"] > 2 / 15
    assert result.metrics["parameters_total"] == result.metrics["parameters_signal_encoder"]
    result.model.save_pretrained(tmp_path / "model")
    again = load(tmp_path / "model")
    assert (again.config.method, again.abilities) == ("simclr", {"encode"})
    assert again.config.trained_with["simclr.temperature"] == 0.5
    assert again.config.trained_with["epochs"] == 10
    assert not {"lambda_con", "text_views"} & set(again.config.trained_with)
    assert not [name for name in load_file(tmp_path / "model/model.safetensors") if not name.startswith("encoder.")]


def test_kill_9_and_again_gives_the_same_bytes(tmp_path: Path) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    for folder in (alone, killed):
        folder.mkdir()
    assert start(alone, SIMCLR, "average=0.9").returncode == 0
    for step in (1, 7):
        assert start(killed, SIMCLR, "average=0.9", f"die_at_step={step}").returncode == -signal.SIGKILL
    done = start(killed, SIMCLR, "average=0.9")
    assert "resumed after step 6" in done.stdout, done.stderr[-3000:]
    for name in ("model/model.safetensors", "metrics.json", "logs/steps.csv", "logs/validation.csv"):
        assert (alone / name).read_bytes() == (killed / name).read_bytes(), name


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """The negatives of the joint batch: by rounding alone do the weights differ."""
    weights = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        done = torchrun("-m", "tests.pretrain.tiny_run", str(folder), SIMCLR, folder=folder, processes=processes)
        assert done.returncode == 0, done.stderr[-3000:]
        weights.append(load_file(folder / "model/model.safetensors"))
    for name, part in weights[0].items():
        torch.testing.assert_close(weights[1][name], part, atol=1e-4, rtol=1e-3, msg=name)


def test_parts_are_refused(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(EsiError, match=r"train\.accumulate is 2: set it to 1"):
        run(tmp_path, method="simclr", accumulate=2)
