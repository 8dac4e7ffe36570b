"""Settings of the data: signals, the simulated cohort, releases and their folds, quality, statements."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from esi.settings.registry import key_of
from esi.settings.section import NULL_IS_EMPTY, Decides, Effect, Positive, Private, Section, Share


class Signal(Section):
    part: ClassVar[str] = "encoder"
    rate: Decides[Literal[100, 500]]
    highpass_hz: Decides[float] = Field(ge=0, le=2)


SimulatedSet = Literal["ptbxl", "chapman", "mimic", "icbeb"]


class Simulate(Section):
    part: ClassVar[str] = "data"
    seed: Decides[int]
    records: Decides[dict[SimulatedSet, Positive]]
    rare: Decides[float] = Field(ge=0, le=0.05)
    prevalence: Decides[Annotated[dict[SimulatedSet, dict[str, Share]], NULL_IS_EMPTY]]
    folder: Private[Path]

    def draws(self, place: Path) -> bool:
        """Whether the stage `simulate` writes what lies there."""
        return any(place.resolve().is_relative_to((self.folder / name).resolve()) for name in get_args(SimulatedSet))


class Folds(Section):
    """Which of a data set's folds are for what; a fold in none of the lists is left out of everything."""

    train: Private[list[int]]
    validation: Private[list[int]]
    test: Private[list[int]]

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

    def empty(self) -> list[str]:
        """The splits without a fold."""
        return [split for split in ("train", "validation", "test") if not getattr(self, split)]


class Release(Section):
    """What every data set of `ingest` has, and all that most formats need."""

    part: ClassVar[str] = "data"
    format: Private[Annotated[str, key_of("esi.ecg.releases", "READERS")]]
    root: Private[Path]
    watch: Annotated[str, Effect(decides=False, private=True)]
    windows: Private[Literal["first", "all"]]
    folds: Folds
    release: Private[str | None] = Field(default=None, min_length=1)  # whose subjects these are; None: by format
    label_map: Private[Path | None] = None  # a table of what the set's labels mean, below root

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
    format: Private[Literal["ptbxl"]]
    rate: Private[Literal[100, 500]]


class MimicRelease(Release):
    format: Private[Literal["mimic"]]
    patients: Private[Path | None]  # below root, or an absolute path

    @model_validator(mode="before")
    @classmethod
    def _patients_below_root(cls, content: Any) -> Any:
        match content:
            case {"root": str() | Path() as root, "patients": str() | Path() as patients}:
                below = Path(patients).is_relative_to(root)  # settings that were read before
                return {**content, "patients": Path(patients) if below else Path(root) / patients}
        return content


class LabelColumns(Section):
    """Which column of a table of labels holds what; null for what it does not tell."""

    record: Private[str]
    labels: Private[str]
    subject: Private[str | None] = None
    age: Private[str | None] = None
    sex: Private[str | None] = None
    fold: Private[str | None] = None


class WfdbFolder(Release):
    format: Private[Literal["wfdb-folder"]]
    table: Private[Path]
    columns: LabelColumns
    separator: Private[str] = Field(min_length=1)
    labels_are: Private[Literal["text", "scp", "snomed"]]


def _kind(value: Any) -> str:
    """Which of the classes a set's settings are, by its format."""
    name = value.get("format") if isinstance(value, dict) else getattr(value, "format", None)
    return name if name in ("ptbxl", "mimic", "wfdb-folder") else "other"


Ingest = Annotated[
    Annotated[PtbxlRelease, Tag("ptbxl")]
    | Annotated[MimicRelease, Tag("mimic")]
    | Annotated[WfdbFolder, Tag("wfdb-folder")]
    | Annotated[Release, Tag("other")],
    Discriminator(_kind),
]


class Quality(Section):
    """What a record may show and still be used; null: whatever it shows."""

    part: ClassVar[str] = "data"
    min_seconds: Decides[float] = Field(ge=0.5, le=10)
    max_flat_leads: Decides[int] = Field(ge=0, le=12)
    max_flat_fraction: Decides[Share | None]
    max_nonfinite: Decides[Share]
    max_clipped: Decides[Share]
    max_checksum_errors: Decides[int | None] = Field(default=None, ge=0)
    max_wander_uv: Decides[float | None] = Field(gt=0)
    max_mains_uv: Decides[float | None] = Field(gt=0)
    max_muscle_uv: Decides[float | None] = Field(gt=0)


class Statements(Section):
    part: ClassVar[str] = "descriptions"
    sets: Decides[list[str]] = Field(min_length=1)
