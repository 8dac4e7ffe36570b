"""XResNet: its size, its norm without padding, and its layers against the plain ones."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from esi.model.xresnet1d import Block, GroupNorm, XResNet1d


def perturbed_block(dim: int, stride: int) -> Block:
    """A block whose last norm is not 0, as it is at the start."""
    torch.manual_seed(0)
    block = Block(dim, stride)
    for parameter in block.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return block


def test_parameter_count_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        encoder = XResNet1d()
    assert round(sum(part.numel() for part in encoder.parameters()) / 1e6, 2) == 1.80
    assert (
        len(encoder.blocks) * 3 + 3 + 1 + 1 == 104
    )  # convolutions: the blocks', the stem's, one shortcut's, and a head's layer


def test_group_norm_is_that_of_the_real_part() -> None:
    torch.manual_seed(0)
    norm = GroupNorm(32)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = 3 * torch.randn(3, 32, 20) + 5
    lengths = [20, 7, 1]
    mask = (torch.arange(20) < torch.tensor(lengths)[:, None])[:, None].float()
    out = norm(x, mask)
    for record, length in enumerate(lengths):
        part = x[record, :, :length].reshape(2, 16, length)
        mean, variance = part.mean(dim=(1, 2), keepdim=True), part.var(dim=(1, 2), keepdim=True, unbiased=False)
        normed = ((part - mean) / (variance + 1e-5).sqrt()).reshape(32, length)
        expected = normed * norm.weight[:, None] + norm.bias[:, None]
        torch.testing.assert_close(out[record, :, :length], expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(norm(x[record : record + 1, :, :length])[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("dim", "stride"), [(64, 1), (256, 1), (256, 2)])
@pytest.mark.parametrize("length", [1, 8, 13])
def test_a_padded_record_goes_through_a_block_as_alone(dim: int, stride: int, length: int) -> None:
    block = perturbed_block(dim, stride)
    x = torch.randn(1, dim, length)
    padded = torch.cat([torch.cat([x, 100 * torch.ones(1, dim, 15 - length)], dim=2), torch.randn(1, dim, 15)])
    before = (torch.arange(15) < torch.tensor([[length], [15]]))[:, None].float()
    count = -(-length // stride)
    after = (torch.arange(-(-15 // stride)) < torch.tensor([[count], [-(-15 // stride)]]))[:, None].float()
    alone = block(x, None, None)
    assert alone.shape == (1, 256, count)
    torch.testing.assert_close(block(padded, before, after)[:1, :, :count], alone, atol=1e-4, rtol=1e-4)


def test_a_block_starts_as_its_shortcut() -> None:
    """The last norm of each block starts at 0 (He et al. 2018)."""
    torch.manual_seed(0)
    encoder = XResNet1d(depths=(1, 2))
    x = torch.randn(2, 256, 9).relu()
    torch.testing.assert_close(encoder.blocks[2](x, None, None), x)
    torch.testing.assert_close(encoder.blocks[1](x, None, None)[:, :, -1], x[:, :, -1])  # odd: the last one is its own mean
    torch.testing.assert_close(encoder.blocks[1](x, None, None)[:, :, :-1], F.avg_pool1d(x, 2))


def test_records_of_a_batch_do_not_see_one_another() -> None:
    """As a BatchNorm in training mode would let them."""
    torch.manual_seed(0)
    encoder = XResNet1d(depths=(1, 1, 1, 1)).train()
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    ecg = torch.randn(2, 12, 200)
    other = torch.cat([ecg[:1], 10 * ecg[1:]])
    assert not list(encoder.buffers())
    torch.testing.assert_close(encoder(ecg)[2][0], encoder(other)[2][0])
