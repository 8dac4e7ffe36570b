"""Settings of the evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from esi.settings.section import Positive, Section


class Evaluate(Section):
    batch_size: Positive
    bootstrap: Positive
    seed: int
    random_seeds: list[int] = Field(min_length=1)


class ZeroShot(Section):
    prompts: list[Literal["findings", "descriptions"]] = Field(min_length=1)


class LinearProbe(Section):
    inverse_penalties: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)
