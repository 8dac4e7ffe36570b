"""The signal encoder: the paper's sizes, any length, and padding that never counts."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reference_step import ReferenceEncoder
from esi.model.convnext1d import SIZES, STRIDE, ConvNeXt1d, GlobalResponseNorm


def perturbed(seed: int = 0) -> ConvNeXt1d:
    """A nano encoder with GRN switched on: it is the identity at the start, where it could hide padding."""
    torch.manual_seed(seed)
    encoder = ConvNeXt1d(SIZES["nano"]).eval()
    for parameter in encoder.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return encoder


@pytest.mark.parametrize(("name", "millions"), [("tiny", 26.81), ("base", 85.56)])
def test_parameter_counts_are_those_of_the_paper(name: str, millions: float) -> None:
    with torch.device("meta"):
        encoder = ConvNeXt1d(SIZES[name])
    assert round(sum(part.numel() for part in encoder.parameters()) / 1e6, 2) == millions


def test_block_equals_the_convolutional_formulation() -> None:
    """The stem and downsampling as Linear layers over reshaped tokens are the strided convolutions of the article."""
    encoder = perturbed()
    ecg_BCT = torch.randn(2, 12, 64)
    weight = encoder.stem.weight.reshape(-1, 12, 4)
    stem = F.conv1d(ecg_BCT, weight, encoder.stem.bias, stride=4).transpose(1, 2)
    tokens = encoder.stem(ecg_BCT.reshape(2, 12, 16, 4).transpose(1, 2).reshape(2, 16, 48))
    torch.testing.assert_close(tokens, stem)

    down = encoder.downsamples[0]
    x_BLD = torch.randn(2, 10, 32)
    weight = down.linear.weight.reshape(-1, 2, 32).transpose(1, 2)
    slow = F.conv1d(down.norm(x_BLD).transpose(1, 2), weight, down.linear.bias, stride=2).transpose(1, 2)
    torch.testing.assert_close(down(x_BLD, None), slow)


def test_encoder_equals_the_published_layout() -> None:
    """Tokens, pooled vector and gradients of the [B, D, L] port with its permutes and strided convolutions."""
    encoder = perturbed()
    copied = copy.deepcopy(encoder)
    reference = ReferenceEncoder(copied)
    ecg_BCT = torch.randn(2, 12, 320)
    tokens, mask, pooled = encoder(ecg_BCT)
    slow_tokens, slow_pooled = reference(ecg_BCT)
    assert mask.all()
    torch.testing.assert_close(tokens, slow_tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, slow_pooled, atol=1e-5, rtol=1e-5)
    weight = torch.randn(2, 10, 256)
    (tokens * weight).sum().backward()
    (slow_tokens * weight).sum().backward()
    shared = {name: part.grad for name, part in copied.named_parameters() if part.grad is not None}
    own = dict(encoder.named_parameters())
    for name, grad in shared.items():
        torch.testing.assert_close(own[name].grad, grad, atol=1e-4, rtol=1e-4)
    # The others are the convolutions' weights, in the layers' order; within a channel a Linear has them in another order.
    layers = [encoder.stem, *(block.depthwise for block in encoder.stages[0])]
    for down, blocks in zip(encoder.downsamples, encoder.stages[1:], strict=True):
        layers += [down.linear, *(block.depthwise for block in blocks)]
    convolutions = [layer for layer in reference.modules() if isinstance(layer, torch.nn.Conv1d)]
    assert len(shared) + len(layers) == len(own)
    for layer, convolution in zip(layers, convolutions, strict=True):
        ours, theirs = (part.weight.grad.flatten(1).sort(dim=1).values for part in (layer, convolution))
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def kept_bytes_and_gradients(encoder: ConvNeXt1d, valid_B: torch.Tensor | None) -> tuple[int, list[torch.Tensor]]:
    """What the forward pass keeps for the backward pass, weights and views counted once, and the gradients."""
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    ecg = torch.randn(2, 12, 1000, generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = encoder(ecg, valid_B)[0].square().sum()
    for part in encoder.parameters():
        kept.pop(part.untyped_storage().data_ptr(), None)
    loss.backward()
    return sum(kept.values()), [part.grad for part in encoder.parameters()]


@pytest.mark.parametrize("valid_B", [None, torch.tensor([700, 1000])])
def test_checkpointing_keeps_less_and_gives_the_same_gradients(valid_B: torch.Tensor | None) -> None:
    plain = perturbed()
    frugal = copy.deepcopy(plain)
    frugal.checkpoint_activations = True
    much, gradients = kept_bytes_and_gradients(plain, valid_B)
    little, same = kept_bytes_and_gradients(frugal, valid_B)
    assert little < much / 5
    assert all(torch.equal(a, b) for a, b in zip(gradients, same, strict=True))


def test_grn_equals_its_definition() -> None:
    layer = GlobalResponseNorm(8)
    torch.nn.init.normal_(layer.gamma)
    torch.nn.init.normal_(layer.beta)
    x = torch.randn(3, 7, 8)
    energy = x.pow(2).sum(1, keepdim=True).sqrt()
    expected = layer.gamma * (x * (energy / (energy.mean(-1, keepdim=True) + 1e-6))) + layer.beta + x
    torch.testing.assert_close(layer(x, None), expected)


def test_grn_has_a_gradient_where_a_channel_is_silent() -> None:
    x = torch.randn(2, 5, 8)
    x[:, :, 3] = 0
    x.requires_grad_()
    layer = GlobalResponseNorm(8)
    torch.nn.init.ones_(layer.gamma)
    layer(x, None).sum().backward()
    assert torch.isfinite(x.grad).all()


@settings(max_examples=15, deadline=None)
@given(valid=st.integers(1, 300), padding=st.integers(1, 200), other=st.integers(1, 500))
def test_padding_does_not_change_a_record(valid: int, padding: int, other: int) -> None:
    """Alone, padded, or beside a record of another length: the same tokens and pooled vector, for any valid length."""
    encoder = perturbed()
    ecg = torch.randn(1, 12, valid, generator=torch.Generator().manual_seed(valid))
    length = max(valid + padding, other)
    batch = torch.randn(2, 12, length)  # what stands in the padding must not matter
    batch[:1, :, :valid] = ecg
    with torch.no_grad():
        tokens, mask, pooled = encoder(ecg)
        tokens2, mask2, pooled2 = encoder(batch, torch.tensor([valid, other]))
    count = tokens.shape[1]
    assert count == -(-valid // STRIDE)
    assert mask.all()
    assert mask2[0].sum() == count
    torch.testing.assert_close(tokens2[:1, :count], tokens, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(pooled2[:1], pooled, atol=2e-5, rtol=1e-4)
    assert (tokens2[0, count:] == 0).all()


@pytest.mark.parametrize("samples", [1, 31, 32, 999, 1000, 5000])
def test_any_length(samples: int) -> None:
    encoder = perturbed()
    with torch.no_grad():
        tokens, mask, pooled = encoder(torch.randn(2, 12, samples))
    assert tokens.shape == (2, -(-samples // STRIDE), 256)
    assert mask.shape == tokens.shape[:2]
    torch.testing.assert_close(pooled, tokens.mean(1))


def test_all_leads_matter_and_amplitude_does() -> None:
    """A LayerNorm straight after a stem without bias would divide the millivolts away, and with them hypertrophy."""
    encoder = ConvNeXt1d(SIZES["nano"])
    ecg = 0.2 * torch.randn(1, 12, 320)
    ecg.requires_grad_()
    encoder(ecg)[2].pow(2).sum().backward()
    assert (ecg.grad.abs().sum(dim=(0, 2)) > 0).all()
    with torch.no_grad():
        one, two = encoder(ecg)[2], encoder(2 * ecg)[2]
    assert (one - two).norm() / one.norm() > 0.02


def test_wrong_shapes_are_named() -> None:
    encoder = ConvNeXt1d(SIZES["nano"])
    with pytest.raises(ValueError, match="12 leads, the batch has 8"):
        encoder(torch.randn(1, 8, 100))
    with pytest.raises(ValueError, match=r"1\.\.100 samples, the batch has 0\.\.100"):
        encoder(torch.randn(2, 12, 100), torch.tensor([0, 100]))
