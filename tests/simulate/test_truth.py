"""The ground truth: onsets and offsets found in the noise-free signal, and the table of each set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from esi.files import file_hash
from esi.simulate.conditions.priors import SetName
from esi.simulate.record.draw import Drawn
from esi.simulate.releases.cohort import simulate_cohort
from esi.simulate.rhythm.strip import CONDUCTED, VENTRICULAR
from tests.simulate import simulated as s


def speed_of(drawn: Drawn, row: int) -> np.ndarray:
    """How fast the eight leads together change from each sample to the next, mV."""
    return np.linalg.norm(np.diff(drawn.clean_mV[row][s.EIGHT]), axis=0)


def outermost(values: np.ndarray, share: float) -> tuple[int, int]:
    """First and last place above a share of the maximum."""
    above = np.flatnonzero(values > share * values.max())
    return int(above[0]), int(above[-1])


def assert_small(errors_s: list[float], median_s: float, most_s: float) -> None:
    """Nearly none at the median, and nine of ten are below `most_s`."""
    assert abs(np.median(errors_s)) < median_s
    assert np.percentile(np.abs(errors_s), 90) < most_s


@pytest.mark.parametrize(("name", "kind"), [("SR", CONDUCTED), ("CRBBB", CONDUCTED), ("PVC", VENTRICULAR)])
def test_qrs_begins_and_ends_where_the_truth_says(name: str, kind: int) -> None:
    """QRS as the span in which the leads change fast; a ventricular one is slow and runs into a steep ST."""
    drawn = s.draw(name)
    starts, ends = [], []
    for row, truth in enumerate(drawn.truth):
        for onset, offset, each in zip(truth.onsets_s, truth.offsets_s, truth.kinds, strict=True):
            first, last = round((onset - 0.05) * s.RATE), round((offset + 0.04) * s.RATE)
            if each != kind or first < 0 or last >= drawn.clean_mV.shape[2]:
                continue
            if any(start < onset < end + 0.05 for start, end in zip(truth.onsets_s, truth.t_ends_s, strict=True)):
                continue  # it falls into the T before it
            speed = np.linalg.norm(np.diff(drawn.clean_mV[row][s.EIGHT, first:last]), axis=0)
            begin, end = outermost(speed, 0.25 if kind == VENTRICULAR else 0.08)
            starts.append(begin / s.RATE - 0.05)
            ends.append((first + end + 1) / s.RATE - offset)
    assert len(starts) > 30
    assert_small(starts, 0.012, 0.020)
    assert_small(ends, 0.016, 0.035)


def test_p_waves_begin_and_end_where_the_truth_says() -> None:
    """In complete AV block many P waves stand alone; what follows them, the atria's repolarisation, is slow."""
    drawn = s.draw("3AVB", count=60)
    starts, ends = [], []
    for row, truth in enumerate(drawn.truth):
        speed = speed_of(drawn, row)
        for onset, offset in zip(truth.p_onsets_s, truth.p_offsets_s, strict=True):
            near = [t for t in (*truth.onsets_s, *truth.t_ends_s) if onset - 0.12 < t < offset + 0.12]
            within = [a for a, b in zip(truth.onsets_s, truth.t_ends_s, strict=True) if a < onset < b]
            if near or within or onset < 0.5 or offset > 9.8 or onset < truth.t_ends_s[0]:
                continue
            first = round((onset - 0.06) * s.RATE)
            begin, end = outermost(speed[first : round((offset + 0.06) * s.RATE)], 0.25)
            starts.append((first + begin) / s.RATE - onset)
            ends.append((first + end) / s.RATE - offset)
    assert len(starts) > 100
    assert_small(starts, 0.010, 0.025)
    assert_small(ends, 0.010, 0.025)


def test_t_ends_where_the_truth_says() -> None:
    """Where the steepest tangent behind the peak of T meets the baseline (Lepeschkin & Surawicz, Circulation 1952;6:378)."""
    drawn = s.draw("SR", count=80)
    errors = []
    for row, truth in enumerate(drawn.truth):
        if truth.rate > 75:
            continue  # P comes soon behind T
        for onset, end in zip(truth.onsets_s, truth.t_ends_s, strict=True):
            first, last = round((onset + 0.2) * s.RATE), round((end + 0.03) * s.RATE)
            if last >= drawn.clean_mV.shape[2]:
                continue
            lead = int(np.ptp(drawn.clean_mV[row][:, first:last], axis=1).argmax())
            trace = drawn.clean_mV[row, lead, first:last] - drawn.clean_mV[row, lead, last]
            peak = int(np.abs(trace).argmax())
            slope = np.gradient(trace)[peak:] * -np.sign(trace[peak])
            steep = peak + int(slope.argmax())
            errors.append((first + steep + abs(trace[steep]) / slope.max()) / s.RATE - end)
    assert len(errors) > 100
    assert -0.03 < np.median(errors) < 0.01, "the tangent meets the baseline a little before the last trace of T"
    assert np.std(errors) < 0.02


def test_the_truth_is_consistent() -> None:
    for name in ("SR", "1AVB", "2AVB", "PVC", "PAC", "PACE", "AFLT"):
        for truth in s.draw(name, count=12).truth:
            beats = len(truth.onsets_s)
            assert beats == len(truth.offsets_s) == len(truth.t_ends_s) == len(truth.kinds) == len(truth.prs_ms)
            assert len(truth.p_onsets_s) == len(truth.p_offsets_s) == len(truth.p_waves)
            assert list(truth.onsets_s) == sorted(truth.onsets_s)
            assert list(truth.p_onsets_s) == sorted(truth.p_onsets_s)
            assert truth.rate == pytest.approx(60000 / truth.rr_ms)
            assert truth.qtc_ms == pytest.approx(truth.qt_ms / np.cbrt(truth.rr_ms / 1000), rel=0.08)
            for onset, pr in zip(truth.onsets_s, truth.prs_ms, strict=True):
                if pr is not None and onset - pr / 1000 >= 0:
                    assert min(abs(p - (onset - pr / 1000)) for p in truth.p_onsets_s) < 1e-9


def test_each_set_carries_its_ground_truth_under_the_ids_of_its_reader(tmp_path: Path) -> None:
    records: dict[SetName, int] = {"ptbxl": 12, "chapman": 5, "mimic": 6, "icbeb": 9}
    for each in ("a", "b"):
        simulate_cohort(tmp_path / each, records, seed=3)
    for name, count in records.items():
        path = tmp_path / "a" / name / "ground_truth.parquet"
        assert file_hash(path) == file_hash(tmp_path / "b" / name / "ground_truth.parquet")
        table = pl.read_parquet(path)
        headers = {header.stem for header in (tmp_path / "a" / name).rglob("*.hea")}
        if name == "ptbxl":
            headers = {str(int(header.removesuffix("_hr"))) for header in headers if header.endswith("_hr")}
        assert set(table["record_id"]) == headers
        assert len(table) == count
        assert (table["onsets_s"].list.len() > 3).all()
        assert (table["onsets_s"].list.len() == table["prs_ms"].list.len()).all()
        assert table["qrs_ms"].is_between(60, 200).all()
