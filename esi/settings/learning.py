"""Settings of the model and its pretraining."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from esi.settings.registry import key_of
from esi.settings.section import Decides, Part, Positive, Private, Section, Share, Trivial, Varied

SignalEncoderName = Annotated[str, key_of("esi.model.encoders", "ENCODERS")]
MethodName = Annotated[str, key_of("esi.pretrain.methods.registry", "METHODS")]

# The folder of data/ that stands for no model: DVC, which watches `train.start_from`, knows no dependency on nothing.
FRESH = "data/fresh"


class Model(Section):
    part: ClassVar[str] = "pretraining"
    signal_encoder: Annotated[
        Decides[SignalEncoderName],
        Part("encoder"),
        Varied("table5b"),
        Varied("table2", {"tiny": "ESI-tiny", "base": "ESI"}),
        Varied("supervised", {"tiny": "ConvNeXt-tiny", "base": "ConvNeXt-base"}),
    ]
    text_tower: Decides[str]
    text_layers_trained: Decides[int] = Field(ge=-1)
    # Upper limits are far beyond any model of this kind: a slip of the keyboard ends in a sentence, not in the memory.
    embedding_dim: Decides[int] = Field(gt=0, le=65_536)
    decoder_layers: Decides[int] = Field(gt=0, le=256)
    decoder_heads: Decides[int] = Field(gt=0, le=1024)
    decoder_dim: Decides[int] = Field(gt=0, le=65_536)
    contrastive_loss: Decides[Literal["infonce", "siglip"]]
    initial_logit_scale: Decides[float] = Field(gt=0, allow_inf_nan=False)
    max_logit_scale: Decides[float] = Field(gt=0, allow_inf_nan=False)
    initial_logit_bias: Decides[float] = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _heads_divide(self) -> Model:
        if self.decoder_dim % self.decoder_heads:
            raise ValueError(f"decoder_dim ({self.decoder_dim}) must be a multiple of decoder_heads ({self.decoder_heads})")
        return self


class Pretrain(Section):
    part: ClassVar[str] = "pretraining"
    method: Annotated[Decides[MethodName], Varied("table2", {"simclr": "SimCLR"}, alone=True)]


class SimCLR(Section):
    part: ClassVar[str] = "pretraining"
    epochs: Decides[Positive]
    batch_size: Decides[int] = Field(gt=1)
    lr: Decides[float] = Field(gt=0)
    temperature: Decides[float] = Field(gt=0, allow_inf_nan=False)
    projection_dim: Decides[int] = Field(gt=0, le=65_536)
    min_crop: Decides[float] = Field(gt=0, le=1)
    max_time_out: Decides[float] = Field(ge=0, lt=1)


class Train(Section):
    part: ClassVar[str] = "pretraining"
    start_from: Private[str] = FRESH
    seed: Annotated[Decides[int], Part("seed")]
    epochs: Decides[Positive]
    batch_size: Decides[Positive]
    accumulate: Decides[Positive]
    lr: Annotated[Decides[float], Varied("table5b", beside="vit")] = Field(gt=0)
    text_lr_factor: Decides[float] = Field(gt=0)
    weight_decay: Decides[float] = Field(ge=0)
    schedule: Decides[Literal["step", "cosine"]]
    warmup_epochs: Decides[int] = Field(ge=0)
    decay_every: Decides[Positive]
    decay_factor: Decides[float] = Field(gt=0, le=1)
    clip_norm: Decides[float] = Field(gt=0)
    average: Decides[float] = Field(ge=0, lt=1)
    positives: Decides[Literal["own", "identical", "overlapping"]]
    mask_leads: Decides[Share]
    lambda_con: Annotated[Decides[float], Varied("table5a", {0: "contrast"})] = Field(ge=0)
    lambda_cap: Annotated[Decides[float], Varied("table5a", {0: "captioning"})] = Field(ge=0)
    caption_tokens: Decides[int] = Field(ge=0)
    text_views: Decides[list[Literal["full", "findings", "descriptions"]]] = Field(min_length=1)
    precision: Decides[Literal["auto", "bf16", "fp32"]]
    compile: Decides[bool]
    checkpoint_activations: Decides[bool]
    log_every: Trivial[Positive]
    checkpoint_every: Trivial[Positive]

    @model_validator(mode="after")
    def _something_to_learn(self) -> Train:
        if self.lambda_con == 0 and self.lambda_cap == 0:
            raise ValueError("lambda_con and lambda_cap are both 0: nothing would be learnt; set one above 0")
        return self
