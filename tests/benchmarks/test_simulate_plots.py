"""Every SCP statement has its picture on the simulator's page, and a picture shows what was drawn."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import simulate_plots
from benchmarks.simulate_plots import LEFT_MM, PIXELS_PER_MM, ROW_MM, TOP_MM, condition_of, example, file_name, picture
from esi.ecg.leads import LEADS
from esi.ecg.reference import scp_statements
from tests.conftest import ROOT

DARK = 120  # ink, not grid


def ink(png: bytes) -> np.ndarray:
    """Where a picture is dark, bool [height, width]."""
    dark: np.ndarray = np.asarray(Image.open(io.BytesIO(png)).convert("L")) < DARK
    return dark


def pulse_mm(png: bytes) -> float:
    """Height of the first row's calibration pulse, read off the picture."""
    column = 5 * PIXELS_PER_MM + PIXELS_PER_MM // 2
    first_row = ink(png)[TOP_MM * PIXELS_PER_MM : (TOP_MM + ROW_MM) * PIXELS_PER_MM]
    top = np.flatnonzero(first_row[:, column]).min()
    return round(0.55 * ROW_MM - top / PIXELS_PER_MM)


def test_the_page_shows_every_statement_once() -> None:
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    shown = re.findall(r"^!\[(.+)\]\(simulator/(.+)\)$", page, re.MULTILINE)
    assert sorted(shown) == sorted((code, file_name(code)) for code in scp_statements())
    for code, statement in scp_statements().items():
        wording = statement.description.replace("Wolf-Parkinson", "Wolff-Parkinson")
        assert f"**{code}**, {wording}. " in page


def test_a_statement_is_drawn_by_its_own_condition() -> None:
    assert [condition_of(code) for code in ("NORM", "CLBBB", "AFIB", "XYZ")] == ["SR", "CLBBB", "AFIB", None]
    signal_mV, truth = example("CLBBB")
    again_mV, _ = example("CLBBB")
    assert signal_mV.shape == (12, 5000)
    assert np.array_equal(signal_mV, again_mV)
    assert truth.qrs_ms >= 120


def test_a_lead_is_drawn_in_its_place() -> None:
    """A deflection of 1 mV in V6, 8 s into the record, is 10 mm high, in the third row's last column and nowhere else."""
    flat = np.zeros((12, 5000), np.float32)
    beat = flat.copy()
    beat[LEADS.index("V6"), 4000:4050] = 1.0
    drawn = ink(picture("", beat)) & ~ink(picture("", flat))
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    baseline = (TOP_MM + 2.55 * ROW_MM) * PIXELS_PER_MM
    assert rows.min() == pytest.approx(baseline - 10 * PIXELS_PER_MM, abs=3)
    assert rows.max() <= baseline + 2
    start = (LEFT_MM + 8 * 25) * PIXELS_PER_MM
    assert columns.min() == pytest.approx(start, abs=3)
    assert columns.max() == pytest.approx(start + 0.1 * 25 * PIXELS_PER_MM, abs=3)


def test_what_is_too_high_is_drawn_at_half_the_gain() -> None:
    small, large = np.zeros((2, 12, 5000), np.float32)
    small[6, 100:200], large[6, 100:200] = 2.0, -3.0
    assert pulse_mm(picture("", small)) == 10
    assert pulse_mm(picture("", large)) == 5


def test_the_command_writes_small_files_and_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        monkeypatch.setattr("sys.argv", ["simulate_plots", "--out", str(tmp_path / folder), "--codes", "LVH", "LAO/LAE"])
        simulate_plots.main()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["LAO-LAE.png", "LVH.png"]
    for path in (tmp_path / "one").iterdir():
        assert 5_000 < path.stat().st_size <= 40_000
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
