"""CPSC2018 (ICBEB) as first published: REFERENCE.csv, and A0001.mat ... in TrainingSet1, 2, 3 or in one folder."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from esi.ecg.entries import OwnLabels, ReleaseError, RowError, entry_table, require
from esi.ecg.readers.cells import plain, whole
from esi.ecg.readers.codes import snomed_table, with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import files_below
from esi.ecg.readers.people import age_of, sex_of
from esi.ecg.readers.reader import Reader
from esi.ecg.readers.table_rows import read_rows
from esi.ecg.reference import cpsc_classes
from esi.ecg.wfdb import cpsc_mat
from esi.ecg.wfdb.files import Record
from esi.ecg.wfdb.header import RecordError
from esi.errors import shown
from esi.settings.data import Release

REMEDY = (
    "download the training sets and REFERENCE.csv of CPSC2018 (2018.icbeb.org, 6,877 records, open access), unpack them "
    "there, or set the data set's ingest root in params.yaml to the folder that holds REFERENCE.csv"
)
LABELS = ["First_label", "Second_label", "Third_label"]
RECORDS = 6_877  # of the training sets
LOOKED_AT = 20  # records, by `check`
THREADS = 4  # several, for a cold disk; unpacking a file lets the others read


class Cpsc2018(Reader[Release]):
    """Its records are MATLAB files."""

    release = "cpsc2018"

    def check(self) -> None:
        check(self.root)

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        return entries(self.root, own)

    def files(self, path: str) -> list[Path]:
        return [self.root / path]

    def open(self, path: str, place: int | None) -> Record:
        return Record(*cpsc_mat.read_signals(self.root / path), checksum_errors=None)


def check(root: Path) -> None:
    """Whether CPSC2018 lies in a folder in its original layout.

    Raises:
        ReleaseError: it does not.
    """
    require(root, "the folder of CPSC2018", REMEDY)
    require_columns(_reference(root), ["Recording", *LABELS], REMEDY)
    found = list(islice(files_below(root, ".mat"), LOOKED_AT))
    if not found:
        raise ReleaseError(f"{root} holds no .mat file: {REMEDY}")
    errors = []
    for path in found:
        try:
            cpsc_mat.read_person(root / path)
            return
        except RecordError as error:
            errors.append(str(error))
    raise ReleaseError(
        f"{errors[0]} (nor can the {len(errors) - 1} next be read): if .hea files lie beside them, set the data set's "
        f"ingest format in params.yaml to challenge; otherwise {REMEDY}"
    )


def entries(root: Path, own: OwnLabels | None = None) -> pl.DataFrame:
    """The records that REFERENCE.csv lists as `entries.SCHEMA`, by name: the same as from the Challenge layout of the set.

    Its class numbers become the SNOMED CT codes that the Challenge gave them, in the order of the numbers, as there. Each
    record is a subject of its own. A listed record whose file is not there or damaged still gives its entry: the signal
    reader then says what is wrong with it.

    Raises:
        ReleaseError: REFERENCE.csv or the .mat files are missing or not what they should be.
    """
    check(root)
    reference = _reference(root)
    table = read_columns(reference, ["Recording", *LABELS], REMEDY)
    listed = read_rows(reference, table, "Recording", _row)
    codes = {row["record_id"]: row["codes"] for row in listed if "codes" in row}
    faults = {row["record_id"]: row["fault"] for row in listed if row.get("fault")}
    paths = {Path(path).stem: path for path in files_below(root, ".mat")}
    unlisted = sorted(set(paths) - set(codes) - set(faults))
    if unlisted:
        print(
            f"{root}: {len(unlisted)} .mat files are not in REFERENCE.csv and are left out, first {paths[unlisted[0]]}; "
            f"it has {len(listed)} rows (CPSC2018: {RECORDS:,}): if it was cut, download it again",
            file=sys.stderr,
        )
    names = sorted(codes | faults)
    with ThreadPoolExecutor(THREADS) as pool:
        files = [root / paths.get(name, f"{name}.mat") for name in names]
        people = tqdm(pool.map(_person, files), "ages and sexes of CPSC2018", len(files), unit="record")
        rows = [
            {
                "record_id": name,
                "subject_id": name,
                "path": paths.get(name, f"{name}.mat"),
                "age": age_of(person.get("age", "")),
                "sex": sex_of(person.get("sex", "")),
                "codes": codes.get(name, []),
                "fault": faults.get(name),
            }
            for name, person in zip(names, people, strict=True)
        ]
    return with_statements(entry_table(rows), snomed_table().with_own(own or {}), root)


def _reference(root: Path) -> Path:
    if (root / "REFERENCE.csv").exists():
        return root / "REFERENCE.csv"
    found = [path for path in files_below(root, ".csv") if Path(path).name == "REFERENCE.csv"]
    if len(found) != 1:
        raise ReleaseError(
            f"{root}: holds {len(found)} REFERENCE.csv in its folders, put that of all records there: {REMEDY}"
        )
    return root / found[0]


def _row(place: str, cells: dict[str, str | None]) -> dict[str, Any]:
    """The record and the SNOMED CT codes of its labels: 5, or 5.0 and 5,0 of a table that a spreadsheet has touched."""
    by_number = {str(item.number): item.snomed for item in cpsc_classes().values()}
    record = plain(cells["Recording"] or "").removesuffix(".mat")
    if not record or "/" in record:
        raise RowError(f"{place}: Recording {cells['Recording']!r} is no name of a record: correct it, or {REMEDY}")
    labels = [cells[name] or "" for name in LABELS]
    numbers = {whole(label) or shown(label) for label in labels if label.lower() not in ("", "nan")}
    if not numbers <= set(by_number):
        raise RowError(f"{place}: labels {sorted(numbers)} are not numbers from 1 to 9: correct them, or {REMEDY}")
    return {"record_id": record, "codes": [by_number[number] for number in sorted(numbers)]}


def _person(path: Path) -> dict[str, Any]:
    try:
        return cpsc_mat.read_person(path)
    except RecordError:
        return {}
