from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esi.pairs.text import compose, demographics, sentences


def words(text: str) -> int:
    return len(text.split()) + 2  # as a tokenizer with two special tokens


DESCRIPTIONS = {
    "sinus rhythm": "Upright P waves precede each QRS. The rate is 60 to 100 beats per minute.",
    "left ventricular hypertrophy": "SV1 plus RV5 exceeds 3.5 mV. ST depression and T inversion in V5 and V6 are strain.",
}
STATEMENTS = ["Sinus rhythm.", "Left ventricular hypertrophy", "Lead(s) unsuitable for analysis: V1", "sinus rhythm"]


def test_a_whole_text() -> None:
    made = compose(63, "male", STATEMENTS[:2], DESCRIPTIONS, words, 200)
    assert made.text == (
        "A 63-year-old male. Findings: sinus rhythm, left ventricular hypertrophy. Upright P waves precede each QRS. "
        "The rate is 60 to 100 beats per minute. SV1 plus RV5 exceeds 3.5 mV. "
        "ST depression and T inversion in V5 and V6 are strain."
    )
    assert not made.truncated


def test_quality_statements_and_repetitions_stay_out() -> None:
    assert compose(None, None, STATEMENTS, {}, words, 200).text == "Findings: sinus rhythm, left ventricular hypertrophy."


def test_a_long_text_says_something_of_each_finding() -> None:
    made = compose(63, "male", STATEMENTS, DESCRIPTIONS, words, 26)
    assert made.descriptions == "Upright P waves precede each QRS. SV1 plus RV5 exceeds 3.5 mV."
    assert made.truncated


def test_a_remark_stays_with_its_finding_and_is_nothing_alone() -> None:
    made = compose(None, None, ["ST elevation", "Probable normal variant"], {}, words, 60)
    assert made.findings == "Findings: ST elevation, probable normal variant."
    assert compose(None, None, ["Probable normal variant", "Artifact in lead(s) V1"], {}, words, 60).findings == ""


def test_findings_are_never_cut_in_the_middle() -> None:
    made = compose(63, "male", STATEMENTS, DESCRIPTIONS, words, 11)
    assert made.findings == "Findings: sinus rhythm, left ventricular hypertrophy."
    assert (made.descriptions, made.truncated) == ("", True)
    assert compose(63, "male", STATEMENTS, {}, words, 8).findings == "Findings: sinus rhythm."


@given(st.lists(st.sampled_from(["a b", "c", "d e f", "g h"])), st.integers(10, 60))
def test_a_text_never_exceeds_its_room(statements: list[str], room: int) -> None:
    descriptions = {name: f"X {name} y. Z {name} {name}. W." for name in ("a b", "c", "d e f", "g h")}
    made = compose(50, "female", statements, descriptions, words, room)
    assert words(made.text) <= room or not made.findings
    assert made.truncated or all(sentence in made.text for name in statements for sentence in sentences(descriptions[name]))


def test_demographics() -> None:
    assert demographics(63.4, "female") == "A 63-year-old female."
    assert demographics(81, None) == "An 81-year-old person."
    assert demographics(18, "male") == "An 18-year-old male."
    assert demographics(None, "male") == "A male."
    assert demographics(None, None) == ""


def test_a_number_does_not_end_a_sentence() -> None:
    assert sentences("PR exceeds 0.2 s. QRS is 0.12 s wide.") == ["PR exceeds 0.2 s.", "QRS is 0.12 s wide."]
