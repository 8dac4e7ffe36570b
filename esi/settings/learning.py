"""Settings of the model and its pretraining."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from esi.settings.registry import key_of
from esi.settings.section import Positive, Section, Share

SignalEncoderName = Annotated[str, key_of("esi.model.encoders", "ENCODERS")]


class Model(Section):
    signal_encoder: SignalEncoderName
    text_tower: str
    text_layers_trained: int = Field(ge=-1)
    # Upper limits are far beyond any model of this kind: a slip of the keyboard ends in a sentence, not in the memory.
    embedding_dim: int = Field(gt=0, le=65_536)
    decoder_layers: int = Field(gt=0, le=256)
    decoder_heads: int = Field(gt=0, le=1024)
    decoder_dim: int = Field(gt=0, le=65_536)
    contrastive_loss: Literal["infonce", "siglip"]
    initial_logit_scale: float = Field(gt=0, allow_inf_nan=False)
    max_logit_scale: float = Field(gt=0, allow_inf_nan=False)
    initial_logit_bias: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _heads_divide(self) -> Model:
        if self.decoder_dim % self.decoder_heads:
            raise ValueError(f"decoder_dim ({self.decoder_dim}) must be a multiple of decoder_heads ({self.decoder_heads})")
        return self


class Train(Section):
    seed: int
    epochs: Positive
    batch_size: Positive
    accumulate: Positive
    lr: float = Field(gt=0)
    text_lr_factor: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    schedule: Literal["step", "cosine"]
    warmup_epochs: int = Field(ge=0)
    decay_every: Positive
    decay_factor: float = Field(gt=0, le=1)
    clip_norm: float = Field(gt=0)
    average: float = Field(ge=0, lt=1)
    positives: Literal["own", "identical", "overlapping"]
    mask_leads: Share
    lambda_con: float = Field(ge=0)
    lambda_cap: float = Field(ge=0)
    caption_tokens: int = Field(ge=0)
    text_views: list[Literal["full", "findings", "descriptions"]] = Field(min_length=1)
    precision: Literal["auto", "bf16", "fp32"]
    compile: bool
    checkpoint_activations: bool
    log_every: Positive
    checkpoint_every: Positive

    @model_validator(mode="after")
    def _something_to_learn(self) -> Train:
        if self.lambda_con == 0 and self.lambda_cap == 0:
            raise ValueError("lambda_con and lambda_cap are both 0: nothing would be learnt; set one above 0")
        return self
