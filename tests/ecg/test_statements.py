from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.ecg.statements import KINDS, distinct, kind_of, normalise
from tests.conftest import REAL


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Sinus rhythm.", "sinus rhythm"),
        ("*** INFERIOR INFARCT - POSSIBLY ACUTE ***", "inferior infarct - possibly acute"),
        ("(9@192) - cannot rule out myocardial injury", "cannot rule out myocardial injury"),
        ("- Mobitz type II 2nd degree A-V block", "Mobitz type II 2nd degree AV block"),
        ("ST elevation in V1-V4, I, aVL", "ST elevation in V1-V4, I, aVL"),
        ("Summary: normal ECG", "normal ECG"),
        ("voltage criteria (QRS) for LVH", "voltage criteria (QRS) for LVH"),
        ("PVC(s), lead(s) I", "PVC(s), lead(s) I"),
        ("  two   spaces ", "two spaces"),
        ("report made without knowing patient's sex", "report made without knowing patient's sex"),
    ],
)
def test_one_wording(raw: str, normal: str) -> None:
    assert normalise(raw) == normal


@given(st.text(max_size=80))
def test_a_normal_wording_stays(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    "qualifier", ["possible", "probable", "cannot rule out", "consider", "no evidence of", "borderline"]
)
def test_qualifiers_and_negations_keep_statements_apart(qualifier: str) -> None:
    assert normalise(f"{qualifier.upper()} Inferior infarct.") == f"{qualifier} inferior infarct"


def test_infarcts_of_different_age_stay_apart() -> None:
    assert (
        len({normalise(f"Inferior infarct{age}") for age in ("", " - age undetermined", " - possibly acute", ", old")}) == 4
    )


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("Lead(s) unsuitable for analysis: V1", "quality"),
        ("Artifact in lead(s) I,II", "quality"),
        ("*** INTERPRETATION MADE WITHOUT KNOWING PATIENT'S GENDER ***", "administrative"),
        ("*UnconfirmedAnalysis*", "administrative"),
        ("Low QRS voltages in limb leads", "finding"),
        ("High voltage in limb leads", "finding"),
        ("T-wave abnormality", "finding"),
        ("Left bundle branch block", "finding"),
    ],
)
def test_kinds(statement: str, kind: str) -> None:
    assert kind_of(normalise(statement)) == kind


def test_the_real_statements_of_mimic_fold() -> None:
    path = REAL / "mimic_iv_ecg_statements.txt"
    if not path.exists():
        pytest.skip("the real MIMIC statements do not lie in ../shared/real")
    raw = path.read_text().splitlines()
    rows = distinct(("mimic", text) for text in raw)
    assert len(raw) == 3862
    assert len(rows) < 3200
    assert sum(int(str(row["count"])) for row in rows) == len([text for text in raw if normalise(text)])
    by_kind = {kind: sum(row["kind"] == kind for row in rows) for kind in KINDS}
    assert by_kind["quality"] > 600
    assert not [row for row in rows if "infarct" in str(row["statement"]) and row["kind"] != "finding"]


def test_distinct_counts_and_sources() -> None:
    rows = distinct([("mimic", "Sinus rhythm"), ("ptbxl", "sinus rhythm."), ("mimic", "LVH"), ("mimic", "**")])
    assert rows == [
        {"statement": "sinus rhythm", "kind": "finding", "count": 2, "sources": ["mimic", "ptbxl"]},
        {"statement": "LVH", "kind": "finding", "count": 1, "sources": ["mimic"]},
    ]
