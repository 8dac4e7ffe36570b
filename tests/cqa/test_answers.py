"""Which answers of a model are let in."""

from __future__ import annotations

import pytest

from esi.cqa.check.answers import fault, tidy
from esi.cqa.retrieve.retrieval import Passage

GOOD = "Complete left bundle branch block shows a QRS of 120 ms or more with broad R waves in I, aVL, V5 and V6."
NAMES = ["Complete left bundle branch block", "LBBB", "left bundle branch block"]
PASSAGE = Passage("id", "book.md", f"{NAMES[0]} > ECG criteria", NAMES, 1, "The QRS lasts 120 ms or more.", 0, 0.5)


def verdict(answer: str, finish_reason: str = "stop") -> str | None:
    return fault(tidy(answer, finish_reason), "LBBB", [PASSAGE], finish_reason)


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        "In LBBB the QRS complex is wide, and ST segments in V1 to V3 rise by up to 0.2 mV in men above 40 years.",
        "The block lies below the bundle of His: the QRS complex is broad, and the R wave in V6 is notched in most people.",
        "Broad R waves are seen in leads I and V6. Patients with a left bundle branch block have no septal q waves there.",
    ],
)
def test_good_answers_pass(answer: str) -> None:
    assert verdict(answer) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("Wide QRS.", "fewer than"),
        ("I'm sorry, but I cannot describe the QRS complex in left bundle branch block.", "refused"),
        ("The passages do not mention how left bundle branch block alters the QRS complex in V1.", "refused"),
        (
            'The answer to the question "How is left bundle branch block seen in the QRS complex of V6?" is not available.',
            "refused",
        ),
        ("LBBB shows a wide QRS complex and broad R waves in V6. This answer is repeated.", "instead of the ECG"),
        (" ".join(["In LBBB the QRS complex lasts 120 ms or more, with broad R waves in I and V6."] * 2), "repeated itself"),
        ("As an AI language model I know that left bundle branch block widens the QRS complex in V6.", "refused"),
        (
            "A 65-year-old man with left bundle branch block has a wide QRS complex and broad R waves in V6.",
            "particular patient",
        ),
        ("The patient has a left bundle branch block with a wide QRS complex and R waves in V6.", "particular patient"),
        ("She has a left bundle branch block with a wide QRS complex and broad R waves in V6.", "particular patient"),
        ("Left bundle branch block is a common disorder of older people and needs no treatment at all.", "did not say how"),
        ("Mitral stenosis gives a broad P wave with two peaks in II and a deep negative part in V1.", "did not say how"),
    ],
)
def test_bad_answers_are_refused_with_the_reason(answer: str, reason: str) -> None:
    assert reason in (verdict(answer) or "")


def test_an_answer_cut_at_the_token_limit_keeps_its_whole_sentences() -> None:
    assert tidy(GOOD + " The ST segment and the", "length") == GOOD
    assert verdict(GOOD + " The ST segment and the", "length") is None
    assert "cut off" in (verdict("Complete left bundle branch block shows a QRS complex of 120", "length") or "")


def test_markdown_is_taken_out() -> None:
    assert tidy("**LBBB**:\n\n- wide QRS\n- broad R\n1. no q", "stop") == "LBBB: wide QRS broad R no q"
