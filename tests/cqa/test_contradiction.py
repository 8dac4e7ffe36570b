"""Numbers and mirror images: what an answer may not say of its label."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest

from esi.cqa.check.answers import fault
from esi.cqa.check.claims import claims
from esi.cqa.check.contradiction import contradiction
from esi.cqa.check.patient_facts import patient_fact
from esi.cqa.retrieve.retrieval import Passage

BOOKS = Path(__file__).parents[2] / "data" / "textbooks"


def passage(name: str, text: str = "", others: tuple[str, ...] = ()) -> Passage:
    return Passage("id", "book.md", f"{name} > ECG criteria", [name, *others], None, text, 0, 0.9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QRS duration is 120 ms or more.", [("QRS duration", 120, inf)]),
        ("A QRS of at least 0.12 s is seen.", [("QRS duration", 120, inf)]),
        ("QRS ≥ 120 ms and PR < 200 ms.", [("QRS duration", 120, inf), ("PR interval", 0, 199.5)]),
        ("The QRS complex is narrow, below 100 ms.", []),  # a comma ends the plain wording
        ("The QRS complex is wider than 120 milliseconds.", [("QRS duration", 120.5, inf)]),
        ("QRS duration between 110 and 119 ms.", [("QRS duration", 110, 119)]),
        ("A heart rate of less than 60 beats per minute.", [("rate", 0, 59.5)]),
        ("The rate exceeds 100 bpm.", [("rate", 100.5, inf)]),
        ("The QTc exceeds 450 ms.", [("QT interval", 450.5, inf)]),
        ("The QRS complex has an S wave wider than 40 ms.", []),
        ("The normal QRS duration is below 100 ms.", []),
        ("The QRS complex is preceded by a P wave of 100 ms.", []),
    ],
)
def test_claims_are_read(text: str, expected: list[tuple[str, float, float]]) -> None:
    assert [(claim.quantity, claim.low, claim.high) for claim in claims(text)] == expected


ST_SENTENCE = "ST depression appears as a J point and an ST segment 0.05 mV or more above the baseline in two leads."
BELOW = ST_SENTENCE.replace("above", "below")
ABOVE = "The J point lies 0.1 mV above the baseline."


@pytest.mark.parametrize(
    ("statement", "answer", "wrong"),
    [
        ("ST depression", ST_SENTENCE, True),
        ("non-specific ST depression", ST_SENTENCE, True),
        ("ST depression", BELOW, False),
        (
            "ST depression",
            f"{BELOW} In aVR the ST segment may lie above the baseline.",
            False,
        ),
        ("ST elevation", BELOW.replace("depression", "elevation"), True),
        (
            "ST elevation",
            f"{ABOVE} Reciprocal ST depression lies below the baseline.",
            False,
        ),
        ("ST elevation", f"{ABOVE} Later the T waves fall below the baseline.", False),
        ("left bundle branch block", ST_SENTENCE.replace("depression", "segment"), False),
    ],
)
def test_the_st_segment_lies_on_the_side_that_the_label_says(statement: str, answer: str, wrong: bool) -> None:
    reason = contradiction(answer, statement, [passage(statement)])
    assert (reason is not None and "wrong side" in reason) == wrong


RBBB = passage("Complete right bundle branch block", "It has a QRS duration of 120 ms or more.", ("RBBB", "CRBBB"))


@pytest.mark.parametrize(
    ("statement", "answer", "reason"),
    [
        ("right bundle branch block", "The QRS duration is less than 100 ms with rsR' in V1.", "less than 100 ms"),
        ("RBBB", "RBBB shows QRS < 100 ms and rsR' in V1.", "contradicted the criteria of RBBB"),
        (
            "right bundle branch block",
            "Left bundle branch block shows broad R waves in V6.",
            "left bundle branch block, ",
        ),
        ("RBBB", "LBBB shows broad R waves in V6.", "described lbbb"),
        ("sinus bradycardia", "Sinus tachycardia has P waves before each QRS complex.", "sinus tachycardia, not"),
        ("sinus bradycardia", "Sinus bradycardia has a heart rate above 100 beats per minute.", "above 100"),
        ("sinus tachycardia", "Sinus tachycardia has a heart rate of 50 beats per minute.", "contradicted"),
        ("1st degree AV block", "First-degree AV block has a PR interval below 120 ms.", "below 120 ms"),
        ("1st degree AV block", "Second degree AV block drops QRS complexes.", "second degree av block"),
        ("prolonged QT interval", "A short QT interval is seen in V5.", "short qt interval"),
        ("ST elevation", "ST depression is seen in V5 and V6.", "st depression"),
        ("long QT interval", "The QT interval is shorter than 350 ms.", "contradicted"),
    ],
)
def test_the_opposite_of_the_label_is_refused(statement: str, answer: str, reason: str) -> None:
    passages = [RBBB] if "bundle" in statement or "BBB" in statement else [passage(statement)]
    assert reason in (contradiction(answer, statement, passages) or "")


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        (
            "right bundle branch block",
            "The QRS duration is 120 ms or more; unlike left bundle branch block it has rsR'.",
        ),
        ("right bundle branch block", "RBBB has a QRS complex of about 140 ms. Left bundle branch block has no rsR'."),
        ("incomplete right bundle branch block", "The QRS duration is 110 to 119 ms with rsr' in V1."),
        ("left anterior fascicular block", "The QRS duration is below 120 ms with a left axis."),
        ("sinus bradycardia", "The heart rate is below 60 beats per minute with normal P waves."),
        ("inferior infarction", "Q waves in II, III and aVF; ST depression in I and aVL."),
        ("atrial flutter", "Flutter waves at 300 per minute; the ventricular rate is often 150 beats per minute."),
    ],
)
def test_what_agrees_with_the_label_passes(statement: str, answer: str) -> None:
    passages = [RBBB] if statement == "right bundle branch block" else [passage(statement)]
    assert contradiction(answer, statement, passages) is None


def test_the_books_decide_where_the_name_fixes_nothing() -> None:
    entry = passage("Ventricular rhythm", "Ventricular rhythm shows a QRS complex of 120 ms or more.")
    assert contradiction("The QRS complex is below 100 ms.", "ventricular rhythm", [entry]) is not None
    assert contradiction("The QRS complex is below 100 ms.", "something else", [entry]) is None


def handbook() -> list[tuple[str, Passage]]:
    entries = []
    for path in sorted(BOOKS.glob("*.md")):
        for entry in re.split(r"(?m)^## ", path.read_text())[1:]:
            name = entry.splitlines()[0].strip()
            criteria = re.search(r"### ECG criteria\s+(.*?)\s+(?=###|\Z)", entry, re.DOTALL)
            if criteria:
                entries.append((name, passage(name, criteria[1])))
    return entries


def test_the_handbook_passes_its_own_check() -> None:
    entries = handbook()
    assert len(entries) > 80
    refused = {name: reason for name, entry in entries if (reason := fault(entry.text, name, [entry], "stop"))}
    assert refused == {}


def test_a_handbook_entry_with_its_numbers_turned_is_refused() -> None:
    turned = {"120 ms or more": "90 ms or less", "110 to 119 ms": "140 to 160 ms"}
    tried, refused = 0, 0
    for name, entry in handbook():
        wrong = entry.text
        for right, opposite in turned.items():
            wrong = wrong.replace(f"QRS duration of {right}", f"QRS duration of {opposite}")
        if wrong != entry.text:
            tried += 1
            refused += contradiction(wrong, name, [entry]) is not None
    assert tried >= 4
    assert refused == tried


@pytest.mark.parametrize(
    "text",
    [
        "A 54-year-old with chest pain.",
        "a 54 yo with AF",
        "aged 71",
        "This patient has AF.",
        "Mr. Smith",
        "Her ECG shows AF.",
        "recorded on 2019-03-12",
        "on 12.03.2019",
        "on March 3, 2019",
        "A woman with AF.",
        "The subject is male.",
        "Gender: female",
        "Patient name: Jane",
        "MRN 12345",
    ],
)
def test_facts_on_a_person_are_found(text: str) -> None:
    assert patient_fact(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "above 0.2 mV in men of 40 years or more and 0.15 mV in women",
        "Patients with a bundle branch block have a wide QRS.",
        "below the bundle of His",
        "the male pattern of repolarization; a male pattern",
        "leads V1/V2 at 25 mm/s",
    ],
)
def test_general_limits_are_no_facts_on_a_person(text: str) -> None:
    assert patient_fact(text) is None
