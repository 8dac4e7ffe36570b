"""What a reader of a format is: what a set's own tables say of its records, and how one of them is opened.

A new format is a class in a file of its own here, and a line in `esi.ecg.releases.READERS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

import polars as pl

from esi.ecg.entries import OwnLabels
from esi.ecg.wfdb import files as wfdb_files
from esi.ecg.wfdb.files import Record
from esi.settings.data import Release

S = TypeVar("S", bound=Release)


class Reader(ABC, Generic[S]):
    """One data set as its settings say; records are opened as WFDB's unless a reader opens its own.

    Attributes:
        release: whose subjects and records these are under any name (esi/ecg/identity.py); None: the records' names tell.
    """

    release: ClassVar[str | None] = None

    def __init__(self, settings: S) -> None:
        self.settings, self.root = settings, settings.root

    def __enter__(self) -> Self:
        """Open records until `__exit__`, which closes a file that is kept open for the next record."""
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def check(self) -> None:
        """Whether the set lies where the settings say and is of this format; reads no signals.

        Raises:
            ReleaseError: it does not; the sentence says what to download and where to put it.
        """

    @abstractmethod
    def entries(self, own: OwnLabels) -> pl.DataFrame:
        """The records that the set's tables name, as `entries.SCHEMA`; a row that cannot be used has a fault.

        Records of one file lie together and in its order: it is then opened once for hundreds of them.

        Args:
            own: the set's own map of labels, which goes before what the format says of them.

        Raises:
            ReleaseError: the set is missing or is not what its format says.
        """

    def files(self, path: str) -> list[Path]:
        """The files that a record of this path is read from, there or not."""
        return [self.root / path, *wfdb_files.signal_files(self.root / path)]

    def open(self, path: str, place: int | None) -> Record:
        """One record's signals in millivolts.

        Args:
            path: of the file, relative to the set's root. place: which of its records; None where it holds one.

        Raises:
            RecordError: it is absent, damaged, or of a kind that cannot be read.
        """
        return wfdb_files.open_record(self.root / path, self.root)
