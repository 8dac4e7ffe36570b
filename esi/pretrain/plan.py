"""What a run is to do: everything that decides its result, but for the machines that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from esi import files
from esi.closure import code_hash
from esi.ecg.leads import LEADS
from esi.model.config import Config
from esi.model.esi import ESI
from esi.settings.data import Signal
from esi.settings.learning import Model, Train

# How a batch is spread over memory and time, not what is computed: a run on fewer processes goes on in more parts.
SPREADING = {"accumulate", "checkpoint_activations"}
NOT_TOLD = SPREADING | {"compile", "log_every", "checkpoint_every"}  # by the model card: they decide nothing


@dataclass(frozen=True)
class Plan:
    """The pairs and the settings of a run.

    Args:
        train_data, validation_data: `esi.pairs.dataset.PairData`; the second may have no pairs.
        max_tokens: where the text tower cuts.
    """

    train_data: Any
    validation_data: Any
    signal: Signal
    model: Model
    train: Train
    max_tokens: int

    def config(self) -> Config:
        """Of the model that is trained; a loss of weight 0 has no part in it."""
        return Config(
            signal=self.signal,
            model=self.model,
            leads=tuple(LEADS),
            max_tokens=self.max_tokens,
            contrastive=self.train.lambda_con > 0,
            captions=self.train.lambda_cap > 0,
            trained_with=self.train.model_dump(mode="json", exclude=NOT_TOLD),
        )

    def identity(self, first: ESI, precision: str) -> dict[str, Any]:
        """By which a killed run is found again; `first`: the model before its first step, on its device."""
        weights = [part.detach().cpu().numpy().tobytes() for part in first.state_dict().values()]
        return {
            "config": first.config.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json", exclude=SPREADING),
            "data": [self.train_data.fingerprint, self.validation_data.fingerprint],
            "first weights": files.content_hash(*weights),
            "code": code_hash("esi.pretrain.loop", "esi.pairs.dataset"),
            "precision": precision,
            "device": first.device.type,
        }
