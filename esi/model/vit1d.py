"""Vision Transformer for 1-D signals: an ECG encoder of the paper's Table 5b (Dosovitskiy et al. 2020, arXiv:2010.11929).

The layout is ViT-B/16's: patches of 16 samples of all leads, 12 pre-norm blocks of width 768 with 12 heads and a fourfold
MLP, biases everywhere, a last LayerNorm. Two things differ, for any length and one contract with the other encoders:

- Positions are rotary (Su et al. 2021, arXiv:2104.09864): they hold for any length, and attention sees how far apart two
  patches are, not where an arbitrary cut of the recording began.
- The pooled vector is the tokens' mean, not a class token (as good: Dosovitskiy et al. 2020, appendix D.3).

This is 85.20 M parameters. The paper's 84.92 M cannot be met by a width of 768 and 12 blocks: their weight matrices alone,
without any bias, norm or patch embedding, hold 84.93 M; and the published code has no ViT to look it up in.

Legend: B batch, C leads, T samples, S tokens, D channels, H heads, K channels of a head, R = K / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from esi.model.signal_encoder import SignalEncoder
from esi.model.valid_lengths import outputs, real_part, real_tokens

ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class Size:
    """Channels, blocks, attention heads, and samples a patch."""

    width: int
    depth: int
    heads: int
    patch: int


BASE = Size(768, 12, 12, 16)


def rotations(length: int, channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, channels / 2] that turn pairs of channels by an angle that grows with the position."""
    rates_R = ROTARY_BASE ** (-torch.arange(0, channels, 2, device=device, dtype=torch.float32) / channels)
    angles_SR = torch.arange(length, device=device, dtype=torch.float32)[:, None] * rates_R
    return angles_SR.cos(), angles_SR.sin()


def rotate(x: Tensor, cos_SR: Tensor, sin_SR: Tensor) -> Tensor:
    """Turn queries or keys [..., S, K], channel r together with channel r + K / 2."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos_SR - second * sin_SR, first * sin_SR + second * cos_SR], dim=-1)


class Block(nn.Module):
    """LayerNorm, self-attention, residual; LayerNorm, MLP, residual."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim, eps=1e-6)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.join = nn.Linear(dim, dim)
        self.feed_norm = nn.LayerNorm(dim, eps=1e-6)
        self.expand = nn.Linear(dim, 4 * dim)
        self.reduce = nn.Linear(4 * dim, dim)

    def forward(self, x_BSD: Tensor, cos_SR: Tensor, sin_SR: Tensor, mask_BS: Tensor | None) -> Tensor:
        batch, length, dim = x_BSD.shape
        mixed = self.query_key_value(self.attention_norm(x_BSD))
        mixed_3BHSK = mixed.view(batch, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        query, key = rotate(mixed_3BHSK[:2], cos_SR.to(mixed.dtype), sin_SR.to(mixed.dtype))
        seen_B11S = None if mask_BS is None else mask_BS[:, None, None]
        read_BHSK = F.scaled_dot_product_attention(query, key, mixed_3BHSK[2], attn_mask=seen_B11S)
        x_BSD = x_BSD + self.join(read_BHSK.transpose(1, 2).reshape(batch, length, dim))
        return x_BSD + self.reduce(F.gelu(self.expand(self.feed_norm(x_BSD))))


class ViT1d(SignalEncoder):
    """Tokens are layer-normed, a patch each; the pooled vector is their mean.

    Args:
        size: `BASE` or your own.
        leads: C.
        checkpoint_activations: compute the blocks again in the backward pass instead of keeping what is in them.
    """

    def __init__(self, size: Size = BASE, leads: int = 12, checkpoint_activations: bool = False) -> None:
        super().__init__()
        if size.width % (2 * size.heads):
            raise ValueError(f"a width of {size.width} does not give each of {size.heads} heads an even number of channels")
        self.leads, self.dim, self.stride = leads, size.width, size.patch
        self.size = size
        self.checkpoint_activations = checkpoint_activations
        self.embed = nn.Linear(leads * size.patch, size.width)
        self.blocks = nn.ModuleList(Block(size.width, size.heads) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width, eps=1e-6)
        for name, module in self.named_modules():
            # The patch embedding keeps PyTorch's own start, where amplitude shows more: at width 192, twice the millivolts
            # move the pooled vector by 61 % of its length, with the start of the other layers by 39 %.
            if isinstance(module, nn.Linear) and name != "embed":
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        patch = self.size.patch
        ecg_BCT, valid_B = real_part(ecg_BCT, valid_B, self.leads, multiple=patch)
        batch, leads, samples = ecg_BCT.shape
        length = samples // patch
        mask_BS = None if valid_B is None else real_tokens(valid_B, patch, length, ecg_BCT.device)
        patches = ecg_BCT.reshape(batch, leads, length, patch).transpose(1, 2).reshape(batch, length, leads * patch)
        x_BSD = self.embed(patches)
        cos_SR, sin_SR = rotations(length, self.dim // self.size.heads, ecg_BCT.device)
        for block in self.blocks:
            if self.checkpoint_activations and torch.is_grad_enabled():
                x_BSD = checkpoint(block, x_BSD, cos_SR, sin_SR, mask_BS, use_reentrant=False)
            else:
                x_BSD = block(x_BSD, cos_SR, sin_SR, mask_BS)
        return outputs(self.norm(x_BSD), mask_BS)

    def layers(self) -> list[list[nn.Module]]:
        blocks: list[list[nn.Module]] = [[block] for block in self.blocks]
        blocks[-1].append(self.norm)
        return [[self.embed], *blocks]

    def flops(self, samples: int) -> tuple[int, int]:
        length = -(-samples // self.size.patch)
        first = 2 * length * self.leads * self.size.patch * self.dim
        # A block: four projections and a feed-forward part of 8 D x D, and attention, all pairs of tokens twice.
        return first, first + self.size.depth * (2 * length * 12 * self.dim**2 + 4 * length**2 * self.dim)
