"""ConvNeXt V2 for 1-D signals: the ECG encoder (paper section 4.1 and Table 5b; Woo et al. 2023, arXiv:2301.00808).

Legend: B batch, C leads, T samples, L tokens of a stage, S tokens of the last stage, D channels.

Padding never counts. Every stage knows how many tokens of each record are real: a batch of equal lengths is cropped to them,
and in a batch of unequal lengths the others are zeroed before each convolution (which is what the convolution's own zero
padding would hold there) and left out of every statistic. A record's tokens are therefore the same with or without padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from esi.model.signal_encoder import SignalEncoder
from esi.model.valid_lengths import outputs, real_part, real_tokens

STEM_STRIDE = 4
KERNEL = 7  # of the depthwise convolutions
STRIDE = STEM_STRIDE * 2 * 2 * 2  # samples a token of the last stage


@dataclass(frozen=True)
class Size:
    """Blocks and channels of the four stages."""

    depths: tuple[int, int, int, int]
    dims: tuple[int, int, int, int]


# nano: 1.77 M; forward + backward of 12 x 1000 samples on 2 cores: 3.4 ms in float32, 1.4 ms in bfloat16.
SIZES = {
    "nano": Size((2, 2, 4, 2), (32, 64, 128, 256)),
    "tiny": Size((3, 3, 9, 3), (96, 192, 384, 768)),
    "base": Size((3, 3, 27, 3), (128, 256, 512, 1024)),
}


class GlobalResponseNorm(nn.Module):
    """Weighs each channel by its share of the energy over time (Woo et al. 2023, section 3.3)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(dim))
        self.beta = nn.Parameter(torch.zeros(dim))

    def forward(self, x_BLD: Tensor, mask_BL1: Tensor | None) -> Tensor:
        counted_BLD = x_BLD if mask_BL1 is None else x_BLD * mask_BL1
        # Not torch.linalg.vector_norm: over a middle dimension it takes 4 to 30 times as long on CPUs.
        energy_B1D = (counted_BLD.square().sum(dim=1, keepdim=True, dtype=torch.float32) + 1e-12).sqrt()
        share_B1D = energy_B1D / (energy_B1D.mean(dim=-1, keepdim=True) + 1e-6)
        return torch.addcmul(self.beta.to(x_BLD.dtype), x_BLD, (self.gamma * share_B1D + 1).to(x_BLD.dtype))


class Block(nn.Module):
    """Depthwise convolution of width 7, LayerNorm, pointwise x4, GELU, GRN, pointwise, residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # A 2-D convolution of height 1 reads the [B, L, D] layout as channels-last and needs no copy, which saves 10-15 %.
        self.depthwise = nn.Conv2d(dim, dim, (1, KERNEL), padding=(0, KERNEL // 2), groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.expand = nn.Linear(dim, 4 * dim)
        self.response = GlobalResponseNorm(4 * dim)
        self.reduce = nn.Linear(4 * dim, dim)

    def forward(self, x_BLD: Tensor, mask_BL1: Tensor | None) -> Tensor:
        seen_BLD = x_BLD if mask_BL1 is None else x_BLD * mask_BL1
        h_BLD = self.depthwise(seen_BLD.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        h_BLD = self.reduce(self.response(F.gelu(self.expand(self.norm(h_BLD))), mask_BL1))
        return x_BLD + h_BLD


class Downsample(nn.Module):
    """LayerNorm, then a convolution of width 2 and stride 2, as a Linear over pairs of tokens."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.linear = nn.Linear(2 * dim, out)

    def forward(self, x_BLD: Tensor, mask_BL1: Tensor | None) -> Tensor:
        h_BLD = self.norm(x_BLD)
        if mask_BL1 is not None:
            h_BLD = h_BLD * mask_BL1
        h_BLD = F.pad(h_BLD, (0, 0, 0, h_BLD.shape[1] % 2))
        return self.linear(h_BLD.reshape(h_BLD.shape[0], h_BLD.shape[1] // 2, -1))


class ConvNeXt1d(SignalEncoder):
    """Tokens are layer-normed, 32 samples each; the pooled vector is their mean.

    Args:
        size: blocks and channels, one of `SIZES` or your own.
        leads: C.
        checkpoint_activations: compute the blocks again in the backward pass instead of keeping what is in them.
    """

    def __init__(self, size: Size, leads: int = 12, checkpoint_activations: bool = False) -> None:
        super().__init__()
        self.checkpoint_activations = checkpoint_activations
        self.leads, self.dim, self.stride = leads, size.dims[-1], STRIDE
        self.size = size
        self.stem = nn.Linear(STEM_STRIDE * leads, size.dims[0])
        self.stem_norm = nn.LayerNorm(size.dims[0], eps=1e-6)
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(dim) for _ in range(depth)) for depth, dim in zip(size.depths, size.dims, strict=True)
        )
        self.downsamples = nn.ModuleList(Downsample(a, b) for a, b in zip(size.dims, size.dims[1:], strict=False))
        self.norm = nn.LayerNorm(self.dim, eps=1e-6)
        for name, module in self.named_modules():
            # The stem keeps PyTorch's own start: its LayerNorm divides the amplitude away where its bias is 0.
            if isinstance(module, (nn.Linear, nn.Conv2d)) and name != "stem":
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        ecg_BCT, valid_B = real_part(ecg_BCT, valid_B, self.leads, STEM_STRIDE)
        batch, leads, samples = ecg_BCT.shape
        length, stride = samples // STEM_STRIDE, STEM_STRIDE
        x_BLD = (
            ecg_BCT.reshape(batch, leads, length, STEM_STRIDE).transpose(1, 2).reshape(batch, length, leads * STEM_STRIDE)
        )
        x_BLD = self.stem_norm(self.stem(x_BLD))
        mask_BL1 = _mask(valid_B, stride, x_BLD)
        for number, blocks in enumerate(self.stages):
            if number:
                x_BLD = self.downsamples[number - 1](x_BLD, mask_BL1)
                stride *= 2
                mask_BL1 = _mask(valid_B, stride, x_BLD)
            for block in blocks:  # type: ignore[attr-defined]
                # Tiny, 16 records of 12 x 5000 in float32: the forward pass then keeps 195 MiB instead of 2,049.
                if self.checkpoint_activations and torch.is_grad_enabled():
                    x_BLD = checkpoint(block, x_BLD, mask_BL1, use_reentrant=False)
                else:
                    x_BLD = block(x_BLD, mask_BL1)
        return outputs(self.norm(x_BLD), None if mask_BL1 is None else mask_BL1.squeeze(2))

    def layers(self) -> list[list[nn.Module]]:
        blocks: list[list[nn.Module]] = [[block] for stage in self.stages for block in stage]  # type: ignore[attr-defined]
        first = 0
        for depth, downsample in zip(self.size.depths, self.downsamples, strict=False):
            first += depth
            blocks[first].append(downsample)
        blocks[-1].append(self.norm)
        return [[self.stem, self.stem_norm], *blocks]

    def flops(self, samples: int) -> tuple[int, int]:
        length, before = -(-samples // STEM_STRIDE), self.size.dims[0]
        first = total = 2 * length * STEM_STRIDE * self.leads * before
        for stage, (depth, dim) in enumerate(zip(self.size.depths, self.size.dims, strict=True)):
            if stage:
                length = -(-length // 2)
                total += 2 * length * 2 * before * dim
            total += depth * 2 * length * (KERNEL * dim + 8 * dim * dim)
            before = dim
        return first, total


def _mask(valid_B: Tensor | None, stride: int, x_BLD: Tensor) -> Tensor | None:
    """[B, L, 1] bool, True for the tokens of x that are real; None where all are."""
    return None if valid_B is None else real_tokens(valid_B, stride, x_BLD.shape[1], x_BLD.device)[:, :, None]
