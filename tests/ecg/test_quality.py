from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from esi.ecg.leads import lead_order
from esi.ecg.quality import noise_figures
from esi.ecg.wfdb.files import read_signals

TIME = np.arange(5000) / 500


def twelve(trace: np.ndarray) -> np.ndarray:
    """The same microvolts in all leads, beside a QRS-like pulse a second that no figure must count."""
    pulses = 1000 * np.exp(-(((TIME[: len(trace)] % 1) - 0.5) ** 2) / (2 * 0.01**2))
    return np.rint(np.tile(trace + pulses, (12, 1))).astype(np.int16)


def test_each_noise_has_its_figure_and_leaves_the_others_alone() -> None:
    clean = noise_figures(twelve(0 * TIME), 500)
    wander = noise_figures(twelve(300 * np.sin(2 * np.pi * 0.2 * TIME)), 500)
    mains = noise_figures(twelve(80 * np.sin(2 * np.pi * 60 * TIME)), 500)
    muscle = noise_figures(twelve(np.random.default_rng(0).normal(size=5000) * 60), 500)
    assert max(clean.wander_uv, clean.mains_uv, clean.muscle_uv) < 5
    assert wander.wander_uv == pytest.approx(300 / np.sqrt(2), rel=0.02)
    assert (wander.mains_uv, wander.muscle_uv) == pytest.approx((clean.mains_uv, clean.muscle_uv), abs=1)
    assert mains.mains_uv == pytest.approx(80 / np.sqrt(2), rel=0.02)
    assert (mains.wander_uv, mains.muscle_uv) == pytest.approx((clean.wander_uv, clean.muscle_uv), abs=1)
    white_in_band = 60 * np.sqrt((110 - 4 * 2 - 2) / 250)  # 40 to 150 Hz without 2 Hz at a line, 1 at 150
    assert muscle.muscle_uv == pytest.approx(white_in_band, rel=0.05)
    assert muscle.wander_uv == pytest.approx(clean.wander_uv, abs=10)


def test_what_the_files_rate_cannot_hold_is_not_measured() -> None:
    figures = noise_figures(twelve(80 * np.sin(2 * np.pi * 50 * TIME)), 100)
    assert figures.mains_uv is None
    assert noise_figures(twelve(80 * np.sin(2 * np.pi * 70 * TIME)), 100).muscle_uv < 5


def test_the_flat_fraction_counts_leads_and_time() -> None:
    signal = np.random.default_rng(0).integers(-90, 90, (12, 5000)).astype(np.int16)
    signal[:3, 1000:3500] = 7  # a quarter of the leads for half of the time
    assert noise_figures(signal, 500).flat_fraction == pytest.approx(0.125)


@pytest.mark.parametrize("samples", [1000, 4999, 3001])
def test_any_length_is_measured(samples: int) -> None:
    figures = noise_figures(twelve(80 * np.sin(2 * np.pi * 50 * TIME[:samples])), 500)
    assert figures.mains_uv == pytest.approx(80 / np.sqrt(2), rel=0.1)


def test_ptbxls_own_notes_are_found_again(real: Path) -> None:
    """Its annotators noted drift and static noise by eye; the figures must rank those recordings higher."""
    table = pl.read_csv(real / "ptb-xl/ptbxl_database.csv", infer_schema=False)
    notes: dict[str, list[bool]] = {"baseline_drift": [], "static_noise": []}
    figures = []
    for row in table.filter(pl.col("patient_id").is_not_null()).iter_rows(named=True):
        header = real / "ptb-xl" / f"{row['filename_hr']}.hea"
        if header.exists():
            signal, names, rate = read_signals(header)
            figures.append(noise_figures(np.rint(signal[lead_order(names)] * 1e3).astype(np.int16), rate))
            for name, noted in notes.items():
                noted.append(bool((row[name] or "").strip()))
    assert roc_auc_score(notes["baseline_drift"], [each.wander_uv for each in figures]) > 0.8
    assert roc_auc_score(notes["static_noise"], [each.muscle_uv for each in figures]) > 0.7
