"""A small release of every format that is read, written in its public layout: what `test_readers.py` holds each reader to.

A new format adds the function that writes it to `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from scipy.io import savemat

from esi.ecg.leads import LEADS

SECONDS = 6


@dataclass(frozen=True)
class Written:
    """A release on disk, and what a reader is to find in it."""

    settings: dict[str, Any]  # of `ingest.<set>`, beside root, watch, windows and folds
    ids: list[str]  # of the records, in the order of the tables
    rate: float
    files: dict[str, Path]  # the file that holds a record's signals
    records_a_file: int
    label: str  # one that the first record has, as a label map writes it
    statements: list[str]  # of the first record
    release: str  # whose subjects these are
    subjects: list[str] | None = None  # None: as the ids
    tolerance: float = 1e-6  # of a sample, in millivolts, by the type that the files hold
    people: list[tuple[float | None, str | None]] = field(default_factory=lambda: PEOPLE)


PEOPLE: list[tuple[float | None, str | None]] = [(40.0, "male"), (41.0, "female"), (42.0, "male"), (43.0, "female")]
NUMBERS = range(len(PEOPLE))


def signal_of(number: int, rate: float) -> np.ndarray:
    """Millivolts [12, T] of a record: a lead's waves are as high as its place says, so that no two are alike."""
    seconds = np.arange(int(SECONDS * rate)) / rate
    heights = (1 + np.arange(len(LEADS))[:, None]) * 0.1 + 0.01 * number
    return np.round(heights * np.sin(2 * np.pi * 3 * seconds + number), 3)


def write_wfdb(path: Path, number: int, rate: float, leads: tuple[str, ...] = LEADS, comments: tuple[str, ...] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [LEADS.index(lead) for lead in leads]
    wfdb.wrsamp(
        path.name, rate, ["mV"] * 12, list(leads), signal_of(number, rate)[rows].T, fmt=["16"] * 12, adc_gain=[1000.0] * 12,
        baseline=[0] * 12, comments=list(comments), write_dir=str(path.parent),
    )  # fmt: skip


def write_ptbxl(root: Path) -> Written:
    rows = ["ecg_id,patient_id,age,sex,scp_codes,strat_fold,filename_lr,filename_hr"]
    names = [f"records500/00000/{number + 1:05d}_hr" for number in NUMBERS]
    for number, name in zip(NUMBERS, names, strict=True):
        write_wfdb(root / name, number, 500)
        low = name.replace("500", "100").replace("hr", "lr")
        sex = int(PEOPLE[number][1] == "female")
        rows.append(f"{number + 1},{70 + number},{40.0 + number},{sex},{{'NORM': 100.0}},{number + 1},{low},{name}")
    (root / "ptbxl_database.csv").write_text("\n".join(rows) + "\n")
    return Written(
        settings={"format": "ptbxl", "rate": 500},
        ids=[str(number + 1) for number in NUMBERS],
        subjects=[str(70 + number) for number in NUMBERS],
        rate=500,
        files={str(number + 1): root / f"{name}.dat" for number, name in zip(NUMBERS, names, strict=True)},
        records_a_file=1,
        label="NORM",
        statements=["normal ECG"],
        release="ptb-xl",
    )


def write_challenge(root: Path) -> Written:
    names = [f"JS{number + 1:05d}" for number in NUMBERS]
    for number, name in zip(NUMBERS, names, strict=True):
        age, sex = PEOPLE[number]
        comments = (f"Age: {age:.0f}", f"Sex: {sex}", "Dx: 426783006")
        write_wfdb(root / "g1" / name, number, 500, comments=comments)
    return Written(
        settings={"format": "challenge"},
        ids=names,
        rate=500,
        files={name: root / f"g1/{name}.dat" for name in names},
        records_a_file=1,
        label="426783006",
        statements=["sinus rhythm"],
        release="chapman-shaoxing-ningbo",
    )


def write_mimic(root: Path) -> Written:
    """aVF before aVL, as MIMIC's files have them."""
    ids = [str(40689238 + number) for number in NUMBERS]
    leads = (*LEADS[:4], "aVF", "aVL", *LEADS[6:])
    records, reports = ["subject_id,study_id,ecg_time,path"], ["study_id," + ",".join(f"report_{at}" for at in range(18))]
    patients = ["subject_id,gender,anchor_age,anchor_year"]
    for number, name in zip(NUMBERS, ids, strict=True):
        place = f"files/p1000/p{10000032 + number}/s{name}/{name}"
        write_wfdb(root / place, number, 500, leads)
        records.append(f"{10000032 + number},{name},2180-07-23 08:44:00,{place}")
        reports.append(f"{name},Sinus rhythm." + "," * 17)
        patients.append(f"{10000032 + number},{'MF'[number % 2]},{40 + number},2180")
    for name, rows in (("record_list", records), ("machine_measurements", reports), ("patients", patients)):
        (root / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return Written(
        settings={"format": "mimic", "patients": root / "patients.csv"},
        ids=ids,
        subjects=[str(10000032 + number) for number in NUMBERS],
        rate=500,
        files={name: next(root.rglob(f"{name}.dat")) for name in ids},
        records_a_file=1,
        label="Sinus rhythm.",
        statements=["Sinus rhythm."],
        release="mimic-iv-ecg",
    )


def write_cpsc2018(root: Path) -> Written:
    names = [f"A{number + 1:04d}" for number in NUMBERS]
    for number, name in zip(NUMBERS, names, strict=True):
        age, sex = PEOPLE[number]
        savemat(root / f"{name}.mat", {"ECG": {"sex": str(sex).title(), "age": age, "data": signal_of(number, 500)}})
    rows = ["Recording,First_label,Second_label,Third_label", *(f"{name},1,," for name in names)]
    (root / "REFERENCE.csv").write_text("\n".join(rows) + "\n")
    return Written(
        settings={"format": "cpsc2018"},
        ids=names,
        rate=500,
        files={name: root / f"{name}.mat" for name in names},
        records_a_file=1,
        label="426783006",
        statements=["sinus rhythm"],
        release="cpsc2018",
    )


def write_wfdb_folder(root: Path) -> Written:
    names = [f"2023/ecg-{number}" for number in NUMBERS]
    for number, name in zip(NUMBERS, names, strict=True):
        write_wfdb(root / name, number, 250, tuple(reversed(LEADS)))
    rows = [f"{name},p{number},{40 + number},{PEOPLE[number][1]},Sinus rhythm" for number, name in enumerate(names)]
    (root / "labels.csv").write_text("\n".join(["file,patient,years,sex,findings", *rows]) + "\n")
    columns = {"record": "file", "labels": "findings", "subject": "patient", "age": "years", "sex": "sex"}
    return Written(
        settings={
            "format": "wfdb-folder", "table": "labels.csv", "columns": columns, "separator": ";", "labels_are": "text",
        },
        ids=names,
        subjects=[f"p{number}" for number in NUMBERS],
        rate=250,
        files={name: root / f"{name}.dat" for name in names},
        records_a_file=1,
        label="sinus rhythm",
        statements=["Sinus rhythm"],
        release="own",
    )  # fmt: skip


CODE15_HEADER = "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file"


def write_tracings(path: Path, exams: dict[int, np.ndarray]) -> None:
    """A file of CODE-15%: exams as millivolts [12, T], zeros at both ends, and exam 0 of zeros behind them."""
    import h5py

    tracings = np.zeros((len(exams) + 1, 4096, 12), np.float32)
    for row, signal_CT in enumerate(exams.values()):
        head = (4096 - signal_CT.shape[1]) // 2
        tracings[row, head : head + signal_CT.shape[1]] = signal_CT.T
    with h5py.File(path, "w") as file:
        file["exam_id"] = np.array([*exams, 0], np.int64)
        file["tracings"] = tracings


def write_code15(root: Path) -> Written:
    """The table's order is another than the files'."""
    exams = [1169160, 2873686, 168405, 271011]
    for part in (0, 1):
        write_tracings(
            root / f"exams_part{part}.hdf5", {exams[number]: signal_of(number, 400) for number in NUMBERS[2 * part :][:2]}
        )
    rows = [
        f"{exams[number]},{40 + number},{number % 2 == 0},40.1,True,False,False,False,False,False,{500 + number},,,False,"
        f"exams_part{number // 2}.hdf5"
        for number in reversed(NUMBERS)
    ]
    (root / "exams.csv").write_text("\n".join([CODE15_HEADER, *rows]) + "\n")
    return Written(
        settings={"format": "code15"},
        ids=[str(exam) for exam in exams],
        subjects=[str(500 + number) for number in NUMBERS],
        rate=400,
        files={str(exam): root / f"exams_part{number // 2}.hdf5" for number, exam in enumerate(exams)},
        records_a_file=2,
        label="1dAVb",
        statements=["first degree AV block"],
        release="code-15",
    )


def write_sph(root: Path) -> Written:
    import h5py

    names = [f"A{number + 1:05d}" for number in NUMBERS]
    (root / "records").mkdir()
    for number, name in zip(NUMBERS, names, strict=True):
        with h5py.File(root / f"records/{name}.h5", "w") as file:
            file["ecg"] = signal_of(number, 500).astype(np.float16)
    rows = [
        f"{name},60+310;23,S{number:05d},{40 + number},{'MF'[number % 2]},3000,2020-03-04"
        for number, name in enumerate(names)
    ]
    (root / "metadata.csv").write_text("\n".join(["ECG_ID,AHA_Code,Patient_ID,Age,Sex,N,Date", *rows]) + "\n")
    return Written(
        settings={"format": "sph"},
        ids=names,
        subjects=[f"S{number:05d}" for number in NUMBERS],
        rate=500,
        files={name: root / f"records/{name}.h5" for name in names},
        records_a_file=1,
        label="60",
        statements=["ventricular premature complexes", "sinus arrhythmia"],
        release="sph",
        tolerance=1e-3,  # float16
    )


WRITERS: dict[str, Callable[[Path], Written]] = {
    "ptbxl": write_ptbxl,
    "challenge": write_challenge,
    "mimic": write_mimic,
    "cpsc2018": write_cpsc2018,
    "wfdb-folder": write_wfdb_folder,
    "code15": write_code15,
    "sph": write_sph,
}
