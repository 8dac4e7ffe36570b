"""Settings of the evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from esi.settings.section import Decides, Effect, Part, Positive, Private, Section, Trivial

Fraction = Annotated[float, Field(gt=0, le=1)]


class TaskRow(Section):
    """One classification task: whose records, which codes make which class, and what is reported."""

    part: ClassVar[str] = "tasks"
    dataset: Decides[str]
    table: Decides[Path]
    code: Decides[str]
    group: Decides[str]
    where: Decides[str | None]
    metric: Decides[Literal["auroc", "auprc", "f1"]]


class Evaluate(Section):
    part: ClassVar[str] = "evaluate"
    model: Private[str] = Field(min_length=1)
    embeddings: Annotated[Path, Effect(decides=False, private=True)]  # a further figure beside the others
    batch_size: Decides[Positive]
    bootstrap: Decides[Positive]
    seed: Decides[int]
    random_seeds: Trivial[list[int]] = Field(min_length=1)
    controls: Trivial[list[Literal["hand", "rocket"]]]


class ZeroShot(Section):
    part: ClassVar[str] = "zero_shot"
    prompts: Decides[list[Literal["names", "findings", "descriptions", "templates"]]] = Field(min_length=1)


class LinearProbe(Section):
    part: ClassVar[str] = "linear_probe"
    inverse_penalties: Decides[list[Annotated[float, Field(gt=0)]]] = Field(min_length=1)
    shares: Trivial[list[Fraction]] = Field(min_length=1)
    seeds: Decides[list[int]] = Field(min_length=1)

    @model_validator(mode="after")
    def _all_labels_too(self) -> LinearProbe:
        if 1.0 not in self.shares:
            raise ValueError(f"shares {self.shares} lack 1.0, the figure that the others are compared with: add it")
        return self


class FineTune(Section):
    part: ClassVar[str] = "fine_tune"
    tasks: Trivial[list[str]]
    shares: Trivial[list[Fraction]] = Field(min_length=1)
    seeds: Decides[list[int]] = Field(min_length=1)
    epochs: Decides[Positive]
    patience: Decides[Positive]
    batch_size: Decides[Positive]
    lr: Decides[float] = Field(gt=0)
    layer_decay: Decides[Fraction]
    weight_decay: Decides[float] = Field(ge=0)
    warmup_epochs: Decides[float] = Field(ge=0)
    average: Decides[float] = Field(ge=0, lt=1)
    supervised_epochs: Decides[Positive]
    supervised_lr: Decides[float] = Field(gt=0)
    precision: Decides[Literal["auto", "bf16", "fp32"]]

    @model_validator(mode="after")
    def _warms_up_within_the_run(self) -> FineTune:
        if self.warmup_epochs >= min(self.epochs, self.supervised_epochs):
            raise ValueError(f"warmup_epochs ({self.warmup_epochs:g}) must be below epochs and supervised_epochs")
        return self


class Identify(Section):
    part: ClassVar[str] = "identification"
    seconds: Decides[dict[str, Annotated[float, Field(ge=1, le=5)]]]
    seeds: Decides[list[int]] = Field(min_length=1)
    epochs: Decides[Positive]
    batch_size: Decides[Positive]
    lr: Decides[float] = Field(gt=0)
    fine_tune_epochs: Annotated[Decides[int], Part("fine_tuning")] = Field(ge=0)
    fine_tune_lr: Annotated[Decides[float], Part("fine_tuning")] = Field(gt=0)


class Retrieval(Section):
    part: ClassVar[str] = "retrieval"
    sets: Decides[list[str]]


class Caption(Section):
    part: ClassVar[str] = "captions"
    sets: Decides[list[str]]
    limit: Decides[Positive | None]
    method: Decides[Literal["greedy", "beam", "nucleus"]]
    beams: Decides[Positive]
    max_tokens: Decides[Positive]


class Distribution(Section):
    part: ClassVar[str] = "distribution"
    sets: Decides[list[str]]
    records: Decides[Positive]
    permutations: Decides[Positive]


class Report(Section):
    part: ClassVar[str] = "report"
    cases: Trivial[Positive]
