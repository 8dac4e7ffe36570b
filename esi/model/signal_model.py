"""A signal encoder alone: what methods without texts pretrain and export."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch

from esi.model import export
from esi.model.config import EcgConfig, EncoderConfig
from esi.model.ecg_model import EcgModel
from esi.model.encoders import build_encoder


class SignalModel(EcgModel):
    """Encodes ECGs and can do nothing else; see `EcgModel`."""

    config: EncoderConfig

    def __init__(self, config: EncoderConfig, checkpoint_activations: bool = False) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config.signal_encoder, len(config.leads), checkpoint_activations)

    @classmethod
    def fresh(cls, config: EncoderConfig, seed: int, checkpoint_activations: bool = False) -> SignalModel:
        """A model to pretrain, drawn by `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config, checkpoint_activations)

    @classmethod
    def _of_export(cls, folder: Path, config: EcgConfig) -> Self:
        if not isinstance(config, EncoderConfig):
            raise export.of_another_class(folder, config, "a signal encoder alone")
        return cls(config)
