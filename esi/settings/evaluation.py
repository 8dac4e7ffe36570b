"""Settings of the evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from esi.settings.section import Positive, Section

Fraction = Annotated[float, Field(gt=0, le=1)]


class TaskRow(Section):
    """One classification task: whose records, which codes make which class, and what is reported."""

    dataset: str
    table: Path
    code: str
    group: str
    where: str | None
    metric: Literal["auroc", "auprc", "f1"]


class Evaluate(Section):
    batch_size: Positive
    bootstrap: Positive
    seed: int
    random_seeds: list[int] = Field(min_length=1)
    controls: list[Literal["hand", "rocket"]]


class ZeroShot(Section):
    prompts: list[Literal["names", "findings", "descriptions", "templates"]] = Field(min_length=1)


class LinearProbe(Section):
    inverse_penalties: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)
    shares: list[Fraction] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _all_labels_too(self) -> LinearProbe:
        if 1.0 not in self.shares:
            raise ValueError(f"shares {self.shares} lack 1.0, the figure that the others are compared with: add it")
        return self


class FineTune(Section):
    tasks: list[str]
    shares: list[Fraction] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    epochs: Positive
    patience: Positive
    batch_size: Positive
    lr: float = Field(gt=0)
    layer_decay: Fraction
    weight_decay: float = Field(ge=0)
    warmup_epochs: float = Field(ge=0)
    average: float = Field(ge=0, lt=1)
    supervised_epochs: Positive
    supervised_lr: float = Field(gt=0)
    precision: Literal["auto", "bf16", "fp32"]

    @model_validator(mode="after")
    def _warms_up_within_the_run(self) -> FineTune:
        if self.warmup_epochs >= min(self.epochs, self.supervised_epochs):
            raise ValueError(f"warmup_epochs ({self.warmup_epochs:g}) must be below epochs and supervised_epochs")
        return self


class Identify(Section):
    seconds: dict[str, Annotated[float, Field(ge=1, le=5)]]
    seeds: list[int] = Field(min_length=1)
    epochs: Positive
    batch_size: Positive
    lr: float = Field(gt=0)
    fine_tune_epochs: int = Field(ge=0)
    fine_tune_lr: float = Field(gt=0)


class Retrieval(Section):
    sets: list[str]


class Caption(Section):
    sets: list[str]
    limit: Positive | None
    method: Literal["greedy", "beam", "nucleus"]
    beams: Positive
    max_tokens: Positive


class Distribution(Section):
    sets: list[str]
    records: Positive
    permutations: Positive


class Report(Section):
    cases: Positive
