"""A simulated set as MIMIC-IV-ECG 1.0 looks on disk, with the ages and sexes of MIMIC-IV's `patients.csv`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from esi.ecg.leads import LEADS as STANDARD
from esi.simulate.conditions.catalogue import CONDITIONS
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record.truth import GroundTruth, TruthTable
from esi.simulate.releases import labels
from esi.simulate.releases.batches import Batch
from esi.simulate.releases.waveform_files import quantise, write_dat

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")  # aVF before aVL
ORDER = [STANDARD.index(lead) for lead in LEADS]
REPORTS = [f"report_{number}" for number in range(18)]
MEASURES = ["rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis"]
MISSING = 29999  # as the carts write it


def write(
    folder: Path, batches: Iterator[Batch], subjects: Subjects, rng: np.random.Generator, progress: Callable[[int], object]
) -> Counter[str]:
    """Write every batch, the three tables and the ground truth; returns how many records show each condition."""
    records: list[list[object]] = []
    measures: list[list[object]] = []
    counts: Counter[str] = Counter()
    truths = TruthTable(folder)
    subject_ids = 10_000_000 + np.sort(rng.choice(9_999_999, len(subjects), replace=False))
    anchor_year = rng.integers(2110, 2201, len(subjects))
    for batch in batches:
        digital = quantise(batch.drawn.signal_mV[:, ORDER], 200)
        studies: list[str] = []
        for place, number in enumerate(batch.numbers):
            owner = int(batch.owners[place])
            subject = int(subject_ids[owner])
            study = 40_000_000 + 7 * number + int(rng.integers(0, 7))
            studies.append(str(study))
            date = np.datetime64(f"{anchor_year[owner]}-01-01T00:00:00") + np.timedelta64(
                int(rng.integers(0, 365 * 86400)), "s"
            )
            path = f"files/p{str(subject)[:4]}/p{subject}/s{study}/{study}"
            (folder / path).parent.mkdir(parents=True)
            day, clock = str(date).split("T")
            suffix = f" {clock} {'/'.join(reversed(day.split('-')))}"
            write_dat((folder / path).parent, str(study), digital[place], LEADS, 500, "200.0(0)/mV", suffix)
            statements = labels.mimic_statements(rng, batch.drawn.present[place])
            when = f"{day} {clock}"
            records.append([subject, study, study, when, path])
            setting = batch.drawn.filters.settings[batch.drawn.filters.setting[place]]
            notch = "60 Hz notch Baseline filter" if setting.notch else "<not specified>"
            filters = [f"{setting.highpass_hz:g}-{setting.lowpass_hz:g} Hz", notch]
            reports = [*statements, *[""] * (len(REPORTS) - len(statements))]
            cart = int(rng.integers(6_000_000, 7_000_000))
            measures.append([subject, study, cart, when, *reports, *filters, *_measurements(batch.drawn.truth[place])])
            counts.update(CONDITIONS[each].name for each in np.flatnonzero(batch.drawn.present[place]))
        truths.add(studies, batch.drawn.truth)
        progress(len(batch.numbers))
    truths.close()
    _write_table(folder / "record_list.csv", ["subject_id", "study_id", "file_name", "ecg_time", "path"], records)
    columns = ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, "bandwidth", "filtering", *MEASURES]
    _write_table(folder / "machine_measurements.csv", columns, measures)
    patients = [
        # MIMIC-IV gives 91 as the age of everybody over 89.
        [subject, "M" if male else "F", 91 if age > 89 else age, year, "2014 - 2016", ""]
        for subject, male, age, year in zip(subject_ids, subjects.male, subjects.age, anchor_year, strict=True)
    ]
    _write_table(
        folder / "patients.csv", ["subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group", "dod"], patients
    )
    return counts


def _measurements(truth: GroundTruth) -> list[int]:
    """The columns `MEASURES`: ms from the start of the cart's averaged beat, and degrees."""
    qrs_onset = 170 if truth.pr_ms is None else 40 + round(truth.pr_ms)
    p_onset, p_end = (MISSING, MISSING) if truth.pr_ms is None or truth.p_ms is None else (40, 40 + round(truth.p_ms))
    ends = [qrs_onset + round(truth.qrs_ms), qrs_onset + round(truth.qt_ms)]
    return [round(truth.rr_ms), p_onset, p_end, qrs_onset, *ends, MISSING, round(truth.axis_deg), MISSING]


def _write_table(path: Path, columns: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
