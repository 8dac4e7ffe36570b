"""HDF5 files of ECGs: opened once for many records, read a record at a time."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from esi.ecg.readers.reader import Reader
from esi.ecg.wfdb.header import RecordError
from esi.errors import EsiError
from esi.settings.data import Release

CHUNKS = 64 << 20  # bytes of unpacked chunks that an open file keeps: a chunk of many records is then unpacked once
DAMAGED = (OSError, RuntimeError, KeyError, ValueError)  # what h5py raises, by what is damaged


def h5py() -> ModuleType:
    """The library, which only these formats need.

    Raises:
        EsiError: it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise EsiError("this format is read by h5py, which is not installed: pip install -e '.[hdf5]'") from None
    return h5py


class OpenFile:
    """The file that was read last, kept open for the next record: a file a time, opened where it is first read.

    Processes each have their own; HDF5 locks nothing, for nobody writes.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: Any = None
        self._datasets: dict[str, Any] = {}  # kept open as well: each holds its own unpacked chunks

    def dataset(self, path: Path, name: str) -> Any:
        """A dataset of a file.

        Raises:
            RecordError: the file is absent, damaged, or holds no such dataset.
        """
        if self._path != path:
            self.close()
            if not path.exists():
                raise RecordError("missing file", f"{path}: is not there")
            try:
                self._file = h5py().File(path, "r", locking=False, rdcc_nbytes=CHUNKS)
            except DAMAGED as error:
                raise RecordError("unreadable", f"{path}: is damaged or no HDF5 file: {error}") from None
            self._path = path
        try:
            if name not in self._datasets:
                self._datasets[name] = self._file[name]
            return self._datasets[name]
        except DAMAGED as error:
            raise RecordError("unreadable", f"{path}: holds no readable {name}: {error}") from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path, self._file, self._datasets = None, None, {}


class Hdf5Reader(Reader[Release]):
    """Base of the readers whose records lie in HDF5 files."""

    def __init__(self, settings: Release) -> None:
        super().__init__(settings)
        self._file = OpenFile()

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def files(self, path: str) -> list[Path]:
        return [self.root / path]


def millivolts(dataset: Any, place: Any, path: Path) -> np.ndarray:
    """A part of a dataset as float64.

    Raises:
        RecordError: it cannot be read, or holds no numbers.
    """
    try:
        part = np.asarray(dataset[place])
    except (*DAMAGED, TypeError, IndexError) as error:
        raise RecordError("unreadable", f"{path}: is damaged: {error}") from None
    if part.dtype.kind not in "fiu":
        raise RecordError("unreadable", f"{path}: holds {part.dtype}, not numbers")
    return part.astype(np.float64)
