"""Settings of the data: signals, the simulated cohort, releases and their folds, quality, statements."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from esi.settings.section import NULL_IS_EMPTY, Positive, Section, Share


class Signal(Section):
    rate: Literal[100, 500]
    highpass_hz: float = Field(ge=0, le=2)


SimulatedSet = Literal["ptbxl", "chapman", "mimic", "icbeb"]


class Simulate(Section):
    seed: int
    records: dict[SimulatedSet, Positive]
    rare: float = Field(ge=0, le=0.05)
    prevalence: Annotated[dict[SimulatedSet, dict[str, Share]], NULL_IS_EMPTY]
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
    release: str | None = Field(default=None, min_length=1)  # whose subjects these are; None: by format
    label_map: Path | None = None  # a table of what the set's labels mean, below root

    @model_validator(mode="after")
    def _map_is_watched(self) -> Release:
        """An edit of a map that DVC does not look at would leave the old labels in the tables."""
        watched, wanted = (Path(normpath(self.root / part)) for part in (self.watch, self.label_map or self.watch))
        if not wanted.is_relative_to(watched):
            raise ValueError(
                f"watch {self.watch!r} does not hold label_map {str(self.label_map)!r}, so that DVC would not see its "
                "edits: put the map below root and set watch to a folder that holds the table and the map, or to `.`"
            )
        return self


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
    max_checksum_errors: int | None = Field(default=None, ge=0)
    max_wander_uv: float | None = Field(gt=0)
    max_mains_uv: float | None = Field(gt=0)
    max_muscle_uv: float | None = Field(gt=0)


class Statements(Section):
    sets: list[str] = Field(min_length=1)
