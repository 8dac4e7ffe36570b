"""Which reader reads which format of params.yaml's `ingest`: a new one is a class in a file of its own, and a line here."""

from __future__ import annotations

from typing import Any

import polars as pl

from esi.ecg.entries import OwnLabels
from esi.ecg.readers.challenge import Challenge
from esi.ecg.readers.code15 import Code15
from esi.ecg.readers.cpsc2018 import Cpsc2018
from esi.ecg.readers.label_map import read_label_map
from esi.ecg.readers.mimic import Mimic
from esi.ecg.readers.ptbxl import Ptbxl
from esi.ecg.readers.reader import Reader
from esi.ecg.readers.sph import Sph
from esi.ecg.readers.wfdb_folder import OwnFolder
from esi.settings.data import Ingest

# `ingest.<set>.format` reads its names here. A format with settings of its own has a class in esi/settings/data.py besides.
READERS: dict[str, type[Reader[Any]]] = {
    "ptbxl": Ptbxl,
    "challenge": Challenge,
    "mimic": Mimic,
    "cpsc2018": Cpsc2018,
    "code15": Code15,
    "sph": Sph,
    "wfdb-folder": OwnFolder,
}


def reader_of(settings: Ingest) -> Reader[Any]:
    """The reader of a data set."""
    return READERS[settings.format](settings)


def check_release(settings: Ingest) -> None:
    """Whether a release lies where the settings say; reads no signals.

    Raises:
        ReleaseError: it does not; the sentence says what to download and where to put it.
    """
    _own_labels(settings)
    reader_of(settings).check()


def list_entries(settings: Ingest) -> pl.DataFrame:
    """The records that a release's own tables name, as `entries.SCHEMA`.

    Raises:
        ReleaseError: the release is missing or is not what its format says.
    """
    return reader_of(settings).entries(_own_labels(settings))


def _own_labels(settings: Ingest) -> OwnLabels:
    return {} if settings.label_map is None else read_label_map(settings.root / settings.label_map)
