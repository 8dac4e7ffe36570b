"""Folders of WFDB records whose headers carry `#Age`, `#Sex` and `#Dx` lines: the PhysioNet/CinC Challenge 2021 layout.

CPSC2018 (ICBEB), Chapman-Shaoxing, Ningbo, Georgia and PTB come so, and PhysioNet's own Chapman-Shaoxing-Ningbo release
(ecg-arrhythmia: WFDBRecords/01/010/JS00001.hea, with RECORDS files).
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from esi.ecg.entries import OwnLabels, ReleaseError, entry_table, require
from esi.ecg.readers.codes import CodeTable, snomed_table, with_statements
from esi.ecg.readers.folders import files_below, path_below
from esi.ecg.readers.people import age_of, sex_of
from esi.ecg.readers.reader import Reader
from esi.ecg.readers.table_text import read_text
from esi.ecg.wfdb.header import RecordError, comments_of, header_lines
from esi.errors import shown
from esi.settings.data import Release

REMEDY = (
    "download the set from PhysioNet (challenge-2021 for CPSC2018 and others, ecg-arrhythmia for Chapman-Shaoxing-Ningbo, "
    "open access), unpack it there, or set the data set's ingest root in params.yaml to its folder"
)
LOOKED_AT = 20  # headers, by `check`
THREADS = 16
CHUNK = 256  # headers a task
_NO_CODE = {"unknown", "nan", "none"}


class Challenge(Reader[Release]):
    """Several releases come so: whose record it is, its name tells."""

    def check(self) -> None:
        check(self.root)

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        return entries(self.root, own)


def check(root: Path) -> None:
    """Whether records of this layout lie in a folder.

    Raises:
        ReleaseError: there is no such folder, no header in it, or no `#Dx` line in the first headers.
    """
    require(root, "a folder of WFDB records", REMEDY)
    headers = list(islice(files_below(root, ".hea"), LOOKED_AT))
    if not headers:
        raise ReleaseError(f"{root} holds no .hea file: {REMEDY}")
    if not any("dx" in _comments(root / path) for path in headers):
        raise ReleaseError(
            f"{root}: {headers[0]} and {len(headers) - 1} further headers have no `#Dx:` line: set the data set's ingest "
            "format in params.yaml to that of the release (ptbxl, mimic, or wfdb-folder for records with a table of labels)"
        )


def entries(root: Path, own: OwnLabels | None = None) -> pl.DataFrame:
    """The records below a folder as `entries.SCHEMA`, by path; each is a subject of its own, for these releases tell none.

    `#Dx` holds SNOMED CT codes, or CPSC2018's own class names, which become the SNOMED CT codes that the Challenge gave
    them. A header whose signal lines are broken still gives its entry, and so does a record that a RECORDS file lists and
    that is not there: the signal reader then says what is wrong with it.

    Args:
        root: the folder.
        own: the set's own map of labels.

    Raises:
        ReleaseError: there is no such folder, no header in it, no `#Dx` line in the first headers, or not one known code.
    """
    check(root)
    codes = snomed_table().with_own(own or {})
    paths = _record_paths(root)
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    # threads: a cold disk or a file server answers many requests at a time
    with ThreadPoolExecutor(THREADS) as pool, tqdm(total=len(paths), desc=f"headers of {root.name}", unit="header") as bar:
        rows = []
        for chunk in pool.map(lambda chunk: [_row(root, path, codes) for path in chunk], chunks):
            rows += chunk
            bar.update(len(chunk))
    return with_statements(entry_table(rows), codes, root)


def _record_paths(root: Path) -> list[str]:
    """The headers below a folder, and those that its RECORDS files list besides."""
    files = list(files_below(root))
    paths = {path for path in files if path.endswith(".hea")}
    absent, outside = [], []
    for index in (path for path in files if Path(path).name == "RECORDS"):
        place = Path(index).parent
        for line in filter(None, map(str.strip, read_text(root / index, REMEDY).split("\n"))):
            listed = (place / line).as_posix()
            if line.endswith("/"):
                absent += [] if (root / listed).is_dir() else [listed]
            elif (path := path_below(root, f"{listed.removesuffix('.hea')}.hea")) is not None:
                paths.add(path)
            else:
                outside.append(listed)
    if absent:
        print(
            f"{root}: RECORDS lists {len(absent)} folders that are not there, first {absent[0]}: {REMEDY}", file=sys.stderr
        )
    if outside:
        print(
            f"{root}: RECORDS lists {len(outside)} records outside of it, first {shown(outside[0])}: left out",
            file=sys.stderr,
        )
    return sorted(paths)


def _comments(header: Path) -> dict[str, str]:
    try:
        return comments_of(header_lines(header))
    except RecordError:  # which the signal reader tells of
        return {}


def _row(root: Path, path: str, table: CodeTable) -> dict[str, Any]:
    comments = _comments(root / path)
    codes = [code for code in re.split(r"[,\s]+", comments.get("dx", "")) if code and code.lower() not in _NO_CODE]
    name = Path(path).stem
    return {
        "record_id": name,
        "subject_id": name,
        "path": path,
        "age": age_of(comments.get("age", "")),
        "sex": sex_of(comments.get("sex", "")),
        "codes": list(dict.fromkeys(known for code in codes for known in table.codes_of(code))),
    }
