"""Which reader reads which format of params.yaml's `ingest` section."""

from __future__ import annotations

import polars as pl

from esi.ecg.readers import challenge, cpsc2018, mimic, ptbxl, wfdb_folder
from esi.ecg.readers.codes import OwnLabels
from esi.ecg.readers.label_map import read_label_map
from esi.settings.data import Cpsc2018Release, Ingest, MimicRelease, PtbxlRelease, WfdbFolder


def check_release(settings: Ingest) -> None:
    """Whether a release lies where the settings say; reads no signals.

    Raises:
        ReleaseError: it does not; the sentence says what to download and where to put it.
    """
    _own_labels(settings)
    match settings:
        case PtbxlRelease():
            ptbxl.check(settings.root, settings.rate)
        case MimicRelease():
            mimic.check(settings.root, settings.patients)
        case Cpsc2018Release():
            cpsc2018.check(settings.root)
        case WfdbFolder():
            wfdb_folder.check(settings)
        case _:
            challenge.check(settings.root)


def list_entries(settings: Ingest) -> pl.DataFrame:
    """The records that a release's own tables name, as `entries.SCHEMA`.

    Raises:
        ReleaseError: the release is missing or is not what its format says.
    """
    own = _own_labels(settings)
    match settings:
        case PtbxlRelease():
            return ptbxl.entries(settings.root, settings.rate, own)
        case MimicRelease():
            return mimic.entries(settings.root, settings.patients, own)
        case Cpsc2018Release():
            return cpsc2018.entries(settings.root, own)
        case WfdbFolder():
            return wfdb_folder.entries(settings, own)
        case _:
            return challenge.entries(settings.root, own)


def _own_labels(settings: Ingest) -> OwnLabels:
    return {} if settings.label_map is None else read_label_map(settings.root / settings.label_map)
