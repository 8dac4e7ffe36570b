"""The written-out operation counts are those that PyTorch counts while the models run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, conv_backward_flop

from esi.model import flops, vit1d
from esi.model.convnext1d import SIZES, ConvNeXt1d, Size
from esi.model.vit1d import ViT1d
from esi.model.xresnet1d import XResNet1d
from tests.model.mini import mini_esi


def counted(run: Callable[[], Any]) -> int:
    """What PyTorch counts; attention as its matrix products."""
    mapping = {torch.ops.aten.convolution_backward: convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter, sdpa_kernel(SDPBackend.MATH):
        run()
    return counter.get_total_flops()


def convolution_backward(grad: list[int], x: list[int], weight: list[int], *others: Any, **names: Any) -> int:
    """Each gradient of a depthwise convolution costs what it does forward; PyTorch's own count takes it for a dense one."""
    groups, mask = others[6], others[7]
    if groups == 1:
        return conv_backward_flop(grad, x, weight, *others, out_val=names["out_shape"])
    return (mask[0] + mask[1]) * 2 * math.prod(grad) * math.prod(weight[1:])


def forward_and_step(encoder: torch.nn.Module, samples: int) -> tuple[int, int]:
    """Counted operations of a forward pass, and of a forward and backward pass."""
    ecg = torch.randn(1, 12, samples)
    with torch.no_grad():
        forward = counted(lambda: encoder(ecg))
    return forward, counted(lambda: encoder(ecg)[2].sum().backward())


@pytest.mark.parametrize("samples", [320, 333, 1000])
@pytest.mark.parametrize("size", [SIZES["nano"], Size((1, 2, 1, 1), (8, 24, 40, 16))])
def test_convnext(size: Size, samples: int) -> None:
    first, total = flops.convnext(size, samples, 12)
    assert (total, 3 * total - first) == forward_and_step(ConvNeXt1d(size), samples)


@pytest.mark.parametrize("samples", [320, 333])
def test_vit(samples: int) -> None:
    size = vit1d.Size(24, 3, 2, 16)
    first, total = flops.vit(size, samples, 12)
    assert (total, 3 * total - first) == forward_and_step(ViT1d(size), samples)


@pytest.mark.parametrize("samples", [320, 333, 1000])
def test_xresnet(samples: int) -> None:
    depths = (2, 1, 2, 1)
    first, total = flops.xresnet(depths, samples, 12)
    assert (total, 3 * total - first) == forward_and_step(XResNet1d(depths), samples)


@pytest.mark.parametrize(("name", "weights"), [("tiny", 26.81e6), ("base", 85.56e6), ("vit", 85.2e6), ("xresnet101", 1.8e6)])
def test_the_names_lead_to_the_sizes_of_the_paper(name: str, weights: float) -> None:
    """Operations are 2 a weight and token of its layer, between the fewest and the most tokens of any at 5000 samples."""
    fewest, most = {"vit": (313, 313 * 1.1), "xresnet101": (157, 2500)}.get(name, (157, 1250))
    assert 2 * weights * fewest < flops.signal_encoder(name, 5000, 12)[1] < 2 * weights * most


@pytest.mark.parametrize("layers", [-1, 1, 0])
def test_a_training_step(tmp_path: Path, layers: int) -> None:
    """Encoder, tower and decoder, forward and backward; the tower reads one text, so nothing is packed."""
    model = mini_esi(tmp_path / "bert", text_layers_trained=layers)
    samples, tokens = 320, 20
    ecg = torch.randn(1, 12, samples)
    ids = torch.randint(5, 20, (1, tokens))
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        ecg_tokens = model.encoder(ecg)[0].shape[1]
    parts = flops.training(model, samples, tokens, ecg_tokens)

    tower = counted(lambda: model.text(ids, mask).sum().backward()) if layers else 0
    assert parts["text_tower"] == tower
    assert parts["signal_encoder"] == counted(lambda: model.encoder(ecg)[2].sum().backward())

    decoder = model.decoder
    assert decoder is not None
    memory = torch.randn(1, ecg_tokens, model.encoder.dim, requires_grad=True)
    seen = torch.ones(1, ecg_tokens, dtype=torch.bool)
    captions = counted(lambda: decoder.logits(decoder.predictions(ids, mask, memory, seen)[0]).sum().backward())
    assert parts["caption_decoder"] == captions
