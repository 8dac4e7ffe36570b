"""The loop: what it computes, logs and refuses."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import pytest
import torch

from esi.errors import EsiError
from esi.model.text_tower import TextTower
from esi.pretrain import losses
from esi.pretrain.objective import EsiObjective
from esi.pretrain.plan import Plan
from esi.pretrain.plot import plot_training
from esi.pretrain.run import pretrain
from esi.settings.learning import Train
from esi.train import launch
from esi.train.batches import ahead
from esi.train.loop import TrainingError
from tests.model.mini import mini_bert, mini_esi, mini_settings
from tests.pretrain.tiny_run import FINDINGS, SIGNAL, TRAIN, MadeUpPairs, run


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_training_learns_and_reports(tmp_path: Path, own_cache: Path) -> None:
    result = run(tmp_path, epochs=12, n=80, n_validation=20, caption_tokens=0)
    steps = table(tmp_path / "logs/steps.csv")
    names = ["step", "epoch", "loss", "loss_con", "loss_cap", "retrieval_top1", "logit_scale", "grad_norm", "lr"]
    assert [*steps[0]] == names
    assert [int(row["step"]) for row in steps] == list(range(2, 121, 2))
    validation = table(tmp_path / "logs/validation.csv")
    assert len(validation) == 12
    assert float(validation[-1]["loss_cap"]) < 0.5 * float(validation[0]["loss_cap"])
    assert result.metrics["validation_retrieval_top1"] > 0.8  # one in five at chance
    assert result.metrics["loss"] == pytest.approx(result.metrics["loss_con"] + result.metrics["loss_cap"])
    assert result.metrics["steps"] == 120
    assert result.metrics["parameters_signal_encoder"] == 1_771_808
    assert [*table(tmp_path / "logs/speed.csv")[0]] == ["step", "samples_per_second", "tokens_per_second", "data_wait_share"]
    shares = [float(row["data_wait_share"]) for row in table(tmp_path / "logs/speed.csv")]
    assert all(0 <= share <= 1 for share in shares)
    plot_training(result.log, tmp_path / "one.png")
    plot_training(result.log, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_two_runs_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for name in ("one", "two"):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / name))
        results.append(run(tmp_path, epochs=1))
    one, two = (result.model.state_dict() for result in results)
    assert all(torch.equal(part, two[name]) for name, part in one.items())
    assert results[0].metrics == results[1].metrics


def test_a_weight_of_zero_is_not_computed(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> torch.Tensor:
        raise AssertionError("computed")

    with monkeypatch.context() as patch:
        patch.setattr(losses, "captioning", never)
        metrics = run(tmp_path, lambda_cap=0.0, epochs=1).metrics
    assert {"loss", "loss_con", "logit_scale", "validation_loss_con"} <= set(metrics)
    assert not [name for name in metrics if "cap" in name]
    with monkeypatch.context() as patch:
        patch.setattr(losses, "infonce", never)
        patch.setattr(TextTower, "forward", never)
        metrics = run(tmp_path, lambda_con=0.0, epochs=1).metrics
    assert {"loss", "loss_cap", "validation_loss_cap"} <= set(metrics)
    assert not [name for name in metrics if "con" in name or "logit" in name or "retrieval" in name]


def test_a_frozen_tower_reads_each_text_once(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = TextTower.forward

    def counting(self: TextTower, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        read.append(len(ids))
        return forward(self, ids, mask)

    monkeypatch.setattr(TextTower, "forward", counting)
    run(tmp_path, epochs=3)
    assert sum(read) == 2 * len(FINDINGS)  # two views of each finding


def test_the_sampled_captioning_loss_is_unbiased(tmp_path: Path) -> None:
    model = mini_esi(tmp_path)
    ids, mask = model.text.tokenize([f"{finding} of a man" for finding in FINDINGS])
    batch = {
        "ecg_BCT": torch.randn(5, 12, 96),
        "valid_B": torch.full((5,), 96),
        "number_B": torch.arange(5),
        "findings_BK": torch.arange(5, dtype=torch.int32)[:, None],
        "ids_BL": ids,
        "mask_BL": mask,
    }
    all_of_them, six = (Train.model_validate(TRAIN | {"lambda_con": 0.0, "caption_tokens": tokens}) for tokens in (0, 6))
    with torch.no_grad():
        everything = EsiObjective(model, all_of_them, False).train().loss(batch)["loss_cap"].item()
        torch.manual_seed(0)
        some = torch.stack([EsiObjective(model, six, False).train().loss(batch)["loss_cap"] for _ in range(300)])
        assert EsiObjective(model, six, False).eval().loss(batch)["loss_cap"].item() == pytest.approx(everything)
    assert some.std() > 0
    assert abs(some.mean().item() - everything) < 4 * some.std().item() / math.sqrt(300)


def test_a_loss_that_is_not_finite_stops_and_names_the_records(tmp_path: Path, own_cache: Path) -> None:
    train = Train.model_validate(TRAIN)
    mini_bert(tmp_path)
    with pytest.raises(
        TrainingError, match=r"step \d+ \(epoch 0\).* is not finite, nothing was updated\. Records: .*made-up/5"
    ) as caught:
        plan = Plan(MadeUpPairs(40, broken=5), MadeUpPairs(0), SIGNAL, mini_settings(tmp_path), train, 24)
        pretrain(plan, tmp_path / "logs")
    assert len(str(caught.value).split("Records: ")[1].split(". ")[0].split(", ")) == 8
    assert "infarction" not in str(caught.value)


def test_no_validation_pairs(tmp_path: Path, own_cache: Path) -> None:
    result = run(tmp_path, epochs=1, n_validation=0)
    assert not [name for name in result.metrics if name.startswith("validation")]
    assert table(tmp_path / "logs/validation.csv") == []


def test_items_made_ahead_keep_their_order_and_their_errors() -> None:
    assert list(ahead(range(1, 20))) == list(range(1, 20))

    def failing() -> object:
        yield 1
        raise ValueError("broken")

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precisions(tmp_path: Path, own_cache: Path, precision: str) -> None:
    result = run(tmp_path, epochs=1, precision=precision)
    assert {part.dtype for part in result.model.parameters()} == {torch.float32}
    assert 0 < result.metrics["loss"] < 12


def test_accelerate_launch_leaves_the_cores_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sets OMP_NUM_THREADS=1 where nobody chose, and a run on CPUs then took twice as long."""
    before = torch.get_num_threads()
    try:
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
        for name in [name for name in os.environ if name.startswith("ACCELERATE_")]:
            monkeypatch.delenv(name)
        launch.use_all_cores()
        assert torch.get_num_threads() == before, "somebody else's choice stays"
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
        monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
        launch.use_all_cores()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_batch_that_cannot_be_shared_is_an_error_before_anything_is_computed(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(
        EsiError, match=r"batch_size \(8\) cannot be shared evenly by 1 processes in 3 parts each \(train.accumulate\)"
    ):
        run(tmp_path, accumulate=3)
    assert not own_cache.exists()


def test_what_params_decide_is_not_for_accelerate(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    with pytest.raises(launch.LaunchError, match="accumulation_steps 4, which train.accumulate in params.yaml decides"):
        run(tmp_path)
    monkeypatch.delenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS")
    monkeypatch.setattr(launch.Accelerator, "is_fsdp2", False)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(launch.LaunchError, match="asks for FSDP, and Accelerate does not shard here"):
        run(tmp_path)


def test_the_average_is_what_is_exported_and_validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a decay of next to 0 from the first update on it is the weights themselves; with a real one it is not."""
    results = {}
    for average in (0.0, 1e-30, 0.99):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / str(average)))
        results[average] = run(tmp_path, average=average, epochs=1)
    plain, same, other = (results[average].model.state_dict() for average in (0.0, 1e-30, 0.99))
    assert all(torch.equal(part, same[name]) for name, part in plain.items())
    assert not torch.equal(plain["project_ecg.weight"], other["project_ecg.weight"])
    validated = [results[average].metrics["validation_loss"] for average in (0.0, 1e-30, 0.99)]
    assert validated[0] == validated[1] != validated[2]
    trained = [results[average].metrics["loss"] for average in (0.0, 0.99)]
    assert trained[0] == trained[1], "the average changes nothing of the training itself"


def test_the_text_tower_learns_at_its_own_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from the same weights: Adam's first step is as long as the rate."""
    moved = {}
    for factor in (1.0, 0.1):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / str(factor)))
        settings = {"text_layers_trained": 1, "text_lr_factor": factor, "epochs": 1, "n": 8, "warmup_epochs": 0}
        model = run(tmp_path, **settings, weight_decay=0.0).model
        first = mini_esi(tmp_path / "bert", text_layers_trained=1)
        name = "text.bert.encoder.layer.1.output.dense.weight"
        moved[factor] = (model.state_dict()[name] - first.state_dict()[name]).abs().max().item()
    assert moved[1.0] == pytest.approx(1e-3, rel=0.01)
    assert moved[0.1] == pytest.approx(1e-4, rel=0.01)


@pytest.mark.parametrize(
    "settings", [{"contrastive_loss": "siglip", "accumulate": 2}, {"mask_leads": 1.0, "positives": "own"}]
)
def test_settings_reach_the_batches_and_the_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "plain"))
    plain = run(tmp_path, epochs=1).metrics
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "other"))
    other = run(tmp_path, epochs=1, **settings).metrics
    assert abs(other["loss_con"] - plain["loss_con"]) > 1e-3
    assert ("logit_bias" in table(tmp_path / "logs/steps.csv")[0]) == ("contrastive_loss" in settings)


def test_an_encoder_that_cannot_be_compiled_is_an_error(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No silent fall-back to what was to be made faster."""

    def broken(graph: object, inputs: object) -> object:
        raise RuntimeError("no compiler here")

    plain = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: plain(self, backend=broken))
    with pytest.raises(Exception, match="no compiler here"):
        run(tmp_path, compile=True, epochs=1)
