"""CPSC2018 (ICBEB) as first published: REFERENCE.csv, and A0001.mat ... in TrainingSet1, 2, 3 or in one folder."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from esi.ecg import cpsc_mat
from esi.ecg.entries import ReleaseError, entry_table, require
from esi.ecg.readers.codes import with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import files_below
from esi.ecg.readers.people import age_of, sex_of
from esi.ecg.reference import cpsc_classes, snomed_descriptions
from esi.ecg.wfdb_files import RecordError

REMEDY = (
    "download the training sets and REFERENCE.csv of CPSC2018 (2018.icbeb.org, 6,877 records, open access), unpack them "
    "there, or set the data set's ingest root in params.yaml to the folder that holds REFERENCE.csv"
)
LABELS = ["First_label", "Second_label", "Third_label"]
LOOKED_AT = 20  # records, by `check`
THREADS = 4  # several, for a cold disk; unpacking a file lets the others read


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


def entries(root: Path) -> pl.DataFrame:
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
    codes = {}
    for number, (name, *labels) in enumerate(table.iter_rows(), start=1):
        place = f"{reference}: row {number} below the header"
        if not name or name in codes:
            raise ReleaseError(f"{place}: Recording {name!r} is empty or stands there twice: correct it, or {REMEDY}")
        codes[name] = _codes(place, labels)
    paths = {Path(path).stem: path for path in files_below(root, ".mat")}
    unlisted = sorted(set(paths) - set(codes))
    if unlisted:
        print(
            f"{root}: {len(unlisted)} .mat files are not in REFERENCE.csv and are left out, first {paths[unlisted[0]]}",
            file=sys.stderr,
        )
    names = sorted(codes)
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
                "codes": codes[name],
            }
            for name, person in zip(names, people, strict=True)
        ]
    return with_statements(entry_table(rows), snomed_descriptions(), "snomed_statements.csv", root)


def _reference(root: Path) -> Path:
    if (root / "REFERENCE.csv").exists():
        return root / "REFERENCE.csv"
    found = [path for path in files_below(root, ".csv") if Path(path).name == "REFERENCE.csv"]
    if len(found) != 1:
        raise ReleaseError(
            f"{root}: holds {len(found)} REFERENCE.csv in its folders, put that of all records there: {REMEDY}"
        )
    return root / found[0]


def _codes(place: str, labels: list[str | None]) -> list[str]:
    """The SNOMED CT codes of a row's labels: "5", "5.0" (a table that went through pandas) or nothing."""
    by_number = {float(item.number): item.snomed for item in cpsc_classes().values()}
    try:
        numbers = {float(label) for label in labels if label and label.lower() != "nan"}
        return [by_number[number] for number in sorted(numbers)]
    except (ValueError, KeyError):
        raise ReleaseError(f"{place}: labels {labels} are not numbers from 1 to 9: correct them, or {REMEDY}") from None


def _person(path: Path) -> dict[str, Any]:
    try:
        return cpsc_mat.read_person(path)
    except RecordError:
        return {}
