"""The caption decoder: predicts a text token by token from the tokens before it and the ECG (paper section 3.2.1; CoCa).

It has token embeddings of its own. The text tower's states must not come in: BERT looks both ways, so its state at a
position already holds the next token and captioning would be copying.

Legend: B batch, L text tokens, S ECG tokens, D channels of the ECG tokens, E decoder dimension, H heads, K = E / H,
V vocabulary, N predicted positions, R texts that are written at once (one or more an ECG, those of an ECG side by side).
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

KeysValues = tuple[Tensor, Tensor]  # of one attention layer, [B, H, L or S, K] each


class Attention(nn.Module):
    """Multi-head attention of one sequence to another (or to itself, causally)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)  # softmax cancels a bias of the keys: it would never get a gradient
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def keys_values(self, memory_BSE: Tensor) -> KeysValues:
        """What a sequence is attended to by."""
        return self._by_head(self.key(memory_BSE)), self._by_head(self.value(memory_BSE))

    def forward(self, x_BLE: Tensor, memory: KeysValues, mask_BS: Tensor | None, causal: bool) -> Tensor:
        query = self._by_head(self.query(x_BLE))
        mask = None if mask_BS is None else mask_BS[:, None, None, :]
        # The fused kernel is slow in bfloat16 on CPUs: 28 ms a step for 48 texts of 117 tokens, the plain one 12.
        plain = query.device.type == "cpu" and query.dtype == torch.bfloat16
        with sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            mixed = F.scaled_dot_product_attention(query, *memory, attn_mask=mask, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _by_head(self, x_BLE: Tensor) -> Tensor:
        return x_BLE.unflatten(2, (self.heads, -1)).transpose(1, 2)


class DecoderBlock(nn.Module):
    """Pre-norm: causal self-attention, cross-attention to the ECG, feed-forward."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(dim)
        self.self_attention = Attention(dim, heads)
        self.cross_norm = nn.LayerNorm(dim)
        self.cross_attention = Attention(dim, heads)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x_BLE: Tensor, memory_BSE: Tensor, mask_BS: Tensor | None) -> Tensor:
        h_BLE = self.self_norm(x_BLE)
        x_BLE = x_BLE + self.self_attention(h_BLE, self.self_attention.keys_values(h_BLE), None, causal=True)
        return self._after_text(x_BLE, self.cross_attention.keys_values(memory_BSE), mask_BS)

    def step(self, x_R1E: Tensor, text: KeysValues | None, ecg: KeysValues, mask_BS: Tensor) -> tuple[Tensor, KeysValues]:
        """One more token of each text, after those whose keys and values are `text`; returns them with its own."""
        h_R1E = self.self_norm(x_R1E)
        own = self.self_attention.keys_values(h_R1E)
        text = own if text is None else (torch.cat([text[0], own[0]], dim=2), torch.cat([text[1], own[1]], dim=2))
        x_R1E = x_R1E + self.self_attention(h_R1E, text, None, causal=False)
        by_ecg = x_R1E.view(len(mask_BS), -1, x_R1E.shape[2])  # an ECG's texts share its keys and values, uncopied
        return self._after_text(by_ecg, ecg, mask_BS).view_as(x_R1E), text

    def _after_text(self, x_BLE: Tensor, ecg: KeysValues, mask_BS: Tensor | None) -> Tensor:
        x_BLE = x_BLE + self.cross_attention(self.cross_norm(x_BLE), ecg, mask_BS, causal=False)
        return x_BLE + self.feed(self.feed_norm(x_BLE))


@dataclass
class Cache:
    """What writing a text step by step computes once: each block's keys and values of the ECG, and of the text so far."""

    ecg: list[KeysValues]
    mask_BS: Tensor
    text: list[KeysValues | None]
    length: int = 0  # tokens in `text`

    def take(self, rows_R: Tensor) -> None:
        """Go on with these of the texts, some perhaps twice or not at all; an ECG's must stay its own."""
        self.text = [None if part is None else (part[0][rows_R], part[1][rows_R]) for part in self.text]


class CaptionDecoder(nn.Module):
    """A small causal transformer; its output projection is its token embedding (tied).

    Args:
        vocabulary: V.
        ecg_dim: D.
        dim, heads, layers: of the transformer.
    """

    def __init__(self, vocabulary: int, ecg_dim: int, dim: int, heads: int, layers: int) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.embedding.weight, std=0.02)  # small: the first logits are near 0 and the first loss near ln V
        self.memory = nn.Linear(ecg_dim, dim)
        self.blocks = nn.ModuleList(DecoderBlock(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, ids_BL: Tensor, tokens_BSD: Tensor, token_mask_BS: Tensor) -> Tensor:
        """The state [B, L, E] after each token; `logits` makes predictions of the next token of it.

        Text padding stands on the right, where no earlier position looks. The encoder is convolutional and says nothing of
        where a token stands in time, so position is added here: to the ECG tokens as to the text tokens.
        """
        x_BLE = self.embedding(ids_BL) * math.sqrt(self.dim)
        x_BLE = x_BLE + positions(ids_BL.shape[1], self.dim, ids_BL.device)
        memory_BSE = self._memory(tokens_BSD)
        for block in self.blocks:
            x_BLE = block(x_BLE, memory_BSE, token_mask_BS)
        return self.norm(x_BLE)

    def start(self, tokens_BSD: Tensor, token_mask_BS: Tensor) -> Cache:
        """A cache for `step`, with no text yet."""
        memory_BSE = self._memory(tokens_BSD)
        ecg = [block.cross_attention.keys_values(memory_BSE) for block in self.blocks]  # type: ignore[union-attr, operator]
        return Cache(ecg, token_mask_BS, [None] * len(self.blocks))

    def step(self, ids_R: Tensor, cache: Cache) -> Tensor:
        """The state [R, E] after one more token of each text, as `forward` gives it for the whole; the cache grows by it."""
        x_R1E = self.embedding(ids_R[:, None]) * math.sqrt(self.dim)
        x_R1E = x_R1E + positions(cache.length + 1, self.dim, ids_R.device)[cache.length :]
        for number, block in enumerate(self.blocks):
            x_R1E, cache.text[number] = block.step(x_R1E, cache.text[number], cache.ecg[number], cache.mask_BS)  # type: ignore[operator]
        cache.length += 1
        return self.norm(x_R1E).squeeze(1)

    def _memory(self, tokens_BSD: Tensor) -> Tensor:
        return self.memory(tokens_BSD) + positions(tokens_BSD.shape[1], self.dim, tokens_BSD.device)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores [..., V] of the next token for states [..., E]."""
        return F.linear(hidden, self.embedding.weight)

    def predictions(
        self, ids_BL: Tensor, mask_BL: Tensor, tokens_BSD: Tensor, token_mask_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States [N, E] at every position whose next token is real, and those next tokens [N].

        The one place where captions are shifted. The first token ([CLS]) is given, all others are predicted, [SEP] included.
        """
        hidden_BLE = self(ids_BL[:, :-1], tokens_BSD, token_mask_BS)
        real_BL = mask_BL[:, 1:]
        return hidden_BLE[real_BL], ids_BL[:, 1:][real_BL]


def positions(length: int, dim: int, device: torch.device) -> Tensor:
    """Sinusoidal positions [length, dim] (Vaswani et al. 2017, section 3.5): any length, nothing to learn."""
    steps = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, dim, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / dim))
    return torch.cat([torch.sin(steps * rates), torch.cos(steps * rates)], dim=1)[:, :dim]
