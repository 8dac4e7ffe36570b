"""params.yaml as frozen, checked settings. Nothing else in the project reads params.yaml.

An unknown key, a wrong type or a value out of range is an error that names the key and what is allowed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML  # PyYAML reads 1e-4 as a string

from esi.errors import EsiError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class ParamsError(EsiError):
    """params.yaml holds something that the pipeline does not know."""


class Section(BaseModel):
    """Base of every section: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Signal(Section):
    rate: Literal[100, 500]
    highpass_hz: float = Field(ge=0, le=2)


class Simulate(Section):
    seed: int
    records: dict[Literal["ptbxl", "chapman", "mimic", "icbeb"], Positive]
    folder: Path


class Folds(Section):
    """Which of a data set's folds are for what; a fold in none of the lists is left out of everything."""

    train: list[int]
    validation: list[int]
    test: list[int]

    @model_validator(mode="after")
    def _disjoint(self) -> Folds:
        folds = self.train + self.validation + self.test
        twice = sorted({fold for fold in folds if folds.count(fold) > 1})
        if twice:
            raise ValueError(f"folds {twice} are in more than one of train, validation and test: give each to one")
        return self

    def split_of(self, fold: int) -> str:
        """The split ("train", "validation", "test") that a fold belongs to, or "unused"."""
        for split in ("train", "validation", "test"):
            if fold in getattr(self, split):
                return split
        return "unused"


class Release(Section):
    """What every data set of `ingest` has, whatever its format."""

    root: Path
    watch: str
    windows: Literal["first", "all"]
    folds: Folds


class PtbxlRelease(Release):
    format: Literal["ptbxl"]
    rate: Literal[100, 500]


class ChallengeRelease(Release):
    format: Literal["challenge"]


class MimicRelease(Release):
    format: Literal["mimic"]
    patients: Path | None


class Cpsc2018Release(Release):
    format: Literal["cpsc2018"]


class LabelColumns(Section):
    """Which column of a table of labels holds what; null for what it does not tell."""

    record: str
    labels: str
    subject: str | None = None
    age: str | None = None
    sex: str | None = None
    fold: str | None = None


class WfdbFolder(Release):
    format: Literal["wfdb-folder"]
    table: Path
    columns: LabelColumns
    separator: str = Field(min_length=1)
    labels_are: Literal["text", "scp", "snomed"]


Ingest = Annotated[
    PtbxlRelease | ChallengeRelease | MimicRelease | Cpsc2018Release | WfdbFolder, Field(discriminator="format")
]


class Quality(Section):
    """What a record may show and still be used; null: whatever it shows."""

    min_seconds: float = Field(ge=0.5, le=10)
    max_flat_leads: int = Field(ge=0, le=12)
    max_flat_fraction: Share | None
    max_nonfinite: Share
    max_clipped: Share
    max_wander_uv: float | None = Field(gt=0)
    max_mains_uv: float | None = Field(gt=0)
    max_muscle_uv: float | None = Field(gt=0)


class Statements(Section):
    sets: list[str] = Field(min_length=1)


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


class Pairs(Section):
    sets: list[str] = Field(min_length=1)
    descriptions: bool
    demographics: bool
    max_tokens: int = Field(ge=16)
    validation_share: Share


class Model(Section):
    signal_encoder: Literal["nano", "tiny", "base"]
    text_tower: str
    text_layers_trained: int = Field(ge=-1)
    embedding_dim: Positive
    decoder_layers: Positive
    decoder_heads: Positive
    decoder_dim: Positive
    initial_logit_scale: float = Field(gt=0)
    max_logit_scale: float = Field(gt=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> Model:
        if self.decoder_dim % self.decoder_heads:
            raise ValueError(f"decoder_dim ({self.decoder_dim}) must be a multiple of decoder_heads ({self.decoder_heads})")
        return self


class Train(Section):
    seed: int
    epochs: Positive
    batch_size: Positive
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_epochs: int = Field(ge=0)
    decay_every: Positive
    decay_factor: float = Field(gt=0, le=1)
    clip_norm: float = Field(gt=0)
    lambda_con: float = Field(ge=0)
    lambda_cap: float = Field(ge=0)
    caption_tokens: int = Field(ge=0)
    text_views: list[Literal["full", "findings", "descriptions"]] = Field(min_length=1)
    precision: Literal["auto", "bf16", "fp32"]
    log_every: Positive
    checkpoint_every: Positive

    @model_validator(mode="after")
    def _something_to_learn(self) -> Train:
        if self.lambda_con == 0 and self.lambda_cap == 0:
            raise ValueError("lambda_con and lambda_cap are both 0: nothing would be learnt; set one above 0")
        return self


class Evaluate(Section):
    batch_size: Positive
    bootstrap: Positive
    seed: int
    random_seeds: list[int] = Field(min_length=1)


class ZeroShot(Section):
    prompts: list[Literal["findings", "descriptions"]] = Field(min_length=1)


class LinearProbe(Section):
    inverse_penalties: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)


class Params(Section):
    signal: Signal
    simulate: Simulate
    ingest: dict[str, Ingest]
    quality: Quality
    statements: Statements
    chunk: Chunk
    embed: Embed
    retrieve: Retrieve
    describe: Describe
    score: Score
    pairs: Pairs
    model: Model
    train: Train
    evaluate: Evaluate
    zero_shot: ZeroShot
    linear_probe: LinearProbe

    @model_validator(mode="after")
    def _sets_exist(self) -> Params:
        for section, sets in (("statements", self.statements.sets), ("pairs", self.pairs.sets)):
            unknown = sorted(set(sets) - set(self.ingest))
            if unknown:
                raise ValueError(f"{section}.sets names {unknown}, which ingest does not have: it has {sorted(self.ingest)}")
        return self


def load(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: one line for each thing that is wrong, with its key, its value and what is expected.
    """
    content = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            # pydantic puts the format that it chose behind `ingest.<set>`; the file has no such level
            parts = [str(part) for part in problem["loc"]]
            key = ".".join(parts[:2] + parts[3:] if parts[:1] == ["ingest"] and len(parts) > 3 else parts)
            if problem["type"] == "extra_forbidden":
                lines.append(f"{path}: unknown parameter {key}: remove it or correct its name")
            elif problem["type"] == "missing":
                lines.append(f"{path}: parameter {key} is missing: add it (see the params.yaml in git)")
            else:
                lines.append(
                    f"{path}: {key or 'settings'}: {problem['msg']}" + (f" (got {problem['input']!r})" if key else "")
                )
        raise ParamsError("\n".join(lines)) from None
