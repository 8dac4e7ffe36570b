"""A drawn ECG holds the samples to scale, each lead in its place."""

from __future__ import annotations

import re

import numpy as np
import pytest

from esi.ecg.leads import LEADS, SAMPLES
from esi.report.ecg_drawing import draw_ecg


def strips(svg: str) -> list[tuple[int, np.ndarray]]:
    """Where each trace begins (x) and its heights, in units of 0.05 mm upwards."""
    found = []
    for x, y, steps in re.findall(r'class="trace" d="M(\d+) (-?\d+)l([^"]*)"', svg):
        numbers = [int(value) for value in steps.split()]
        assert set(numbers[::2]) <= {1}
        found.append((int(x), -np.cumsum([int(y), *numbers[1::2]])))
    return found


@pytest.fixture
def ecg_CT() -> np.ndarray:
    return np.random.default_rng(0).integers(-1500, 1500, (12, SAMPLES)).astype(np.int16)


def test_every_lead_is_drawn_in_its_place_and_to_scale(ecg_CT: np.ndarray) -> None:
    found = strips(draw_ecg("a", ecg_CT, SAMPLES, "an ECG"))
    rows = [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"]]
    places = [(lead, column * 1250, 1250) for row in rows for column, lead in enumerate(row)] + [("II", 0, 5000)]
    assert len(found) == 13
    for (x, height_T), (lead, start, length) in zip(found, places, strict=True):
        assert x == 10 * 20 + start  # 10 mm of margin; a sample is 0.05 mm wide
        expected_T = ecg_CT[LEADS.index(lead), start : start + length] / 5  # 10 mm/mV: 0.05 mm are 5 uV
        difference_T = (height_T - height_T[0]) - (expected_T - expected_T[0])
        assert np.abs(difference_T).max() <= 1  # rounding of both ends


def test_padding_is_not_drawn(ecg_CT: np.ndarray) -> None:
    found = strips(draw_ecg("a", ecg_CT, 3000, "an ECG"))
    assert [len(height_T) for _, height_T in found] == [1250, 1250, 500] * 3 + [3000]


def test_the_calibration_pulse_is_one_millivolt_and_a_fifth_of_a_second(ecg_CT: np.ndarray) -> None:
    svg = draw_ecg("a", ecg_CT, SAMPLES, "an ECG")
    assert len(re.findall(r'd="M40 \d+h20v-200h100v200h20"', svg)) == 4


def test_a_description_is_escaped(ecg_CT: np.ndarray) -> None:
    assert 'aria-label="&quot;II&quot; &lt; &amp;"' in draw_ecg("a", ecg_CT, SAMPLES, '"II" < &')
