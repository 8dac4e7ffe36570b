"""Who a record is, under whatever name, rate or layout its data set was ingested.

A set's name is the user's choice, and one release comes in several layouts: PTB-XL at 100 and at 500 Hz and among the
Challenge's sources, CPSC2018 as MAT files and as WFDB, Chapman's `JS` records in two releases. A subject or a record of a
public release therefore has the same key wherever it is read. What belongs to no known release shares one namespace: two
hospitals whose ids agree are refused until `ingest.<set>.release` tells them apart, for a leak is never to pass in silence.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from esi.ecg.releases import READERS
from esi.files import content_hash
from esi.settings.data import Ingest

OWN = "own"  # no public release that is known here
GROUND_TRUTH = "ground_truth.parquet"  # what the simulator writes into each of its sets, and no public release holds
BEATS = {"record_id", "kinds", "onsets_s", "p_waves"}  # columns of it
_RECORD_NAMES = {  # as the releases and the PhysioNet/CinC Challenges name their records
    "ptb-xl": re.compile(r"HR\d{5}|\d{5}_[LH]R"),
    "chapman-shaoxing-ningbo": re.compile(r"JS\d{5}"),
    "cpsc2018": re.compile(r"A\d{4}"),
    "cpsc2018-extra": re.compile(r"Q\d{4}"),
    "st-petersburg-incart": re.compile(r"I\d{4}"),
    "ptb": re.compile(r"S\d{4}"),
    "georgia": re.compile(r"E\d{5}"),
    "mimic-iv-ecg": re.compile(r"\d{8}"),
    "code-15": re.compile(r"\d{1,8}"),
    "sph": re.compile(r"A\d{5}"),
}
_BY_NAME = [name for name in _RECORD_NAMES if name not in ("mimic-iv-ecg", "code-15", "sph")]  # whose names are anybody's
_PTBXL_NUMBER = re.compile(r"(?:HR)?0*(\d{1,5})(?:_[LH]R)?")


def people(settings: Ingest, entries: pl.DataFrame) -> pl.Series:
    """The keys of each entry: its subject's and, in a public release, its record's.

    Two entries are of one person, as far as can be known, if they share a key.

    Args:
        settings: of the data set. entries: columns record_id and subject_id.
    """
    cohort = _cohort(settings.root)
    keys = []
    for record_id, subject_id in entries.select("record_id", "subject_id").iter_rows():
        release = settings.release or _release_of(settings, record_id)
        found = [f"{cohort}{release}/subject/{_subject(subject_id)}"]
        number = _record_number(release, record_id)
        keys.append(found if number is None else [*found, f"{cohort}{release}/record/{number}"])
    return pl.Series("people", keys, pl.List(pl.String))


def _release_of(settings: Ingest, record_id: str) -> str:
    known = READERS[settings.format].release
    if known is not None:
        return known
    name = _name(record_id)
    return next((release for release in _BY_NAME if _RECORD_NAMES[release].fullmatch(name)), OWN)


def _record_number(release: str, record_id: str) -> str | None:
    """What a record is called in every layout of its release; None where the release is none that is known."""
    name = _name(record_id)
    if release == "ptb-xl":
        match = _PTBXL_NUMBER.fullmatch(name)
        return match[1] if match else None
    return name if release in _RECORD_NAMES and _RECORD_NAMES[release].fullmatch(name) else None


def _name(record_id: str) -> str:
    """The record's own name, without folder and window."""
    return re.sub(r"-W\d+$", "", record_id.rsplit("/", 1)[-1].upper())


def _subject(subject_id: str) -> str:
    """A table that went through a spreadsheet or pandas says 15709.0."""
    return re.sub(r"^(\d+)\.0+$", r"\1", subject_id.strip())


def _cohort(root: Path) -> str:
    """What simulated people have before their keys, one for each cohort; nothing for real ones.

    A cohort goes by its records and the kinds of their beats, which no processor rounds.
    """
    path = root / GROUND_TRUTH
    try:
        if not set(pq.read_schema(path).names) >= BEATS:
            return ""
        table = pq.read_table(path, columns=["record_id", "kinds"])
    except (OSError, pa.ArrowInvalid):
        return ""  # as strict as for real ones
    beats = zip(table["record_id"].to_pylist(), table["kinds"].to_pylist(), strict=True)
    return f"simulated-{content_hash(repr(sorted(beats)))[:16]}/"
