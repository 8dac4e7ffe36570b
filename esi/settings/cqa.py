"""Settings of the Cardio Query Assistant: books, retrieval, descriptions and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from esi.settings.section import NULL_IS_EMPTY, Decides, Positive, Private, Section, Trivial, Varied

Proxied = Literal["outside", "always", "never"]  # which servers are reached by the environment's proxy
_OWN_FIELDS = {
    *("model", "messages", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort", "response_format"),
    *("stream", "n", "tools", "functions"),
}


class Chunk(Section):
    part: ClassVar[str] = "descriptions"
    books: Annotated[Decides[Path], Varied("table8", {"books": "both", "books/huff": "Huff", "books/garcia": "Garcia"})]
    max_tokens: Decides[int] = Field(ge=16)
    overlap_tokens: Decides[int] = Field(ge=0)

    @model_validator(mode="after")
    def _overlap_fits(self) -> Chunk:
        if self.overlap_tokens >= self.max_tokens:
            raise ValueError(f"overlap_tokens ({self.overlap_tokens}) must be below max_tokens ({self.max_tokens})")
        return self


class Embed(Section):
    part: ClassVar[str] = "descriptions"
    provider: Decides[Literal["local", "openai"]]
    model: Decides[str]
    base_url: Private[str | None]
    batch_size: Decides[Positive]
    proxy: Trivial[Proxied] = "outside"


class Retrieve(Section):
    part: ClassVar[str] = "descriptions"
    method: Decides[Literal["dense", "lexical", "hybrid"]]
    names: Decides[bool]
    server: Private[str | None] = Field(pattern=r"^[^\s:/]+:\d{1,5}$")


class Budget(Section):
    """What one run may spend on a model; null: no limit. Without prices the cost is unknown."""

    usd: Trivial[float | None] = Field(gt=0)
    tokens: Trivial[Positive | None]
    usd_per_million_prompt_tokens: Trivial[float | None] = Field(ge=0)
    usd_per_million_completion_tokens: Trivial[float | None] = Field(ge=0)

    @model_validator(mode="after")
    def _prices_known(self) -> Budget:
        if (self.usd_per_million_prompt_tokens is None) != (self.usd_per_million_completion_tokens is None):
            raise ValueError("one of the two usd_per_million_* is null: set both, or neither")
        if self.usd is not None and self.usd_per_million_prompt_tokens is None:
            raise ValueError("usd limits the cost and usd_per_million_* are null: set your provider's prices")
        return self


class Describe(Section):
    part: ClassVar[str] = "descriptions"
    provider: Annotated[Decides[Literal["extractive", "openai"]], Varied("table8", beside="none")]
    model: Annotated[Decides[str], Varied("table8", beside="none")]
    base_url: Annotated[Private[str | None], Varied("table8", beside="none")]
    question: Decides[str] = Field(pattern=r"\{condition\}")
    top_k: Annotated[Decides[int], Varied("table7"), Varied("table8", {0: "none"}, alone=True)] = Field(ge=0)
    sentences: Decides[Positive]
    system_prompt: Decides[str] = Field(min_length=1)
    structured: Decides[bool]
    batch: Decides[bool]
    token_limit: Decides[Literal["max_tokens", "max_completion_tokens"] | None] = "max_tokens"
    temperature: Decides[float | None] = Field(ge=0, le=2)
    reasoning_effort: Decides[str | None] = Field(default=None, min_length=1)
    system_role: Decides[Literal["system", "developer", "none"]] = "system"
    extra_body: Decides[Annotated[dict[str, Any], NULL_IS_EMPTY]] = Field(default_factory=dict)
    max_tokens: Decides[Positive]
    max_tokens_if_cut: Decides[Positive | None] = 2000
    give_up_after: Decides[Positive | None] = 10
    proxy: Trivial[Proxied] = "outside"
    concurrency: Trivial[Positive]
    timeout_s: Trivial[float] = Field(gt=0)
    max_retries: Trivial[int] = Field(ge=0)
    requests_per_minute: Trivial[float | None] = Field(gt=0)
    tokens_per_minute: Trivial[float | None] = Field(gt=0)
    budget: Budget

    @model_validator(mode="after")
    def _something_to_write_from(self) -> Describe:
        if self.provider == "extractive" and self.top_k == 0:
            raise ValueError("top_k is 0, and the extractive writer takes its sentences from passages: set it to 1 or more")
        return self

    @model_validator(mode="after")
    def _fields_are_their_own(self) -> Describe:
        if taken := sorted(_OWN_FIELDS & set(self.extra_body)):
            raise ValueError(f"extra_body holds {taken}, which describe.* sets or the project does not read: take them out")
        if self.token_limit is None and (self.budget.usd or self.budget.tokens):
            raise ValueError(
                "budget limits the cost and token_limit is null, so that answers have no limit: set one of the two"
            )
        return self


class Score(Section):
    part: ClassVar[str] = "score"
    references: Decides[Path]
    encoder: Decides[str]
    layer: Decides[int | None] = Field(ge=0)
    idf: Decides[bool]
    batch_size: Decides[Positive]
