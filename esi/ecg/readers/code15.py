"""CODE-15% as Zenodo distributes it (record 4916206): exams.csv, and exams_part0.hdf5 to exams_part17.hdf5 of 20,000 exams.

Ribeiro et al. 2020 (doi:10.1038/s41467-020-15432-4) describe the exams. `tracings` of a file is float32 [N, 4096, 12] at
400 Hz, zeros at both ends, the leads I II III aVR aVL aVF V1..V6; `exam_id` [N] says which exam each of them is. The values
are taken as millivolts, as the PhysioNet Challenge 2025 does; nothing in the release vouches for that: 60 of its records are
about 1.8 times as high as PTB-XL's.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import polars as pl

from esi.ecg.entries import OwnLabels, ReleaseError, RowError, entry_table, require
from esi.ecg.leads import LEADS
from esi.ecg.readers import hdf5
from esi.ecg.readers.cells import whole
from esi.ecg.readers.codes import CodeTable, with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import path_below
from esi.ecg.readers.people import age_of
from esi.ecg.readers.table_rows import read_rows
from esi.ecg.wfdb.files import Record
from esi.ecg.wfdb.header import RecordError
from esi.errors import shown

REMEDY = (
    "download CODE-15% from Zenodo (record 4916206, open access): exams.csv and exams_part0.zip to exams_part17.zip, or "
    "some of them, unpack them there, or set the data set's ingest root in params.yaml to the folder that holds exams.csv"
)
RATE = 400.0
LABELS = {
    "1dAVb": "first degree AV block",
    "RBBB": "right bundle branch block",
    "LBBB": "left bundle branch block",
    "SB": "sinus bradycardia",
    "ST": "sinus tachycardia",
    "AF": "atrial fibrillation",
    "normal_ecg": "normal ECG",
}
COLUMNS = ["exam_id", "age", "is_male", *LABELS, "patient_id", "trace_file"]
_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


class Code15(hdf5.Hdf5Reader):
    """Exams are subjects' by `patient_id`; the labels are the release's own names, and the normal flag is one of them."""

    release = "code-15"

    def check(self) -> None:
        table = require(self.root / "exams.csv", "CODE-15%'s table of exams", REMEDY)
        require_columns(table, COLUMNS, REMEDY)
        if not any(self.root.rglob("*.hdf5")):
            raise ReleaseError(f"{self.root} holds no .hdf5 file: {REMEDY}")
        hdf5.h5py()

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        """By file and place. An exam whose file is not there, damaged or without it gives its entry all the same: opening it
        then says what is wrong. Exams of the files that the table lacks are counted on stderr.
        """
        self.check()
        path = self.root / "exams.csv"
        table = read_columns(path, COLUMNS, REMEDY)
        rows = read_rows(path, table, "exam_id", lambda place, cells: self._row(place, cells))
        entries = entry_table(rows)
        numbers = entries["path"].str.extract(r"(\d+)\D*$").cast(pl.Int64, strict=False).fill_null(-1)
        places = [self._places(name) for name in entries["path"].drop_nulls().unique(maintain_order=True)]
        found = pl.concat([pl.DataFrame(schema={"path": pl.String, "record_id": pl.String, "place": pl.Int64}), *places])
        unlisted = found.height - found.join(entries, on=["path", "record_id"], how="semi").height
        if unlisted:
            print(f"{path}: does not list {unlisted} exams of the .hdf5 files, which are left out", file=sys.stderr)
        entries = (
            entries.drop("place")
            .with_columns(number=numbers)
            .join(found, on=["path", "record_id"], how="left", maintain_order="left")
            .sort("number", "path", "place", maintain_order=True, nulls_last=True)
            .select(entries.columns)
        )
        codes = CodeTable("CODE-15%'s labels", {name: [text] for name, text in LABELS.items()}).with_own(own)
        return with_statements(entries, codes, path)

    def _row(self, place: str, cells: dict[str, str | None]) -> dict[str, Any]:
        row = {name: cell or "" for name, cell in cells.items()}
        exam, patient, file = whole(row["exam_id"]), whole(row["patient_id"]), path_below(self.root, row["trace_file"])
        flags = {name: _FLAGS.get(row[name].lower()) for name in ("is_male", *LABELS)}
        unread = [name for name, flag in flags.items() if flag is None and row[name]]
        if exam is None or file is None or not file.endswith(".hdf5") or unread:
            seen = {name: shown(row[name]) for name in ("exam_id", "trace_file", *unread)}
            raise RowError(f"{place} is not one of CODE-15%'s ({seen}): correct it, or {REMEDY}")
        return {
            "record_id": exam,
            "subject_id": patient or f"record-{exam}",
            "path": file,
            "age": age_of(row["age"]),
            "sex": {True: "male", False: "female", None: None}[flags["is_male"]],
            "codes": [name for name in LABELS if flags[name]],
        }

    def _places(self, name: str) -> pl.DataFrame:
        """Where each exam of a file lies; of a file that cannot be read, none."""
        try:
            exams = hdf5.millivolts(self._file.dataset(self.root / name, "exam_id"), slice(None), self.root / name)
        except RecordError:  # which opening tells of
            exams = np.array([])
        finally:
            self._file.close()
        ids = [str(int(exam)) for exam in exams.ravel()]
        places = pl.DataFrame({"record_id": ids}, schema={"record_id": pl.String}).with_row_index("place")
        # The files end with an exam 0 of zeros; an exam that stands there twice is read where it stands first.
        places = places.filter(pl.col("record_id") != "0").unique("record_id", keep="first", maintain_order=True)
        return places.select(pl.lit(name).alias("path"), "record_id", pl.col("place").cast(pl.Int64))

    def open(self, path: str, place: int | None) -> Record:
        file = self.root / path
        tracings = self._file.dataset(file, "tracings")
        if place is None:
            raise RecordError("missing record", f"{file}: does not hold this exam")
        signal_TC = hdf5.millivolts(tracings, place, file)
        if signal_TC.ndim != 2 or signal_TC.shape[1] != len(LEADS):
            raise RecordError("unreadable", f"{file}: holds tracings of shape {signal_TC.shape}, not (samples, 12)")
        return Record(np.ascontiguousarray(signal_TC.T), list(LEADS), RATE, None)
