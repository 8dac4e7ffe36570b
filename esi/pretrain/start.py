"""Pretraining that starts from an exported model of the same kind, and carries along what that one has seen."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from esi.errors import EsiError
from esi.model import export, manifest
from esi.model.config import Config, EcgConfig
from esi.model.ecg_model import EcgModel

# Settings of ESI that decide which weights there are, or what they mean.
ESI_ALIKE = ("text_tower", "embedding_dim", "decoder_layers", "decoder_heads", "decoder_dim", "contrastive_loss")


class StartError(EsiError):
    """`train.start_from` is no model that this run could go on with."""


@dataclass(frozen=True)
class Start:
    """An exported model, `seen` being its manifest: None where it does not say whose ECGs it was trained on."""

    name: str
    folder: Path
    seen: pa.Table | None

    @staticmethod
    def of(name: str) -> Start:
        """The model in a folder or Hub repository.

        Raises:
            EsiError: there is none.
        """
        folder = export.located(name)
        return Start(name, folder, export.read_manifest(folder))

    def into(self, model: EcgModel) -> None:
        """Give a fresh model its weights.

        Raises:
            EsiError: the two differ in what decides which weights there are; each difference is a setting in params.yaml.
        """
        config = export.read_config(self.folder)
        differing = [
            f"{setting} is {mine} in params.yaml and {theirs} there"
            for setting, mine, theirs in _compared(model.config, config)
            if mine != theirs
        ]
        if differing:
            raise StartError(
                f"pretraining cannot start from {self.name} (train.start_from): {'; '.join(differing)}: "
                "set them alike, or name another model"
            )
        export.check_weights(self.folder, model.state_dict())
        model.load_state_dict(export.read_weights(self.folder))

    def and_then(self, pairs: pa.Table) -> pa.Table | None:
        """The manifest of a model that has seen what this one had, and then pairs."""
        if self.seen is None or not manifest.by_release(self.seen):
            print(
                f"{self.name} does not say whose ECGs it was trained on, so that nobody knows what this model has seen: it "
                "gets no training.parquet, and the stages that evaluate will refuse it",
                file=sys.stderr,
            )
            return None
        return manifest.joined(self.seen, pairs)


def _compared(mine: EcgConfig, theirs: EcgConfig) -> list[tuple[str, object, object]]:
    """Settings, each with this run's value and the other model's."""
    if mine.architecture != theirs.architecture:
        return [("pretrain.method", f"{mine.method} ({mine.architecture})", f"{theirs.method} ({theirs.architecture})")]
    rows: list[tuple[str, object, object]] = [
        ("model.signal_encoder", mine.encoder, theirs.encoder),
        ("signal.rate", mine.signal.rate, theirs.signal.rate),
        ("signal.highpass_hz", mine.signal.highpass_hz, theirs.signal.highpass_hz),
        ("the order of the leads", mine.leads, theirs.leads),
    ]
    if isinstance(mine, Config) and isinstance(theirs, Config):
        rows += [(f"model.{name}", getattr(mine.model, name), getattr(theirs.model, name)) for name in ESI_ALIKE]
        rows.append(("train.lambda_cap", _above(mine.captions), _above(theirs.captions)))
    return rows


def _above(captions: bool) -> str:
    return "above 0" if captions else "0"
