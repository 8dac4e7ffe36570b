"""PTB-XL as PhysioNet distributes it (version 1.0.3): ptbxl_database.csv, scp_statements.csv, records100, records500."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import polars as pl

from esi.ecg.entries import OwnLabels, ReleaseError, RowError, entry_table, require
from esi.ecg.readers.cells import number, whole
from esi.ecg.readers.codes import CodeTable, scp_table, with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import files_below, path_below
from esi.ecg.readers.people import age_of
from esi.ecg.readers.reader import Reader
from esi.ecg.readers.table_rows import read_rows
from esi.ecg.reference import scp_statements
from esi.errors import shown
from esi.settings.data import PtbxlRelease

REMEDY = (
    "download PTB-XL 1.0.3 from PhysioNet (ptb-xl, 1.8 GB, open access), unpack it there, "
    "or set the data set's ingest root in params.yaml to the folder that holds ptbxl_database.csv"
)
COLUMNS = ["ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold"]
OVER_89 = 300.0  # the release's mark for ages that would identify a subject
AGE_OF_OVER_89 = 90.0
RECORDS = 21_799  # of the whole release
_EMPTY = ("", "nan", "none", "null")
_ORDINARY = dict.fromkeys(map(ord, "‘’‚‛`´"), "'") | dict.fromkeys(map(ord, "“”„‟«»"), '"') | {0xA0: " "}
_DECIMAL_COMMA = re.compile(r"(:\s*\d+),(\d+)(?=\s*[,}])")


class Ptbxl(Reader[PtbxlRelease]):
    """At the rate of the settings."""

    release = "ptb-xl"

    def check(self) -> None:
        check(self.root, self.settings.rate)

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        return entries(self.root, self.settings.rate, own)


def check(root: Path, rate: int) -> None:
    """Whether PTB-XL lies in a folder, with the signals of this rate and the statements that this project knows.

    Raises:
        ReleaseError: it does not.
    """
    table = require(root / "ptbxl_database.csv", "PTB-XL's table of records", REMEDY)
    require_columns(table, [*COLUMNS, _file_column(rate)], REMEDY)
    other = {100: 500, 500: 100}[rate]
    require(
        root / f"records{rate}",
        f"PTB-XL's signals at {rate} Hz",
        f"download them, or set the data set's ingest rate in params.yaml to {other} if you have records{other}",
    )
    if (root / "scp_statements.csv").exists():
        _same_statements(root / "scp_statements.csv")


def entries(root: Path, rate: int, own: OwnLabels | None = None) -> pl.DataFrame:
    """The records of a PTB-XL folder as `entries.SCHEMA`, in the order of its table.

    A statement counts whatever its likelihood: 0 means "unknown" in this release, and the published benchmark (Strodthoff et
    al. 2020) counts them so. A row without a subject is taken as a subject of its own. How many rows and files of signals do
    not go together is said on stderr.

    Args:
        root: the folder with ptbxl_database.csv.
        rate: 500 or 100, which of the two copies of the signals.
        own: the set's own map of labels.

    Raises:
        ReleaseError: the table is missing, or not PTB-XL's.
    """
    check(root, rate)
    path = root / "ptbxl_database.csv"
    codes = scp_table().with_own(own or {})
    table = read_columns(path, [*COLUMNS, _file_column(rate)], REMEDY)
    rows = entry_table(read_rows(path, table, "ecg_id", lambda place, cells: _row(root, rate, codes, place, cells)))
    _say_differences(root, rate, rows)
    return with_statements(rows, codes, path)


def _file_column(rate: int) -> str:
    return {100: "filename_lr", 500: "filename_hr"}[rate]


def _row(root: Path, rate: int, codes: CodeTable, place: str, cells: dict[str, str | None]) -> dict[str, Any]:
    row = {name: cell or "" for name, cell in cells.items()}
    try:
        record = whole(row["ecg_id"])
        subject = whole(row["patient_id"]) if row["patient_id"] else f"record-{record}"
        likelihoods = _likelihoods(codes, row["scp_codes"])
        file = path_below(root, f"{row[_file_column(rate)].removesuffix('.hea')}.hea")
        if record is None or subject is None or file in (None, ".hea"):
            raise ValueError(record, subject, file)
        return {
            "record_id": record,
            "subject_id": subject,
            "path": file,
            "age": _age(row["age"]),
            "sex": _sex(row["sex"]),
            "fold": _fold(row["strat_fold"]),
            "codes": list(likelihoods),
            "likelihoods": list(likelihoods.values()),
        }
    except (ValueError, LookupError, SyntaxError, AttributeError, TypeError, OverflowError, RecursionError, MemoryError):
        names = ("ecg_id", "scp_codes", "strat_fold", _file_column(rate))
        seen = {name: shown(row[name]) for name in names}
        raise RowError(f"{place} is not one of PTB-XL's ({seen}): correct it, or {REMEDY}") from None


def _likelihoods(codes: CodeTable, text: str) -> dict[str, float]:
    """The codes of a cell such as {'NORM': 80.0, 'SR': 0.0}, with typographic quotation marks or decimal commas, too."""
    text = text.translate(_ORDINARY).strip()
    text = text.strip('"') if text.startswith(("'{", '"{')) else text
    text = _DECIMAL_COMMA.sub(r"\1.\2", text.strip("'").replace('""', '"'))
    found = {}
    for text_of_code, likelihood in ast.literal_eval(text or "{}").items():
        (code,) = codes.codes_of(str(text_of_code))
        if code in found or not 0 <= float(likelihood) <= 100:
            raise ValueError(code, likelihood)
        found[code] = float(likelihood)
    return found


def _age(text: str) -> float | None:
    if text.lower() in _EMPTY:
        return None
    if number(text) == OVER_89:
        return AGE_OF_OVER_89
    age = age_of(text)
    if age is None:
        raise ValueError(text)
    return age


def _sex(text: str) -> str | None:
    return None if text.lower() in _EMPTY else {"0": "male", "1": "female"}[whole(text) or text]


def _fold(text: str) -> int | None:
    if text.lower() in _EMPTY:
        return None
    fold = int(whole(text) or text)
    if not 1 <= fold <= 10:
        raise ValueError(text)
    return fold


def _say_differences(root: Path, rate: int, rows: pl.DataFrame) -> None:
    """A table that was cut between two rows looks whole: the files that it does not name tell."""
    folder = root / f"records{rate}"
    unlisted = {f"records{rate}/{path}" for path in files_below(folder, ".hea")}.difference(rows["path"].drop_nulls())
    if unlisted:
        print(
            f"{root}: ptbxl_database.csv has {rows.height} rows (PTB-XL 1.0.3: {RECORDS:,}) and none for {len(unlisted)} "
            f"records in records{rate}, which are left out, first {min(unlisted)}: if the table was cut, download it again",
            file=sys.stderr,
        )


def _same_statements(path: Path) -> None:
    """The label tasks go by data/reference/scp_statements.csv: a release that classes its codes otherwise does not fit."""
    columns = ["diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"]
    require_columns(path, columns, REMEDY)
    table = read_columns(path, ["", *columns], REMEDY)
    theirs = {row[""]: {name: cell or "" for name, cell in row.items()} for row in table.cells.iter_rows(named=True)}
    differing = [
        code
        for code, ours in scp_statements().items()
        if code not in theirs
        or [theirs[code][flag] in ("1.0", "1") for flag in columns[:3]] != [ours.diagnostic, ours.form, ours.rhythm]
        or [theirs[code][name] for name in columns[3:]] != [ours.superclass, ours.subclass]
    ]
    if differing:
        raise ReleaseError(
            f"{path}: is not that of PTB-XL 1.0.3, for it lacks or classes otherwise {len(differing)} of 71 codes, such as "
            f"{differing[:5]}: the label tasks would not be the published ones; {REMEDY}"
        )
