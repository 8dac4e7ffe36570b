"""The written-out operation counts are those that PyTorch counts while the models run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import flops
from tests.model.counted import counted
from tests.model.mini import mini_esi


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
