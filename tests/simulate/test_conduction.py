"""Blocks and pre-excitation meet their criteria (AHA/ACCF/HRS Recommendations III), measured on noise-free leads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.simulate import simulated as s


def share(values: list[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(values))


def qrs(beats: NDArray[np.floating], name: str, first_ms: int = 0, last_ms: int = 180) -> NDArray[np.floating]:
    return beats[:, s.lead(name), s.BEFORE + first_ms // 2 : s.BEFORE + last_ms // 2]


def axis(beats: NDArray[np.floating]) -> NDArray[np.floating]:
    """Frontal axis in degrees from the net areas of QRS in I and aVF."""
    one, foot = (qrs(beats, name, -10, 116).sum(axis=1) for name in ("I", "aVF"))
    return np.degrees(np.arctan2(2 / np.sqrt(3) * foot, one))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("CRBBB", 110, 165),
        ("CLBBB", 130, 210),
        ("IRBBB", 80, 122),
        ("ILBBB", 100, 145),
        ("IVCD", 104, 146),
        ("WPW", 100, 170),
    ],
)
def test_qrs_duration(name: str, low: float, high: float) -> None:
    measured = np.array([s.qrs_ms(beat) for beat in s.median_beats(s.draw(name))])
    assert share((measured >= low) & (measured <= high)) >= 0.9
    truths = [truth.qrs_ms for truth in s.draw(name).truth]
    assert (min(truths) >= 110) == (name in ("CRBBB", "CLBBB", "IVCD", "WPW"))


@pytest.mark.parametrize(("name", "low", "high"), [("LAFB", -90, -45), ("LPFB", 90, 180)])
def test_fascicular_blocks_turn_the_axis(name: str, low: float, high: float) -> None:
    degrees = axis(s.median_beats(s.draw(name)))
    assert share((degrees >= low - 2) & (degrees <= high)) >= 0.95
    assert all(low <= truth.axis_deg <= high for truth in s.draw(name).truth)
    assert share((axis(s.median_beats(s.draw("SR"))) >= low) & (axis(s.median_beats(s.draw("SR"))) <= high)) < 0.15


def test_posterior_block_has_rs_in_avl_and_qr_in_iii() -> None:
    beats = s.median_beats(s.draw("LPFB"))
    assert share(qrs(beats, "aVL").max(axis=1) > 0.02) > 0.9
    assert share(-qrs(beats, "aVL").min(axis=1) > qrs(beats, "aVL").max(axis=1)) > 0.95
    assert share(qrs(beats, "III", 0, 30).min(axis=1) < -0.02) > 0.9
    assert share(qrs(beats, "III").max(axis=1) > 0.4) > 0.9


def test_incomplete_right_block_has_a_second_r_in_v1_that_grows_with_severity() -> None:
    def late(severity: float | None) -> NDArray[np.floating]:
        return qrs(s.median_beats(s.draw("IRBBB", severity=severity)), "V1", 60, 116).max(axis=1)

    assert share(late(None) > 0.08) > 0.75
    assert np.median(late(1.0)) > np.median(late(0.0)) + 0.1
    assert share(qrs(s.median_beats(s.draw("SR")), "V1", 60, 116).max(axis=1) > 0.08) < 0.25


def test_right_block_with_an_anteroseptal_infarct_has_qr_in_v1() -> None:
    beats = s.median_beats(s.draw("CRBBB", "ASMI", severity=0.9))
    assert share(qrs(beats, "V1", 60, 140).max(axis=1) > 0.2) > 0.9
    alone = s.median_beats(s.draw("CRBBB", severity=0.9))
    first = [np.median(qrs(each, "V1", 0, 30).max(axis=1)) for each in (beats, alone)]
    assert first[0] < 0.5 * first[1]


@pytest.mark.parametrize("name", ["ILBBB", "CLBBB"])
def test_left_blocks_have_no_septal_q(name: str) -> None:
    beats = s.median_beats(s.draw(name))
    for lead in ("I", "V6"):
        assert share(qrs(beats, lead, 0, 40).min(axis=1) > -0.05) > 0.9
    assert share(-qrs(beats, "V1").min(axis=1) > 2 * qrs(beats, "V1").max(axis=1)) > 0.9


def test_slow_conduction_is_neither_bundle_block() -> None:
    beats = s.median_beats(s.draw("IVCD", count=80))
    late_r = qrs(beats, "V1", 70, 140).max(axis=1) > 0.3
    assert share(late_r) < 0.1
    assert (
        share(
            [s.q_ms(beat[s.lead("V6")]) > 6 or beat[s.lead("V6")][s.BEFORE : s.BEFORE + 90].min() < -0.05 for beat in beats]
        )
        > 0.4
    )


def test_preexcitation() -> None:
    drawn = s.draw("WPW", severity=0.6)
    truths = drawn.truth
    assert max(truth.pr_ms or 999 for truth in truths) < 120
    beats = s.median_beats(drawn)
    normal = s.median_beats(s.draw("SR"))

    # A slow start: at 24 ms QRS runs at a smaller part of its fastest speed than it does at its steepest.
    def start(each: NDArray[np.floating]) -> NDArray[np.floating]:
        speed = np.linalg.norm(np.diff(each[:, s.EIGHT], axis=2), axis=1)[:, s.BEFORE : s.BEFORE + 70]
        return speed[:, :14].mean(axis=1) / speed.max(axis=1)

    assert np.median(start(beats)) < 0.75 * np.median(start(normal))
    v1 = qrs(beats, "V1").sum(axis=1) > 0
    assert 0.15 < share(v1) < 0.85  # left and right pathways
