"""The loop: what it computes, logs and refuses."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import pytest
import torch

from esi.model.text_tower import TextTower
from esi.pretrain import loop, losses
from esi.pretrain.batches import Batches, KnownTexts, ahead, all_texts
from esi.pretrain.loop import TrainingError, pretrain
from esi.pretrain.objective import Objective, Weights
from esi.pretrain.plot import plot_training
from esi.settings.learning import Train
from tests.model.mini import mini_bert, mini_esi, mini_settings
from tests.pretrain.tiny_run import FINDINGS, SIGNAL, TRAIN, MadeUpPairs, run


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_training_learns_and_reports(tmp_path: Path, own_cache: Path) -> None:
    result = run(tmp_path, epochs=12, n=80, n_validation=20, caption_tokens=0)
    steps = table(tmp_path / "logs/steps.csv")
    assert [*steps[0]] == ["step", "epoch", "loss", "loss_con", "loss_cap", "logit_scale", "grad_norm", "lr"]
    assert [int(row["step"]) for row in steps] == list(range(2, 121, 2))
    validation = table(tmp_path / "logs/validation.csv")
    assert len(validation) == 12
    assert float(validation[-1]["loss_cap"]) < 0.5 * float(validation[0]["loss_cap"])
    assert result.metrics["validation_retrieval_top1"] > 0.8  # one in five at chance
    assert result.metrics["loss"] == pytest.approx(result.metrics["loss_con"] + result.metrics["loss_cap"])
    assert result.metrics["steps"] == 120
    assert result.metrics["parameters_signal_encoder"] == 1_771_808
    assert {"samples_per_second", "tokens_per_second"} <= set(table(tmp_path / "logs/speed.csv")[0])
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
        patch.setattr(losses, "contrastive", never)
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


def test_known_texts_are_the_towers_own_vectors(tmp_path: Path) -> None:
    tower = TextTower.load(str(mini_bert(tmp_path)), 0, 24).eval()
    data = MadeUpPairs(10)
    texts = all_texts(data, ["full", "findings"])
    known = KnownTexts(texts, tower, bf16=False, rank=0)
    with torch.no_grad():
        direct = torch.cat([tower(*tower.tokenize([text])) for text in texts])
    torch.testing.assert_close(known(texts), direct, atol=1e-5, rtol=1e-4)
    linear = torch.nn.Linear(32, 2)
    linear(known(texts[:2])).sum().backward()  # usable in training


def test_a_batch_is_of_its_rows(tmp_path: Path) -> None:
    """Signals, groups, texts and tokens of one batch belong to the same records, whatever the views."""
    tower = TextTower.load(str(mini_bert(tmp_path)), 0, 24)
    data = MadeUpPairs(20)
    rows, views = torch.tensor([7, 3, 11, 0]), torch.arange(20).numpy() % 2
    batch = Batches(data, ["full", "findings"], tower, tokens=True, known=None).batch(rows, views)
    for place, row in enumerate(rows.tolist()):
        view = ["full", "findings"][row % 2]
        text = tower.tokenizer.decode(batch["ids_BL"][place][batch["mask_BL"][place]], skip_special_tokens=True)
        assert text.replace(" .", ".") == data.texts(view, torch.tensor([row]))[0].replace("50", "50")
        assert batch["group_B"][place] == data.groups[row]
        torch.testing.assert_close(batch["ecg_BCT"][place], data.ecg(torch.tensor([row]))[0][0])


def test_the_sampled_captioning_loss_is_unbiased(tmp_path: Path) -> None:
    model = mini_esi(tmp_path)
    ids, mask = model.text.tokenize([f"{finding} of a man" for finding in FINDINGS])
    batch = {
        "ecg_BCT": torch.randn(5, 12, 96),
        "valid_B": torch.full((5,), 96),
        "group_B": torch.arange(5),
        "ids_BL": ids,
        "mask_BL": mask,
    }
    with torch.no_grad():
        everything = Objective(model, Weights(0.0, 1.0), 0, False).train()(batch)["loss_cap"].item()
        torch.manual_seed(0)
        some = torch.stack([Objective(model, Weights(0.0, 1.0), 6, False).train()(batch)["loss_cap"] for _ in range(300)])
        assert Objective(model, Weights(0.0, 1.0), 6, False).eval()(batch)["loss_cap"].item() == pytest.approx(everything)
    assert some.std() > 0
    assert abs(some.mean().item() - everything) < 4 * some.std().item() / math.sqrt(300)


def test_a_loss_that_is_not_finite_stops_and_names_the_records(tmp_path: Path, own_cache: Path) -> None:
    train = Train.model_validate(TRAIN)
    mini_bert(tmp_path)
    with pytest.raises(
        TrainingError, match=r"step \d+ \(epoch 0\).* is not finite, nothing was updated\. Records: .*made-up/5"
    ) as caught:
        pretrain(MadeUpPairs(40, broken=5), MadeUpPairs(0), SIGNAL, mini_settings(tmp_path), train, 24, tmp_path / "logs")
    assert len(str(caught.value).split("Records: ")[1].split(". ")[0].split(", ")) == 8
    assert "infarction" not in str(caught.value)


def test_no_validation_pairs(tmp_path: Path, own_cache: Path) -> None:
    result = run(tmp_path, epochs=1, n_validation=0)
    assert not [name for name in result.metrics if name.startswith("validation")]
    assert table(tmp_path / "logs/validation.csv") == []


def test_norms_and_biases_do_not_decay(tmp_path: Path) -> None:
    model = mini_esi(tmp_path, text_layers_trained=-1)
    decayed, kept = loop._groups(model, 0.05)
    names = {id(part): name for name, part in model.named_parameters()}
    assert decayed["weight_decay"] == 0.05
    assert kept["weight_decay"] == 0.0
    assert all(names[id(part)].endswith("weight") for part in decayed["params"])
    assert not [names[id(part)] for part in decayed["params"] if "norm" in names[id(part)].lower()]
    assert {"log_logit_scale", "encoder.stem.bias"} <= {names[id(part)] for part in kept["params"]}
    assert len(decayed["params"]) + len(kept["params"]) == len(names)


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
        loop.use_all_cores()
        assert torch.get_num_threads() == before, "somebody else's choice stays"
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
        monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
        loop.use_all_cores()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
