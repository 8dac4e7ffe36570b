"""Floating-point operations of a model, for its share of a device's peak (MFU; Chowdhery et al. 2022, appendix B).

Only matrix products and convolutions count, 2 for each multiply-add; norms, activations and the contrastive loss (below
0.1 %) do not. Attention counts in full where it is causal too. A backward pass costs twice the forward pass, but for the
gradient of the ECG itself, which nobody needs; what checkpointing computes again is no useful work and does not count.

All figures are for one ECG or one text, without padding. Signal encoders count their own (`SignalEncoder.flops`).
"""

from __future__ import annotations

from typing import Any

from esi.model.caption_decoder import CaptionDecoder
from esi.model.esi import ESI


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
    first, total = model.encoder.flops(samples)
    result = {"signal_encoder": 3 * total - first, "text_tower": 0, "caption_decoder": 0}
    if model.config.contrastive and not model.text.frozen:
        result["text_tower"] = bert_training(config, tokens, settings.text_layers_trained)
    if model.decoder is not None:
        result["caption_decoder"] = 3 * caption_decoder(model.decoder, tokens, ecg_tokens)
    return result


def _transformer_layer(length: int, dim: int, inside: int) -> int:
    """Self-attention with its four projections, and a feed-forward part of `inside` channels."""
    return 2 * length * (4 * dim * dim + 2 * dim * inside) + 4 * length * length * dim
