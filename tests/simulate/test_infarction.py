"""Infarcts by wall, size and age show Q, lost R, ST and T where they lie, measured on noise-free leads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import CONDITIONS, INDEX
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import draw_records
from tests.simulate import simulated as s

TERRITORY = {
    "IMI": ("II", "III", "aVF"),
    "ASMI": ("V2", "V3"),
    "AMI": ("V3", "V4"),
    "LMI": ("V5", "V6"),
    "ALMI": ("V3", "V4", "V5"),
    "ILMI": ("aVF", "V6"),
    "IPMI": ("III", "aVF"),
    "IPLMI": ("aVF", "V6"),
}
# The leads two of which show ST and T of an infarct.
WALL = {
    "IMI": ("II", "III", "aVF"),
    "ASMI": ("V1", "V2", "V3"),
    "AMI": ("V2", "V3", "V4", "V5"),
    "LMI": ("I", "aVL", "V5", "V6"),
}


def share(values: list[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(values))


def infarct(name: str, size: float, age: float, count: int = 40) -> NDArray[np.floating]:
    """Median beats of infarcts of one size (severity) and age (0 fresh, 1 old)."""
    rng = np.random.default_rng(5)
    present = np.zeros((count, len(CONDITIONS)), bool)
    present[:, [INDEX["SR"], INDEX[name]]] = True
    subjects = draw_subjects(rng, count, "ptbxl")
    subjects.shape[:, INDEX[name], :2] = size, age
    return s.median_beats(draw_records(rng, subjects, present))


def part(beats: NDArray[np.floating], name: str, first_ms: int, last_ms: int) -> NDArray[np.floating]:
    return beats[:, s.lead(name), s.BEFORE + first_ms // 2 : s.BEFORE + last_ms // 2]


@pytest.mark.parametrize("name", list(TERRITORY))
def test_r_is_lost_where_the_infarct_lies_and_the_more_the_larger_it_is(name: str) -> None:
    for lead in TERRITORY[name]:
        healthy, small, large = (
            np.median(part(beats, lead, 0, 90).max(axis=1))
            for beats in (s.median_beats(s.draw("SR")), infarct(name, 0.02, 0.9), infarct(name, 0.95, 0.9))
        )
        assert large < 0.8 * healthy, lead
        assert large < small, lead
        assert small > 0.6 * healthy, lead


@pytest.mark.parametrize(("name", "lead"), [("IMI", "III"), ("IMI", "aVF"), ("ASMI", "V2"), ("ALMI", "V4"), ("LMI", "aVL")])
def test_a_large_infarct_often_has_a_wide_q(name: str, lead: str) -> None:
    def wide(beats: NDArray[np.floating]) -> float:
        return share([s.q_ms(beat[s.lead(lead)]) >= 30 for beat in beats])

    assert wide(infarct(name, 0.95, 0.9, 80)) > 0.4
    assert wide(infarct(name, 0.95, 0.9, 80)) > wide(s.median_beats(s.draw("SR", count=80))) + 0.2


@pytest.mark.parametrize(
    ("name", "lead", "opposite"), [("IMI", "III", "aVL"), ("ASMI", "V2", None), ("LMI", "aVL", "III"), ("PMI", None, "V2")]
)
def test_an_acute_infarct_lifts_st_and_depresses_it_opposite(name: str, lead: str | None, opposite: str | None) -> None:
    acute, old = infarct(name, 0.9, 0.05), infarct(name, 0.9, 0.9)

    def st(beats: NDArray[np.floating], at: str) -> NDArray[np.floating]:
        return part(beats, at, 140, 180).mean(axis=1)

    if lead is not None:  # 0.1 mV in two leads of the wall (Fourth Universal Definition)
        assert share(np.sort([st(acute, each) for each in WALL[name]], axis=0)[-2] >= 0.1) > 0.9
        assert np.median(st(acute, lead)) > np.median(st(old, lead)) + 0.1
    if opposite is not None:
        assert np.median(st(acute, opposite)) < np.median(st(old, opposite)) - 0.04


@pytest.mark.parametrize("name", ["IMI", "AMI", "LMI", "ASMI"])
def test_t_is_inverted_in_a_recent_infarct(name: str) -> None:
    beats = infarct(name, 0.9, 0.25)
    lowest = np.sort([part(beats, lead, 200, 420).min(axis=1) for lead in WALL[name]], axis=0)
    assert share(lowest[1] <= -0.1) > 0.9, "0.1 mV in two leads (Fourth Universal Definition)"


def test_infarcts_flatten_the_lateral_t() -> None:
    flat = np.median(part(infarct("IMI", 0.6, 0.9), "V5", 200, 420).max(axis=1))
    assert flat < 0.8 * np.median(part(s.median_beats(s.draw("SR")), "V5", 200, 420).max(axis=1))


def test_a_posterior_infarct_has_a_tall_r_in_v1_and_v2() -> None:
    for lead in ("V1", "V2"):
        r, s_wave = (np.median(extreme) for extreme in _r_and_s(infarct("PMI", 0.95, 0.9), lead))
        normal_r, normal_s = (np.median(extreme) for extreme in _r_and_s(s.median_beats(s.draw("SR")), lead))
        assert r / s_wave > 1.5 * normal_r / normal_s


def _r_and_s(beats: NDArray[np.floating], lead: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    return part(beats, lead, 0, 90).max(axis=1), -part(beats, lead, 0, 90).min(axis=1)


def test_q_waves_without_infarct_leave_t_alone() -> None:
    beats, normal = s.median_beats(s.draw("QWAVE", severity=0.8)), s.median_beats(s.draw("SR"))

    def any_q(each: NDArray[np.floating]) -> float:
        leads = ("II", "III", "aVF", "V2", "V3", "aVL", "V6")
        return share([max(s.q_ms(beat[s.lead(lead)]) for lead in leads) >= 30 for beat in each])

    assert any_q(beats) > 0.85
    assert any_q(beats) > any_q(normal) + 0.3
    t = [np.median(part(each, "V5", 200, 420).max(axis=1)) for each in (beats, normal)]
    assert t[0] == pytest.approx(t[1], rel=0.15)


def test_abnormal_qrs_is_notched_or_poor_in_r() -> None:
    beats, normal = s.median_beats(s.draw("ABQRS", severity=0.9)), s.median_beats(s.draw("SR"))
    assert np.median(part(beats, "V3", 0, 90).max(axis=1)) < 0.9 * np.median(part(normal, "V3", 0, 90).max(axis=1))
    assert not np.allclose(beats[:, :, s.BEFORE : s.BEFORE + 50], normal[:, :, s.BEFORE : s.BEFORE + 50], atol=0.05)


def test_aneurysm_keeps_st_up_behind_a_lost_r() -> None:
    beats = s.median_beats(s.draw("ANEUR"))
    assert share(part(beats, "V3", 140, 180).mean(axis=1) > 0.08) > 0.9
    assert np.median(part(beats, "V3", 0, 90).max(axis=1)) < 0.3
    assert np.median(-part(beats, "V3", 0, 90).min(axis=1)) > 0.7


def test_small_infarcts_keep_a_narrow_qrs() -> None:
    for name in TERRITORY:
        assert max(truth.qrs_ms for truth in s.draw(name, count=20).truth) < 120
