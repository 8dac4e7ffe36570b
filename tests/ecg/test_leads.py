from __future__ import annotations

import random

import pytest

from esi.ecg.leads import LEADS, LeadError, lead_order


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
