from __future__ import annotations

import pytest

from esi.evaluate.captions.statement_finder import StatementFinder, sentences, words
from esi.pairs.text import compose

STATEMENTS = [
    "sinus rhythm",
    "atrial fibrillation",
    "left bundle branch block",
    "incomplete left bundle branch block",
    "inferior myocardial infarction",
    "inferior myocardial infarction, possibly acute",
    "ST-T changes",
    "ventricular premature complexes",
    "multiple ventricular premature complexes",
]
EXTRA = "A ventricular premature complex is early and wide. Its T wave points the other way by 0.1 mV or more."
DESCRIPTIONS = {
    "sinus rhythm": "Upright P waves precede each QRS, unlike in atrial fibrillation.",
    "left bundle branch block": "Left bundle branch block shows broad R waves. It differs from atrial fibrillation.",
    "ventricular premature complexes": EXTRA,
    "multiple ventricular premature complexes": EXTRA,
}
find = StatementFinder(STATEMENTS, DESCRIPTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Findings: sinus rhythm, left bundle branch block.", ["sinus rhythm", "left bundle branch block"]),
        ("findings : sinus rhythm, st - t changes.", ["sinus rhythm", "ST-T changes"]),  # as a WordPiece decoder spells it
        ("Findings: inferior myocardial infarction, possibly acute, sinus rhythm.",
         ["inferior myocardial infarction, possibly acute", "sinus rhythm"]),
        ("Findings: inferior myocardial infarction, sinus rhythm.", ["inferior myocardial infarction", "sinus rhythm"]),
        ("Findings: incomplete left bundle branch block.", ["incomplete left bundle branch block"]),
        ("Findings: LBBB.", ["left bundle branch block"]),
        ("Findings: sinus rhythm, sinus rhythm.", ["sinus rhythm"]),
        ("Findings: alternating left bundle branch block.", ["alternating left bundle branch block"]),  # said, and not known
        ("Findings: sinus rhythm", ["sinus rhythm"]),  # cut
        ("Findings: .", []),
        ("", []),
    ],
)  # fmt: skip
def test_listed_findings(text: str, expected: list[str]) -> None:
    assert find(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Upright P waves precede each QRS, unlike in atrial fibrillation.", ["sinus rhythm"]),
        ("Left bundle branch block shows broad R waves. It differs from atrial fibrillation.", ["left bundle branch block"]),
        (EXTRA, ["ventricular premature complexes"]),  # shared: the commonest, once
        (f"Findings: multiple ventricular premature complexes. {EXTRA}", ["multiple ventricular premature complexes"]),
        (EXTRA.replace("0.1", "0. 1").lower(), ["ventricular premature complexes"]),
    ],
)
def test_a_description_says_what_it_describes(text: str, expected: list[str]) -> None:
    assert find(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ECG shows atrial fibrillation with incomplete left bundle branch block.",
         ["atrial fibrillation", "incomplete left bundle branch block"]),
        ("No evidence of atrial fibrillation.", []),
        ("Sinus rhythm without ST-T changes.", ["sinus rhythm"]),
        ("There is no pause, atrial fibrillation is seen.", ["atrial fibrillation"]),  # another clause
        ("A 63-year-old male.", []),
    ],
)  # fmt: skip
def test_free_text(text: str, expected: list[str]) -> None:
    assert find(text) == expected


def test_a_composed_text_says_its_own_findings() -> None:
    raw = ["Sinus rhythm.", "MULTIPLE VENTRICULAR PREMATURE COMPLEXES", "LBBB", "Inferior infarct, possibly acute"]
    made = compose(50, "female", raw, DESCRIPTIONS, lambda text: len(text.split()), 200)
    assert made.descriptions.count(".") >= 5
    assert find(made.text) == list(made.statements)
    assert find(made.text.lower()) == list(made.statements)


def test_a_decimal_point_ends_no_sentence() -> None:
    assert [len(sentence) for sentence in sentences(words("ST rises by 0.1 mV. V2 too."))] == [7, 2]
