"""Ischaemia by territory, unspecific ST-T, drugs and electrolytes, measured on noise-free leads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.simulate import simulated as s


def share(values: list[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(values))


def in_two(values: list[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Of several leads the second lowest value: a change counts where two leads of one wall show it."""
    return np.sort(values, axis=0)[1]


def st(name: str, lead: str, severity: float | None = None, count: int = 40) -> NDArray[np.floating]:
    drawn = s.draw(name, count=count, severity=severity)
    pairs = zip(s.median_beats(drawn), drawn.truth, strict=True)
    return np.array([s.j_mV(beat[s.lead(lead)], truth.qrs_ms) for beat, truth in pairs])


def t(name: str, lead: str, severity: float | None = None, count: int = 40) -> NDArray[np.floating]:
    """The largest deflection between 180 and 430 ms after the onset of QRS, with its sign."""
    part = s.median_beats(s.draw(name, count=count, severity=severity))[:, s.lead(lead), s.BEFORE + 90 : s.BEFORE + 215]
    return part[np.arange(len(part)), np.abs(part).argmax(axis=1)]


# The leads that look at each territory.
TERRITORY = {
    "ISCAL": ("V3", "V4", "V5", "V6"),
    "ISCIN": ("II", "III", "aVF"),
    "ISCIL": ("II", "aVF", "V5", "V6"),
    "ISCLA": ("I", "aVL", "V5", "V6"),
    "ISCAN": ("V2", "V3", "V4"),
    "ISCAS": ("V1", "V2", "V3"),
    "ISC_": ("V4", "V5", "V6"),
    "INJAL": ("V3", "V4", "V5", "V6"),
    "INJIN": ("II", "III", "aVF"),
    "INJLA": ("I", "aVL", "V5", "V6"),
    "INJIL": ("II", "aVF", "V5", "V6"),
    "INJAS": ("V3", "V4", "V5"),
}


@pytest.mark.parametrize("name", ["ISCAL", "ISCIN", "ISCIL", "ISCLA", "ISCAN", "ISCAS"])
def test_ischaemia_turns_t_where_it_lies(name: str) -> None:
    severe, mild = (in_two([t(name, lead, each) for lead in TERRITORY[name]]) for each in (0.95, 0.1))
    healthy = in_two([t("SR", lead) for lead in TERRITORY[name]])
    assert share(severe < -0.08) > 0.85
    assert np.median(severe) < np.median(mild) < 0.6 * np.median(healthy)


@pytest.mark.parametrize("name", ["ISCAL", "ISCIN", "ISCIL", "ISCLA", "ISC_"])
def test_severe_ischaemia_depresses_st(name: str) -> None:
    severe, mild = (in_two([st(name, lead, each) for lead in TERRITORY[name]]) for each in (0.95, 0.05))
    assert np.median(severe) < -0.05
    assert np.median(severe) < np.median(mild) - 0.03


@pytest.mark.parametrize("name", ["INJAL", "INJIN", "INJLA", "INJIL", "INJAS"])
def test_injury_depresses_st_and_inverts_t(name: str) -> None:
    assert share(in_two([st(name, lead, 0.8) for lead in TERRITORY[name]]) <= -0.05) > 0.85
    assert share(in_two([t(name, lead, 0.8) for lead in TERRITORY[name]]) < -0.1) > 0.85


def test_strain_is_lateral() -> None:
    assert share(t("STRAIN", "V6", 0.8) < -0.08) > 0.9
    assert share(st("STRAIN", "V6", 0.8) < -0.03) > 0.9
    assert share(t("STRAIN", "V2", 0.8) > 0.1) > 0.9


def test_st_depression_and_elevation() -> None:
    lowest = np.min([st("STD_", lead, count=120) for lead in ("V3", "V5", "V6", "II")], axis=0)
    assert share(lowest <= -0.05) >= 0.95
    assert share((st("STE_", "V2") >= 0.2) | (st("STE_", "aVF") >= 0.1) | (st("STE_", "V6") >= 0.1)) > 0.95
    assert share(np.abs(st("SR", "V5")) < 0.15) > 0.95
    assert share(np.min([st("SR", lead) for lead in ("V3", "V5", "V6", "II")], axis=0) <= -0.05) < 0.1


def test_unspecific_st_is_slight() -> None:
    slight = st("NST_", "V5", count=160)
    assert share((slight < 0.03) & (slight > -0.12)) > 0.9
    assert np.median(slight) < np.median(st("SR", "V5")) - 0.03


def test_early_repolarisation_lifts_st_into_a_tall_t() -> None:
    for lead in ("V4", "V5"):
        assert np.median(st("ERV", lead)) > np.median(st("SR", lead)) + 0.05
        assert np.median(t("ERV", lead)) > 1.15 * np.median(t("SR", lead))
    assert np.median(st("ERV", "aVR")) < 0


@pytest.mark.parametrize("name", ["NDT", "NT_", "LOWT"])
def test_low_t(name: str) -> None:
    leads = ("II", "V4", "V5", "V6")
    low, normal = (np.median([np.median(np.abs(t(each, lead))) for lead in leads]) for each in (name, "SR"))
    assert low < (0.45 if name == "LOWT" else 0.8) * normal


def test_low_t_is_a_tenth_of_r() -> None:
    beats = s.median_beats(s.draw("LOWT", count=160))
    r = beats[:, s.lead("V5"), s.BEFORE : s.BEFORE + 50].max(axis=1)
    assert share(np.abs(t("LOWT", "V5", count=160)) < 0.12 * r) > 0.8


def test_inverted_t_stands_in_some_leads() -> None:
    lowest = np.min([t("INVT", lead, count=120) for lead in ("I", "V3", "V4", "V5", "V6", "aVF")], axis=0)
    assert share(lowest < -0.08) > 0.95
    assert share(np.min([t("SR", lead) for lead in ("I", "V3", "V4", "V5", "V6")], axis=0) < -0.08) < 0.1


def test_t_abnormality_is_diphasic() -> None:
    beats = s.median_beats(s.draw("TAB_", severity=0.9))[:, :, s.BEFORE + 90 : s.BEFORE + 230]
    both = (beats.max(axis=2) > 0.04) & (beats.min(axis=2) < -0.04)
    normal = s.median_beats(s.draw("SR"))[:, :, s.BEFORE + 90 : s.BEFORE + 230]
    both_normal = (normal.max(axis=2) > 0.04) & (normal.min(axis=2) < -0.04)
    chest = [s.lead(name) for name in ("V2", "V3", "V4", "V5", "V6")]
    assert share(both[:, chest].any(axis=1)) > share(both_normal[:, chest].any(axis=1)) + 0.3


def test_digitalis_sags_st_and_shortens_qt() -> None:
    assert np.median(st("DIG", "V5", 0.7)) < -0.06
    assert np.median(corrected_qt("DIG")) < np.median(corrected_qt("SR")) - 20


def corrected_qt(name: str) -> NDArray[np.floating]:
    """Fridericia's, from the truth."""
    return np.array([truth.qt_ms / np.cbrt(truth.rr_ms / 1000) for truth in s.draw(name).truth])


def test_long_qt() -> None:
    assert share(corrected_qt("LNGQT") > 470) > 0.95
    assert share(corrected_qt("SR") < 470) > 0.95
    drawn = s.draw("LNGQT", "SBRAD")
    late = s.median_beats(drawn)[:, s.lead("II"), s.BEFORE + 200 : s.BEFORE + 260]
    usual = s.median_beats(s.draw("SBRAD"))[:, s.lead("II"), s.BEFORE + 200 : s.BEFORE + 260]
    assert np.median(late.max(axis=1)) > 1.2 * np.median(usual.max(axis=1)), "T lasts longer in the signal too"


def test_electrolytes_flatten_t_or_raise_it() -> None:
    ratio = t("EL", "V3", 0.9) / np.median(t("SR", "V3"))
    assert share(ratio < 0.7) > 0.5
    assert 0.05 < share(ratio > 1.3) < 0.5
