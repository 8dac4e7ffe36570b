from __future__ import annotations

import random

import pytest

from esi.ecg.leads import LEADS, LeadError, lead_named, lead_order


def test_any_order_is_put_right_by_name() -> None:
    names = list(LEADS)
    random.Random(0).shuffle(names)
    assert [names[channel] for channel in lead_order(names)] == list(LEADS)


def test_the_order_of_mimic_is_not_the_standard_order() -> None:
    mimic = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert lead_order(mimic) == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]


def test_case_and_additional_channels_do_not_matter() -> None:
    assert lead_order(["resp", *(lead.upper() for lead in LEADS)]) == list(range(1, 13))


def test_missing_and_double_leads_are_named() -> None:
    with pytest.raises(LeadError, match=r"'V6'.* missing"):
        lead_order([*LEADS[:-1], "X"])
    with pytest.raises(LeadError, match="V1 stands there twice"):
        lead_order([*LEADS, "v1"])


SPELLINGS = [
    "{}", "lead {}", "Lead {}", "LEAD_{}", "lead-{}", "lead: {}", "Lead{}", "ECG {}", "ECG_{}", "EKG {}", "ECG Lead {}",
    "ecg.lead.{}", "MDC_ECG_LEAD_{}", "MDC_ECG_ELEC_POTL_{}", "{} (uV)", "{} [mV]", "{}_uV", "{} \u00b5V",
    "lead {} (\u03bcV)",
    " {} ", "{}_", "{} lead", "Ableitung {}", "d\u00e9rivation {}", "Lead {} (Einthoven)",
    "Lead {} (augmented voltage, right)",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_devices_and_formats_spell_a_lead_in_many_ways(spelling: str, change) -> None:
    for lead in LEADS:
        assert lead_named(spelling.format(change(lead))) == lead


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("\u2160", "I"), ("\u2161", "II"), ("\u2162", "III"), ("DI", "I"), ("D2", "II"), ("lead 1", "I"), ("Lead3", "III"),
        ("V 1", "V1"), ("V-6", "V6"), ("aV-R", "aVR"), ("a VL", "aVL"), ("Einthoven II", "II"), ("EKG Wilson V2", "V2"),
    ],
)  # fmt: skip
def test_further_spellings(name: str, lead: str) -> None:
    assert lead_named(name) == lead


@pytest.mark.parametrize(
    "name",
    [
        "-aVR", "\u2212aVR", "lead -aVR", "LEAD_-aVR", "aVR-", "MDC_ECG_LEAD_aVRneg", "aVR inverted", "neg. aVR",
        "aVR (neg)",
        "V1-V2", "I-II", "II/III", "MLII", "ML-II", "MCL1", "CM5", "V7", "V9", "V3R", "V4R", "V 4 R", "V1R", "V1 (right)",
        "X", "Y", "Z", "VR", "VF", "ECG", "ECG1", "ECG 2", "1", "12", "lead 12", "lead", "", "V", "aV", "V12", "I I", "I V1",
        "V1 filtered", "resp", "C3", "l", "V1 (", "V1 ()x", "(V1)", "V1 (II)", "x" * 1000 + "V1",
    ],
)  # fmt: skip
def test_what_is_not_certainly_a_standard_lead_is_none(name: str) -> None:
    assert lead_named(name) is None


def test_devices_of_8_9_and_15_leads_give_twelve() -> None:
    eight = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert lead_order(eight) == [0, 1, None, None, None, None, 2, 3, 4, 5, 6, 7]
    assert lead_order([*eight, "V4R"]) == lead_order(eight)
    assert lead_order([*LEADS, "X", "Y", "Z"]) == lead_order([*LEADS, "V7", "V8", "V9"]) == list(range(12))
    cabrera = ["aVL", "I", "-aVR", "II", "aVF", "III", *LEADS[6:]]
    assert lead_order(cabrera) == [1, 3, 5, None, 0, 4, 6, 7, 8, 9, 10, 11], "-aVR is not aVR, which follows from the others"


@pytest.mark.parametrize("names", [["I", "II"], ["I", *LEADS[6:]], ["I", "II", *LEADS[6:11]], [*LEADS[6:]]])
def test_a_lead_that_follows_from_nothing_is_missing(names: list[str]) -> None:
    with pytest.raises(LeadError, match="are missing"):
        lead_order(names)
