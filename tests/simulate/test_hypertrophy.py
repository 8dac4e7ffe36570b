"""Atria, hypertrophy and voltage meet their criteria (AHA/ACCF/HRS Recommendations V), measured on noise-free leads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.simulate import simulated as s


def share(values: list[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(values))


def qrs(beats: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    return beats[:, s.lead(name), s.BEFORE - 5 : s.BEFORE + 65]


def p_wave(name: str, lead: str, severity: float | None = None) -> NDArray[np.floating]:
    """The 200 ms before QRS of slow hearts, in which P stands clear of T."""
    drawn = s.draw(name, count=60, severity=severity)
    slow = [row for row, truth in enumerate(drawn.truth) if truth.rate < 80]
    return s.median_beats(drawn)[slow][:, s.lead(lead), s.BEFORE - 100 : s.BEFORE - 5]


def sokolow(beats: NDArray[np.floating]) -> NDArray[np.floating]:
    return -qrs(beats, "V1").min(axis=1) + np.maximum(qrs(beats, "V5").max(axis=1), qrs(beats, "V6").max(axis=1))


@pytest.mark.parametrize(("name", "severity"), [("LVH", 0.4), ("LVH", 0.9), ("VCLVH", None)])
def test_voltage_of_the_left_ventricle(name: str, severity: float | None) -> None:
    assert sokolow(s.median_beats(s.draw(name, severity=severity))).min() > 3.5
    assert sokolow(s.median_beats(s.draw("SR"))).max() < 3.5


def test_right_hypertrophy() -> None:
    beats = s.median_beats(s.draw("RVH", severity=0.9))
    assert share(qrs(beats, "V1").max(axis=1) > -qrs(beats, "V1").min(axis=1)) > 0.9, "R/S in V1 above 1"
    assert share(qrs(beats, "V1").max(axis=1) >= 0.6) > 0.6
    assert share(-qrs(beats, "V5").min(axis=1) > 0.3) > 0.9, "deep S in V5"
    assert share(qrs(beats, "I").sum(axis=1) < qrs(beats, "aVF").sum(axis=1)) > 0.9
    mild = s.median_beats(s.draw("RVH", severity=0.05))
    assert np.median(qrs(mild, "V1").max(axis=1)) < 0.6 * np.median(qrs(beats, "V1").max(axis=1))


def test_septal_hypertrophy_has_deep_narrow_q_and_tall_r_in_v1() -> None:
    beats, normal = (s.median_beats(s.draw(name, severity=0.6)) for name in ("SEHYP", "SR"))
    for lead in ("V5", "V6"):
        q = beats[:, s.lead(lead), s.BEFORE : s.BEFORE + 18].min(axis=1)
        assert np.median(q) < -0.15
        assert np.median([s.q_ms(beat[s.lead(lead)]) for beat in beats]) < 32
    assert np.median(qrs(beats, "V1").max(axis=1)) > 1.5 * np.median(qrs(normal, "V1").max(axis=1))


def test_limb_lead_voltage() -> None:
    def limb(name: str) -> NDArray[np.floating]:
        return np.ptp(s.median_beats(s.draw(name))[:, :6, s.BEFORE - 10 : s.BEFORE + 60], axis=2).max(axis=1)

    assert limb("LVOLT").max() < 0.5
    assert limb("HVOLT").min() > 1.85
    assert share((limb("SR") > 0.5) & (limb("SR") < 2.05)) == 1


def test_low_voltage_spares_the_chest_leads() -> None:
    chest = [np.median(np.ptp(qrs(s.median_beats(s.draw(name)), "V3"), axis=1)) for name in ("LVOLT", "SR")]
    assert 0.4 < chest[0] / chest[1] < 0.95


def test_left_atrium() -> None:
    assert share(np.array([truth.p_ms or 0 for truth in s.draw("LAO/LAE").truth]) >= 120) > 0.9
    terminal = p_wave("LAO/LAE", "V1").min(axis=1)
    assert np.median(terminal) < -0.05
    assert np.median(terminal) < 2 * np.median(p_wave("SR", "V1").min(axis=1))


def test_p_waves_are_tallest_in_ii_and_low_in_the_chest_leads() -> None:
    """Medians of PTB-XL's normal ECGs: I 0.08, II 0.13, V2-V6 0.06-0.07 mV above a baseline; these, above the PR segment."""
    heights = {lead: np.median(p_wave("SR", lead).max(axis=1)) for lead in ("I", "II", "V2", "V3", "V4", "V5", "V6")}
    assert 0.06 < heights.pop("I") < 0.12
    assert 0.11 < heights.pop("II") < 0.20
    assert all(0.05 < height < 0.13 for height in heights.values())


def test_right_atrium() -> None:
    high = p_wave("RAO/RAE", "II", severity=0.95).max(axis=1)
    assert share(high >= 0.22) > 0.8
    assert np.median(p_wave("RAO/RAE", "II").max(axis=1)) > 1.5 * np.median(p_wave("SR", "II").max(axis=1))


@pytest.mark.parametrize(("name", "low", "high"), [("1AVB", 200, 310), ("LPR", 190, 212)])
def test_pr(name: str, low: float, high: float) -> None:
    pr = [truth.pr_ms or 0 for truth in s.draw(name).truth]
    assert low < min(pr)
    assert max(pr) < high
