"""Folders of WFDB records whose headers carry `#Age`, `#Sex` and `#Dx` lines: the PhysioNet/CinC Challenge 2021 layout.

CPSC2018 (ICBEB), Chapman-Shaoxing, Ningbo, Georgia and PTB come so, and PhysioNet's own Chapman-Shaoxing-Ningbo release.
"""

from __future__ import annotations

import re
from pathlib import Path

from esi.ecg.entries import Entry, ReleaseError, require
from esi.ecg.reference import cpsc_classes, snomed_descriptions
from esi.ecg.wfdb_files import RecordError, parse_header

REMEDY = (
    "download the set from PhysioNet (challenge-2021 for CPSC2018 and others, ecg-arrhythmia for Chapman-Shaoxing-Ningbo, "
    "open access), unpack it there, or set the data set's ingest root in params.yaml to its folder"
)
_SEX = {"m": "male", "male": "male", "f": "female", "female": "female"}


def entries(root: Path) -> list[Entry]:
    """The records below a folder, by file name; each is a subject of its own, for these releases tell no subjects.

    `#Dx` holds SNOMED CT codes, or CPSC2018's own class names, which become the SNOMED CT codes that the Challenge gave
    them. A header that cannot be parsed still gives an entry (the signal reader then says what is wrong with it).

    Raises:
        ReleaseError: there is no such folder, or no header in it.
    """
    require(root, "a folder of WFDB records", REMEDY)
    headers = sorted(root.rglob("*.hea"))
    if not headers:
        raise ReleaseError(f"{root} holds no .hea file: {REMEDY}")
    return [_entry(header) for header in headers]


def _entry(path: Path) -> Entry:
    try:
        comments = parse_header(path).comments
    except RecordError:
        comments = {}
    by_class_name = {item.code: item.snomed for item in cpsc_classes().values()}
    codes = tuple(by_class_name.get(code, code) for code in re.split(r"[,\s]+", comments.get("dx", "")) if code)
    known = snomed_descriptions()
    return Entry(
        record_id=path.stem,
        subject_id=path.stem,
        header=path,
        age=_age(comments.get("age", "")),
        sex=_SEX.get(comments.get("sex", "").lower()),
        codes=codes,
        statements=tuple(known[code] for code in codes if code in known),
    )


def _age(text: str) -> float | None:
    try:
        age = float(text)
    except ValueError:
        return None
    return age if 0 <= age <= 120 else None  # NaN compares false, too
