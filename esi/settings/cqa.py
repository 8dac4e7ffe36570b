"""Settings of the Cardio Query Assistant: books, retrieval, descriptions and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from esi.settings.section import Positive, Section


class Chunk(Section):
    books: Path
    max_tokens: int = Field(ge=16)
    overlap_tokens: int = Field(ge=0)

    @model_validator(mode="after")
    def _overlap_fits(self) -> Chunk:
        if self.overlap_tokens >= self.max_tokens:
            raise ValueError(f"overlap_tokens ({self.overlap_tokens}) must be below max_tokens ({self.max_tokens})")
        return self


class Embed(Section):
    provider: Literal["local", "openai"]
    model: str
    base_url: str | None
    batch_size: Positive


class Retrieve(Section):
    method: Literal["dense", "lexical", "hybrid"]
    names: bool
    server: str | None = Field(pattern=r"^[^\s:/]+:\d{1,5}$")


class Budget(Section):
    """What one run may spend on a model; null: no limit. Without prices the cost is unknown."""

    usd: float | None = Field(gt=0)
    tokens: Positive | None
    usd_per_million_prompt_tokens: float | None = Field(ge=0)
    usd_per_million_completion_tokens: float | None = Field(ge=0)

    @model_validator(mode="after")
    def _prices_known(self) -> Budget:
        if (self.usd_per_million_prompt_tokens is None) != (self.usd_per_million_completion_tokens is None):
            raise ValueError("one of the two usd_per_million_* is null: set both, or neither")
        if self.usd is not None and self.usd_per_million_prompt_tokens is None:
            raise ValueError("usd limits the cost and usd_per_million_* are null: set your provider's prices")
        return self


class Describe(Section):
    provider: Literal["extractive", "openai"]
    model: str
    base_url: str | None
    question: str = Field(pattern=r"\{condition\}")
    top_k: int = Field(ge=0)
    sentences: Positive
    system_prompt: str = Field(min_length=1)
    structured: bool
    batch: bool
    temperature: float = Field(ge=0, le=2)
    max_tokens: Positive
    concurrency: Positive
    timeout_s: float = Field(gt=0)
    max_retries: int = Field(ge=0)
    requests_per_minute: float | None = Field(gt=0)
    tokens_per_minute: float | None = Field(gt=0)
    budget: Budget

    @model_validator(mode="after")
    def _something_to_write_from(self) -> Describe:
        if self.provider == "extractive" and self.top_k == 0:
            raise ValueError("top_k is 0, and the extractive writer takes its sentences from passages: set it to 1 or more")
        return self


class Score(Section):
    references: Path
    encoder: str
    layer: int | None = Field(ge=0)
    idf: bool
    batch_size: Positive
