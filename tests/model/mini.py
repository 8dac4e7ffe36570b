"""A BERT and settings small enough to build in a test."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from esi.ecg.leads import LEADS
from esi.model.config import Config
from esi.model.esi import ESI
from esi.settings.data import Signal
from esi.settings.learning import Model

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["sinus", "rhythm", "atrial", "fibrillation", "infarction", "inferior", "anterior", "left", "right", "bundle"]
WORDS += ["branch", "block", "old", "man", "woman", "a", "of", "with", "and", "."]


def mini_bert(folder: Path) -> Path:
    """A two-layer BERT of 32 dimensions with a WordPiece vocabulary of words and letters, as from_pretrained wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for prefix in ("", "##")]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(dict.fromkeys(SPECIAL + WORDS + letters)) + "\n")
    tokenizer = BertTokenizerFast(str(vocabulary))
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


def mini_settings(folder: Path, **changes: object) -> Model:
    """Model settings with the mini BERT in `folder`."""
    return Model.model_validate(
        {
            "signal_encoder": "nano",
            "text_tower": str(folder),
            "text_layers_trained": 0,
            "embedding_dim": 16,
            "decoder_layers": 2,
            "decoder_heads": 2,
            "decoder_dim": 32,
            "contrastive_loss": "infonce",
            "initial_logit_scale": 14.3,
            "max_logit_scale": 100.0,
            "initial_logit_bias": -10.0,
        }
        | changes
    )


def mini_esi(folder: Path, contrastive: bool = True, captions: bool = True, **changes: object) -> ESI:
    """A fresh model over the mini BERT, which is written to `folder` if it is not there."""
    if not (folder / "config.json").exists():
        mini_bert(folder)
    signal = Signal(rate=100, highpass_hz=0.5)
    model = mini_settings(folder, **changes)
    config = Config(signal=signal, model=model, leads=LEADS, max_tokens=32, contrastive=contrastive, captions=captions)
    return ESI.fresh(config, seed=0)
