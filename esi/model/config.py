"""What an exported model is, written beside its weights: which ECGs it reads, which method trained it, what it can do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, field_validator

from esi.settings.data import Signal
from esi.settings.learning import Model, SignalEncoderName
from esi.settings.section import Section

Ability = Literal["encode", "zero_shot", "caption"]


class EcgConfig(Section):
    """All that is needed to feed a model of ECGs rightly; `architecture` says which class it is (`esi.model.load`)."""

    architecture: str
    method: str = "esi"  # that pretrained it (`esi.pretrain.methods`)
    signal: Signal  # what the ECGs were like that the model was trained on
    leads: tuple[str, ...] = Field(min_length=1)  # by name, in the order of the signal encoder's input
    units: Literal["millivolts"] = "millivolts"
    normalisation: Literal["none"] = "none"  # amplitudes are read as they are: voltage criteria need them
    trained_with: dict[str, JsonValue] = Field(default_factory=dict)  # settings and data that the model card lists

    @field_validator("leads")
    @classmethod
    def _leads_differ(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.upper() for name in leads}) < len(leads):
            raise ValueError(f"leads {list(leads)} name one twice: give each once")
        return leads

    @property
    def encoder(self) -> str:
        """The name of the signal encoder."""
        raise NotImplementedError

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the model can do: `encode` ECGs into features, name classes by their texts (`zero_shot`), `caption`."""
        return frozenset({"encode"})


class EncoderConfig(EcgConfig):
    """Of a signal encoder alone (`esi.model.signal_model`)."""

    architecture: Literal["signal_encoder"] = "signal_encoder"
    signal_encoder: SignalEncoderName

    @property
    def encoder(self) -> str:
        return self.signal_encoder


class Config(EcgConfig):
    """Of ESI (`esi.model.esi`): signal encoder, text tower, the space of both, and the caption decoder."""

    architecture: Literal["esi"] = "esi"
    model: Model
    max_tokens: int = Field(gt=1, le=65_536)
    contrastive: bool  # False: nothing trains the shared space (lambda_con = 0)
    captions: bool  # False: there is no decoder (lambda_cap = 0)

    @property
    def encoder(self) -> str:
        return self.model.signal_encoder

    @property
    def abilities(self) -> frozenset[Ability]:
        found: set[Ability] = {"encode"}
        found |= {"zero_shot"} if self.contrastive else set()
        found |= {"caption"} if self.captions else set()
        return frozenset(found)
