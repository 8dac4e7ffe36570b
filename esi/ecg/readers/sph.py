"""SPH, of Shandong Provincial Hospital, as figshare distributes it: metadata.csv and records/A00001.h5 ...

Liu et al. 2022 (Scientific Data 9, 272): 25,770 records of 24,666 patients. `ecg` of a file is float16 millivolts [12, N] at
500 Hz, the leads I II III aVR aVL aVF V1..V6. `AHA_Code` holds statements of AHA/ACC/HRS (Mason et al. 2007), divided by
`;`: a primary statement, and behind `+` what modifies it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from esi.ecg.entries import OwnLabels, RowError, entry_table, require
from esi.ecg.leads import LEADS, RATE
from esi.ecg.readers import hdf5
from esi.ecg.readers.codes import CodeTable, with_statements
from esi.ecg.readers.csv_files import read_columns, require_columns
from esi.ecg.readers.folders import path_below
from esi.ecg.readers.people import age_of, sex_of
from esi.ecg.readers.table_rows import read_rows
from esi.ecg.wfdb.files import Record
from esi.ecg.wfdb.header import RecordError
from esi.errors import shown

REMEDY = (
    "download metadata.csv and records.tar of SPH from figshare (doi:10.6084/m9.figshare.c.5779802, open access), unpack it "
    "there, or set the data set's ingest root in params.yaml to the folder that holds metadata.csv"
)
COLUMNS = ["ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex"]
STATEMENTS = {  # the 44 primary statements that occur
    "1": "normal ECG",
    "21": "sinus tachycardia",
    "22": "sinus bradycardia",
    "23": "sinus arrhythmia",
    "30": "atrial premature complexes",
    "31": "blocked atrial premature complexes",
    "36": "junctional premature complexes",
    "37": "junctional escape",
    "50": "atrial fibrillation",
    "51": "atrial flutter",
    "54": "junctional tachycardia",
    "60": "ventricular premature complexes",
    "80": "short PR interval",
    "81": "AV conduction ratio N:D",
    "82": "prolonged PR interval",
    "83": "Mobitz I (Wenckebach) second degree AV block",
    "84": "Mobitz II second degree AV block",
    "85": "2:1 AV block",
    "86": "variable AV block",
    "87": "high degree AV block",
    "88": "third degree (complete) AV block",
    "101": "left anterior fascicular block",
    "102": "left posterior fascicular block",
    "104": "left bundle branch block",
    "105": "incomplete right bundle branch block",
    "106": "right bundle branch block",
    "108": "ventricular preexcitation",
    "120": "right axis deviation",
    "121": "left axis deviation",
    "125": "low QRS voltage",
    "140": "left atrial enlargement",
    "142": "left ventricular hypertrophy",
    "143": "right ventricular hypertrophy",
    "145": "ST changes",
    "146": "ST-T changes",
    "147": "T wave abnormality",
    "148": "prolonged QT interval",
    "152": "TU fusion",
    "153": "secondary ST-T (repolarization) changes",
    "155": "early repolarization",
    "160": "anterior myocardial infarction",
    "161": "inferior myocardial infarction",
    "165": "anteroseptal myocardial infarction",
    "166": "extensive anterior myocardial infarction",
}


class Sph(hdf5.Hdf5Reader):
    """A modified statement (30+310) is a code of its own beside the primary one, which alone gives a statement."""

    release = "sph"

    def check(self) -> None:
        require_columns(require(self.root / "metadata.csv", "SPH's table of records", REMEDY), COLUMNS, REMEDY)
        require(self.root / "records", "SPH's signals", REMEDY)
        hdf5.h5py()

    def entries(self, own: OwnLabels) -> pl.DataFrame:
        self.check()
        path = self.root / "metadata.csv"
        rows = read_rows(path, read_columns(path, COLUMNS, REMEDY), "ECG_ID", self._row)
        modified: dict[str, list[str]] = {code: [] for row in rows for code in row.get("codes", ()) if "+" in code}
        codes = CodeTable("SPH's codes", {**{code: [text] for code, text in STATEMENTS.items()}, **modified})
        return with_statements(entry_table(rows), codes.with_own(own), path)

    def _row(self, place: str, cells: dict[str, str | None]) -> dict[str, Any]:
        row = {name: cell or "" for name, cell in cells.items()}
        record = row["ECG_ID"].removesuffix(".h5")
        file = path_below(self.root, f"records/{record}.h5") if record else None
        codes = [code.strip() for code in row["AHA_Code"].split(";") if code.strip()]
        if file is None or not all(map(_is_code, codes)):
            seen = {name: shown(row[name]) for name in ("ECG_ID", "AHA_Code")}
            raise RowError(f"{place} is not one of SPH's ({seen}): correct it, or {REMEDY}")
        return {
            "record_id": record,
            "subject_id": row["Patient_ID"] or f"record-{record}",
            "path": file,
            "age": age_of(row["Age"]),
            "sex": sex_of(row["Sex"]),
            "codes": list(dict.fromkeys(part for code in codes for part in (code.split("+")[0], code))),
        }

    def open(self, path: str, place: int | None) -> Record:
        file = self.root / path
        signal_CT = hdf5.millivolts(self._file.dataset(file, "ecg"), (), file)
        if signal_CT.ndim != 2 or signal_CT.shape[0] != len(LEADS):
            raise RecordError("unreadable", f"{file}: holds an ecg of shape {signal_CT.shape}, not (12, samples)")
        return Record(np.ascontiguousarray(signal_CT), list(LEADS), RATE, None)


def _is_code(text: str) -> bool:
    """Whether it is a statement of the list, or one with its modifiers (30+310)."""
    return all(number.isascii() and number.isdecimal() for number in text.split("+"))
