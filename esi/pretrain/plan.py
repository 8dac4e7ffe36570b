"""What a run is to do: everything that decides its result, but for the machines that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from esi import files
from esi.closure import code_hash
from esi.model.config import EcgConfig
from esi.settings.data import Signal
from esi.settings.learning import Model, Train
from esi.settings.section import Section
from esi.train.launch import Launch
from esi.train.objective import Objective

# How a batch is spread over memory and time, not what is computed: a run on fewer processes goes on in more parts.
SPREADING = {"accumulate", "checkpoint_activations"}
# `start_from` is known by the weights that it gives, not by where they lay.
NOT_IN_IDENTITY = SPREADING | {"start_from"}
NOT_TOLD = NOT_IN_IDENTITY | {"compile", "log_every", "checkpoint_every"}  # by the model card: they decide nothing


@dataclass(frozen=True)
class Plan:
    """The pairs and the settings of a run.

    Attributes:
        train_data, validation_data: `esi.pairs.dataset.PairData`; the second may have no pairs.
        max_tokens: where the text tower cuts.
        method: a name of `esi.pretrain.methods.registry.METHODS`.
        own: the section of params.yaml that is called like the method, where there is one.
    """

    train_data: Any
    validation_data: Any
    signal: Signal
    model: Model
    train: Train
    max_tokens: int
    method: str = "esi"
    own: Section | None = None

    def trained_with(self) -> dict[str, Any]:
        """Settings that the model card lists."""
        own = self.own.model_dump(mode="json") if self.own is not None else {}
        return self.train.model_dump(mode="json", exclude=NOT_TOLD) | {f"{self.method}.{name}": own[name] for name in own}

    def identity(self, objective: Objective, config: EcgConfig, launch: Launch) -> dict[str, Any]:
        """By which a killed run is found again.

        Args:
            objective: before its first step, on its device. config: of the model that is exported.
        """
        weights = [part.detach().cpu().numpy().tobytes() for part in objective.state_dict().values()]
        return {
            "method": self.method,
            "own": self.own.model_dump(mode="json") if self.own is not None else None,
            "config": config.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json", exclude=NOT_IN_IDENTITY),
            "data": [self.train_data.fingerprint, self.validation_data.fingerprint],
            "first weights": files.content_hash(*weights),  # those of `train.start_from` among them
            "code": code_hash("esi.pretrain.run", "esi.pairs.dataset"),
            "precision": launch.precision,
            "device": launch.device.type,
        }
