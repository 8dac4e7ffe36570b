"""What a data set's own tables say of one record, before its signal is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from esi.errors import EsiError


class ReleaseError(EsiError):
    """A data set is not where or what it should be; the message says what to download and where to put it."""


@dataclass(frozen=True)
class Entry:
    """One record of a release."""

    record_id: str  # unique within the data set
    subject_id: str
    header: Path  # the record's .hea file
    age: float | None = None  # years
    sex: str | None = None  # "female" or "male"
    fold: int | None = None  # where the release publishes one
    codes: tuple[str, ...] = ()  # SCP or SNOMED CT codes
    statements: tuple[str, ...] = field(default=())  # label texts, as the release words them


def require(path: Path, what: str, remedy: str) -> Path:
    """`path` itself if it exists.

    Raises:
        ReleaseError: it does not; the sentence names the path, what it should be, and what to do.
    """
    if not path.exists():
        raise ReleaseError(f"{path} is missing ({what}): {remedy}")
    return path
