"""Floating-point operations of a model, for its share of a device's peak (MFU; Chowdhery et al. 2022, appendix B).

Only matrix products and convolutions count, 2 for each multiply-add; norms, activations and the contrastive loss (below
0.1 %) do not. Attention counts in full where it is causal too. A backward pass costs twice the forward pass, but for the
gradient of the ECG itself, which nobody needs; what checkpointing computes again is no useful work and does not count.

All figures are for one ECG or one text, without padding.
"""

from __future__ import annotations

from typing import Any

from esi.model import vit1d, xresnet1d
from esi.model.caption_decoder import CaptionDecoder
from esi.model.convnext1d import SIZES, STEM_STRIDE, Size
from esi.model.esi import ESI

KERNEL = 7  # of ConvNeXt's depthwise convolution


def convnext(size: Size, samples: int, leads: int) -> tuple[int, int]:
    """Forward pass: operations of the first layer, and of all layers."""
    length = -(-samples // STEM_STRIDE)
    first = total = 2 * length * STEM_STRIDE * leads * size.dims[0]
    before = size.dims[0]
    for stage, (depth, dim) in enumerate(zip(size.depths, size.dims, strict=True)):
        if stage:
            length = -(-length // 2)
            total += 2 * length * 2 * before * dim
        total += depth * 2 * length * (KERNEL * dim + 8 * dim * dim)
        before = dim
    return first, total


def vit(size: vit1d.Size, samples: int, leads: int) -> tuple[int, int]:
    """Forward pass: operations of the first layer, and of all layers."""
    length = -(-samples // size.patch)
    first = 2 * length * leads * size.patch * size.width
    return first, first + size.depth * _transformer_layer(length, size.width, 4 * size.width)


def xresnet(depths: tuple[int, ...], samples: int, leads: int) -> tuple[int, int]:
    """Forward pass: operations of the first layer, and of all layers."""
    kernel, width, dim = xresnet1d.KERNEL, xresnet1d.WIDTH, xresnet1d.STEM[-1]
    length = -(-samples // 2)
    first = total = 2 * length * leads * xresnet1d.STEM[0] * kernel
    for a, b in zip(xresnet1d.STEM, xresnet1d.STEM[1:], strict=False):
        total += 2 * length * a * b * kernel
    length = -(-length // 2)
    out = xresnet1d.EXPANSION * width
    for stage, depth in enumerate(depths):
        for place in range(depth):
            total += 2 * length * dim * width
            length = -(-length // 2) if stage and not place else length
            total += 2 * length * (width * width * kernel + width * out + (dim * out if dim != out else 0))
            dim = out
    return first, total


def signal_encoder(name: str, samples: int, leads: int) -> tuple[int, int]:
    """Forward pass of the encoder called `name`: operations of the first layer, and of all layers."""
    if name in SIZES:
        return convnext(SIZES[name], samples, leads)
    return vit(vit1d.BASE, samples, leads) if name == "vit" else xresnet(xresnet1d.DEPTHS_101, samples, leads)


def bert_training(config: Any, tokens: int, layers_trained: int) -> int:
    """Forward and backward pass of a Hugging Face BERT without pooling head whose last layers learn (-1: all of it)."""
    layer = _transformer_layer(tokens, config.hidden_size, config.intermediate_size)
    if layers_trained == -1:
        return 3 * config.num_hidden_layers * layer
    ends_here = 2 * tokens * 3 * config.hidden_size**2  # no gradient of what the first layer that learns reads
    return (config.num_hidden_layers + 2 * layers_trained) * layer - ends_here


def caption_decoder(decoder: CaptionDecoder, tokens: int, ecg_tokens: int) -> int:
    """Forward pass: a text of `tokens` predicts all but the first; logits of all positions."""
    dim, inputs = decoder.dim, tokens - 1
    memory = 2 * ecg_tokens * decoder.memory.in_features * dim
    cross = 2 * inputs * 2 * dim * dim + 2 * ecg_tokens * 2 * dim * dim + 4 * inputs * ecg_tokens * dim
    layer = _transformer_layer(inputs, dim, 4 * dim) + cross
    return memory + len(decoder.blocks) * layer + 2 * inputs * dim * decoder.embedding.num_embeddings


def training(model: ESI, samples: int, tokens: int, ecg_tokens: int) -> dict[str, int]:
    """Forward and backward pass of one pair by part of the model: signal_encoder, text_tower, caption_decoder.

    A frozen text tower counts 0: its texts are encoded once, not in the steps.

    Args:
        samples: of the ECG. tokens: of the text. ecg_tokens: what the signal encoder makes of the ECG.
    """
    settings, config = model.config.model, model.text.bert.config
    first, total = signal_encoder(settings.signal_encoder, samples, len(model.config.leads))
    result = {"signal_encoder": 3 * total - first, "text_tower": 0, "caption_decoder": 0}
    if model.config.contrastive and not model.text.frozen:
        result["text_tower"] = bert_training(config, tokens, settings.text_layers_trained)
    if model.decoder is not None:
        result["caption_decoder"] = 3 * caption_decoder(model.decoder, tokens, ecg_tokens)
    return result


def _transformer_layer(length: int, dim: int, inside: int) -> int:
    """Self-attention with its four projections, and a feed-forward part of `inside` channels."""
    return 2 * length * (4 * dim * dim + 2 * dim * inside) + 4 * length * length * dim
