"""The Vision Transformer: its size, its positions, and attention that does not see padding."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from esi.model.vit1d import BASE, Block, Size, ViT1d, rotate, rotations

MINI = Size(width=32, depth=2, heads=4, patch=16)


def perturbed(**arguments: bool) -> ViT1d:
    """A small one whose biases are not 0 and whose attention is not flat."""
    torch.manual_seed(0)
    encoder = ViT1d(MINI, **arguments)
    for parameter in encoder.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return encoder


def test_parameter_count_is_vit_base_of_16() -> None:
    """Dosovitskiy et al. 2020, table 1: 12 layers, 768, 3072, 12 heads; counted layer by layer. The paper's 84.92 M is below
    what the weight matrices of the twelve blocks hold, so no encoder of that layout can have it."""
    with torch.device("meta"):
        encoder = ViT1d(BASE)
    count = sum(part.numel() for part in encoder.parameters())
    block = 2 * 2 * 768 + (768 + 1) * 3 * 768 + (768 + 1) * 768 + (768 + 1) * 3072 + (3072 + 1) * 768
    assert count == (12 * 16 + 1) * 768 + 12 * block + 2 * 768
    assert round(count / 1e6, 2) == 85.20
    assert sum(part.numel() for block in encoder.blocks for part in block.parameters() if part.ndim == 2) > 84.925e6


def test_block_equals_pytorch_s_transformer_layer_without_positions() -> None:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(
        32, 4, 128, dropout=0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    block = Block(32, 4)
    pairs = {
        "attention_norm": layer.norm1,
        "join": layer.self_attn.out_proj,
        "feed_norm": layer.norm2,
        "expand": layer.linear1,
        "reduce": layer.linear2,
    }
    for name, module in pairs.items():
        block.get_submodule(name).load_state_dict(module.state_dict())
    block.query_key_value.weight.data = layer.self_attn.in_proj_weight.data
    block.query_key_value.bias.data = layer.self_attn.in_proj_bias.data
    x = torch.randn(2, 9, 32)
    mask = torch.arange(9) < torch.tensor([9, 4])[:, None]
    still = (torch.ones(9, 4), torch.zeros(9, 4))
    expected = layer(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(block(x, *still, mask)[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_rotation_is_that_of_complex_numbers_and_depends_on_distance_alone() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)
    cosines, sines = rotations(50, 8, torch.device("cpu"))
    turned_query, turned_key = (rotate(x.expand(50, 8), cosines, sines) for x in (query, key))

    position, pair = 7, 1  # channels 1 and 5
    angle = position * 10_000 ** (-2 * pair / 8)
    turned = complex(query[pair], query[pair + 4]) * complex(math.cos(angle), math.sin(angle))
    torch.testing.assert_close(turned_query[position, [pair, pair + 4]], torch.tensor([turned.real, turned.imag]))

    scores = turned_query @ turned_key.T
    torch.testing.assert_close(scores[3:, 3:], scores[:-3, :-3], atol=1e-4, rtol=1e-4)
    assert (scores[0, 1] - scores[0, 5]).abs() > 1e-2


def test_order_matters() -> None:
    """Without positions a transformer's pooled vector is the same for shuffled patches."""
    encoder = perturbed().eval()
    ecg = torch.randn(1, 12, 10, MINI.patch)
    with torch.no_grad():
        as_is, shuffled = encoder(ecg.flatten(2))[2], encoder(ecg[:, :, torch.randperm(10)].flatten(2))[2]
    assert (as_is - shuffled).norm() / as_is.norm() > 1e-3


def test_patches_are_a_strided_convolution() -> None:
    encoder = perturbed()
    ecg = torch.randn(2, 12, 64)
    weight = encoder.embed.weight.reshape(MINI.width, 12, MINI.patch)
    seen = []
    encoder.embed.register_forward_hook(lambda _, __, out: seen.append(out))
    encoder(ecg)
    expected = F.conv1d(ecg, weight, encoder.embed.bias, stride=MINI.patch).transpose(1, 2)
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=1e-5)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="width of 36 .* 4 heads"):
        ViT1d(Size(36, 1, 4, 16))
