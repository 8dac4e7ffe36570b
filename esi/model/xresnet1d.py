"""XResNet for 1-D signals: an ECG encoder of the paper's Table 5b (Strodthoff et al. 2020, arXiv:2004.13701: xresnet1d101).

Layout as in the authors' published code, whose head is not part of it: a stem of three convolutions (32, 32, 64 channels,
the first with stride 2) and a max-pooling, then 3, 4, 23 and 3 bottleneck blocks, all 64 channels wide inside and 256
outside, kernels of 5, mean-pooling on the shortcuts, the last norm of a block starting at 0 (He et al. 2018,
arXiv:1812.01187). 1.80 M parameters.

Norms are GroupNorm (Wu and He 2018, arXiv:1803.08494) with 16 channels a group and a record's real samples alone, where the
original has BatchNorm with as many parameters. BatchNorm would tie the records of a batch together: contrastive learning
then cheats through its statistics (He et al. 2019, arXiv:1911.05722, section 3.3), parts of a batch on several processes or
in several passes do not give the whole batch's gradients, each pass of a recomputation counts again in the running averages,
and those need care of their own in averaged and frozen encoders. But a GroupNorm straight after the first convolution, which
has no bias there, would divide the millivolts away: in its place stands that bias alone.

The pooled vector is the tokens' mean, as in the other encoders (the original: mean and maximum, which is part of its head).

Legend: B batch, C leads, T samples, L tokens of a layer, S of the last one, D channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from esi.model.signal_encoder import SignalEncoder
from esi.model.valid_lengths import outputs, real_part, real_tokens

DEPTHS_101 = (3, 4, 23, 3)
STEM = (32, 32, 64)
WIDTH = 64  # inside a block
EXPANSION = 4  # of a block's output over its inside
KERNEL = 5
GROUP = 16  # channels


class GroupNorm(nn.GroupNorm):
    """GroupNorm whose statistics leave padding out."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim // GROUP, dim)

    def forward(self, x_BDL: Tensor, mask_B1L: Tensor | None = None) -> Tensor:
        if mask_B1L is None:
            return super().forward(x_BDL)
        batch, dim, length = x_BDL.shape
        grouped = x_BDL.float().reshape(batch, self.num_groups, GROUP, length)
        mask_B11L = mask_B1L[:, None]
        count_B111 = GROUP * mask_B11L.sum(dim=3, keepdim=True)
        mean = (grouped * mask_B11L).sum(dim=(2, 3), keepdim=True) / count_B111
        centred = (grouped - mean) * mask_B11L
        variance = centred.square().sum(dim=(2, 3), keepdim=True) / count_B111
        normed_BDL = (centred * torch.rsqrt(variance + self.eps)).reshape(batch, dim, length)
        return torch.addcmul(self.bias[:, None], normed_BDL, self.weight[:, None]).to(x_BDL.dtype)


def zeroed(x_BDL: Tensor, mask_B1L: Tensor | None) -> Tensor:
    """0 where padded, which is what the next convolution's own padding would hold there."""
    return x_BDL if mask_B1L is None else x_BDL * mask_B1L


def convolution(dim: int, out: int, kernel: int = KERNEL, stride: int = 1, bias: bool = False) -> nn.Conv1d:
    """A convolution that makes ceil(L / stride) tokens of L."""
    return nn.Conv1d(dim, out, kernel, stride, padding=kernel // 2, bias=bias)


class Block(nn.Module):
    """Pointwise, convolution, pointwise, each with its norm; plus the shortcut."""

    def __init__(self, dim: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.reduce, self.reduce_norm = convolution(dim, WIDTH, kernel=1), GroupNorm(WIDTH)
        self.mix, self.mix_norm = convolution(WIDTH, WIDTH, stride=stride), GroupNorm(WIDTH)
        self.expand, self.expand_norm = convolution(WIDTH, EXPANSION * WIDTH, kernel=1), GroupNorm(EXPANSION * WIDTH)
        self.shortcut = self.shortcut_norm = None
        if dim != EXPANSION * WIDTH:
            self.shortcut = convolution(dim, EXPANSION * WIDTH, kernel=1)
            self.shortcut_norm = GroupNorm(EXPANSION * WIDTH)

    def forward(self, x_BDL: Tensor, before_B1L: Tensor | None, after_B1L: Tensor | None) -> Tensor:
        """`before` and `after` mask the block's input and output."""
        h_BDL = F.relu(self.reduce_norm(self.reduce(x_BDL), before_B1L))
        h_BDL = F.relu(self.mix_norm(self.mix(zeroed(h_BDL, before_B1L)), after_B1L))
        h_BDL = self.expand_norm(self.expand(h_BDL), after_B1L)
        if self.stride > 1:
            x_BDL = F.avg_pool1d(zeroed(x_BDL, before_B1L), self.stride, ceil_mode=True)
            if before_B1L is not None:  # a record's last window may be part padding
                x_BDL = x_BDL / F.avg_pool1d(before_B1L, self.stride, ceil_mode=True).clamp(min=1 / self.stride)
        if self.shortcut is not None and self.shortcut_norm is not None:
            x_BDL = self.shortcut_norm(self.shortcut(x_BDL), after_B1L)
        return F.relu(h_BDL + x_BDL)


class XResNet1d(SignalEncoder):
    """Tokens are 256 channels, none negative; the pooled vector is their mean.

    Args:
        depths: blocks of the four stages.
        leads: C.
        checkpoint_activations: compute the blocks again in the backward pass instead of keeping what is in them.
    """

    def __init__(self, depths: tuple[int, ...] = DEPTHS_101, leads: int = 12, checkpoint_activations: bool = False) -> None:
        super().__init__()
        self.leads, self.dim = leads, EXPANSION * WIDTH
        self.stride = 4 * 2 ** (len(depths) - 1)
        self.depths = depths
        self.checkpoint_activations = checkpoint_activations
        self.stem = nn.ModuleList(
            [convolution(leads, STEM[0], stride=2, bias=True), convolution(STEM[0], STEM[1]), convolution(STEM[1], STEM[2])]
        )
        self.stem_norms = nn.ModuleList(GroupNorm(dim) for dim in STEM[1:])
        self.blocks = nn.ModuleList(
            Block(self.dim if stage or place else STEM[-1], stride=2 if stage and not place else 1)
            for stage, depth in enumerate(depths)
            for place in range(depth)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, Block):
                nn.init.zeros_(module.expand_norm.weight)

    def forward(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        x_BDL, valid_B = real_part(ecg_BCT, valid_B, self.leads)
        stride = 2
        x_BDL = F.relu(self.stem[0](x_BDL))
        mask_B1L = _mask(valid_B, stride, x_BDL)
        for layer, norm in zip(self.stem[1:], self.stem_norms, strict=True):
            x_BDL = F.relu(norm(layer(zeroed(x_BDL, mask_B1L)), mask_B1L))
        # After a ReLU a padding of zeros is never the maximum of a window with a real token in it.
        x_BDL = F.max_pool1d(zeroed(x_BDL, mask_B1L), 3, stride=2, padding=1)
        stride *= 2
        mask_B1L = _mask(valid_B, stride, x_BDL)
        for block in self.blocks:
            before_B1L = mask_B1L
            if block.stride > 1:  # type: ignore[operator]
                stride *= 2
                mask_B1L = _mask(valid_B, stride, x_BDL[:, :, ::2])
            if self.checkpoint_activations and torch.is_grad_enabled():
                x_BDL = checkpoint(block, x_BDL, before_B1L, mask_B1L, use_reentrant=False)
            else:
                x_BDL = block(x_BDL, before_B1L, mask_B1L)
        return outputs(x_BDL.transpose(1, 2), None if mask_B1L is None else mask_B1L[:, 0] > 0)

    def layers(self) -> list[list[nn.Module]]:
        return [[self.stem, self.stem_norms], *([block] for block in self.blocks)]

    def flops(self, samples: int) -> tuple[int, int]:
        length = -(-samples // 2)
        first = total = 2 * length * self.leads * STEM[0] * KERNEL
        for a, b in pairwise(STEM):
            total += 2 * length * a * b * KERNEL
        length, dim = -(-length // 2), STEM[-1]
        for stage, depth in enumerate(self.depths):
            for place in range(depth):
                total += 2 * length * dim * WIDTH
                length = -(-length // 2) if stage and not place else length
                shortcut = dim * self.dim if dim != self.dim else 0
                total += 2 * length * (WIDTH * WIDTH * KERNEL + WIDTH * self.dim + shortcut)
                dim = self.dim
        return first, total


def _mask(valid_B: Tensor | None, stride: int, x_BDL: Tensor) -> Tensor | None:
    """[B, 1, L] in x's type, 1 where real, for tokens of `stride` samples; None where no record is padded."""
    if valid_B is None:
        return None
    return real_tokens(valid_B, stride, x_BDL.shape[2], x_BDL.device)[:, None].to(x_BDL.dtype)
