"""The benchmark of a training step on a mini model: it trains, its reference computes the same, its figures follow."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch

from benchmarks.reference_step import ReferenceEncoder, reference_of
from benchmarks.train_step import Step, measure, parser, peak_operations, projected_hours
from esi.model.convnext1d import ConvNeXt1d
from tests.model.mini import mini_bert

SIZES = ["--size", "nano", "--samples", "160", "--batch", "4", "--text-tokens", "16", "--pairs", "9", "--precision", "fp32"]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return parser().parse_args([*SIZES, "--text-tower", str(mini_bert(tmp_path / "bert"))])


@pytest.mark.parametrize("layers", [-1, 0])
def test_steps_are_training_steps(arguments: argparse.Namespace, tmp_path: Path, layers: int) -> None:
    """More steps than an epoch has; the loss of one batch falls, and texts have the stated length."""
    arguments.text_layers_trained = layers
    step = Step(arguments, tmp_path)
    step.optimizer.param_groups[0]["lr"] = 1e-3
    batches = list(step.made(5))
    assert [batch["ecg_BCT"].shape for batch in batches] == [(4, 12, 160)] * 5
    assert all(batch["mask_BL"].shape == (4, 16) and batch["mask_BL"].all() for batch in batches)
    assert ("text_BH" in batches[0]) == (layers == 0)
    assert not torch.equal(batches[0]["number_B"], batches[1]["number_B"])
    losses = [float(step(batches[0])) for _ in range(6)]
    assert losses[-1] < losses[0]


def test_figures_follow_from_one_another(
    arguments: argparse.Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.train_step.PROFILED_STEPS", 1)
    arguments.steps, arguments.warm_up, arguments.profile = 2, 1, True
    figures = measure(arguments, tmp_path)
    assert figures["samples_a_second"] == pytest.approx(4000 / figures["ms_a_step"], rel=1e-2)
    assert 0 <= figures["data_loader_share"] < 1
    flop = sum(figures["gflop_a_sample"].values()) * figures["samples_a_second"] / 1000
    assert figures["tflop_a_second"] == pytest.approx(flop, abs=6e-3)
    assert "mfu" not in figures  # nobody states a CPU's peak
    kernels = figures["top_kernels"]
    assert "aten::mm" in [kernel["name"] for kernel in kernels]
    assert 0.5 < sum(kernel["share"] for kernel in kernels) <= 1.0001


def test_peaks_and_projection() -> None:
    assert peak_operations("NVIDIA H100 80GB HBM3") == peak_operations("NVIDIA H200") == 989e12
    assert peak_operations("NVIDIA H100 PCIe") == 756e12
    assert peak_operations("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak_operations("NVIDIA GeForce RTX 4090") is None
    hours = projected_hours(5500.0)  # 19.8 million samples take 3,600 s
    assert (hours["hours_on_1"], hours["hours_on_4"]) == (1.0, 0.25)


def test_the_reference_computes_the_same_loss_and_gradients(arguments: argparse.Namespace, tmp_path: Path) -> None:
    arguments.text_layers_trained, arguments.fewest_text_tokens = 0, 5
    step = Step(arguments, tmp_path)
    for parameter in step.model.encoder.parameters():  # GRN is the identity at the start
        parameter.data += 0.02 * torch.randn_like(parameter)
    batch = next(step.made(1))
    ours = step.objective.loss(batch)
    ours["loss"].backward()
    text = {name: part.grad.clone() for name, part in step.model.named_parameters() if part.grad is not None}
    step.model.zero_grad()
    reference = reference_of(step, 16)
    theirs = reference.objective.loss(batch)
    theirs["loss"].backward()
    for name in ("loss_con", "loss_cap"):
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-5)
    for name in ("project_ecg.weight", "decoder.embedding.weight", "decoder.memory.weight"):
        torch.testing.assert_close(step.model.get_parameter(name).grad, text[name], atol=1e-5, rtol=1e-4)
    stem = reference.objective.encoder.layers[0].weight.grad
    torch.testing.assert_close(stem.flatten(1), text["encoder.stem.weight"], atol=1e-5, rtol=1e-3)
    assert isinstance(step.model.encoder, ConvNeXt1d)
    assert isinstance(reference.objective.encoder, ReferenceEncoder)
