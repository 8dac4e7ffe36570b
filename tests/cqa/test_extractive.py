"""The offline writer."""

from __future__ import annotations

from pathlib import Path

from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.description import Question
from esi.cqa.write.extractive import ExtractiveWriter, choose_sentences


def passage(heading: str, text: str, position: int = 0, names: list[str] | None = None) -> Passage:
    return Passage(f"id{position}", "a.md", heading, names or [heading.split(" > ")[0]], None, text, position, 0.5)


DEFINITION = passage("Right bundle branch block > Definition", "Right bundle branch block is a delay. QRS widens.", 4)
CRITERIA = passage(
    "Right bundle branch block > ECG criteria", "QRS lasts 120 ms. V1 shows rsR'. Lead I has a broad S wave.", 5
)
OTHER = passage("Left bundle branch block > ECG criteria", "V6 shows a broad R wave. QRS lasts 120 ms or more.", 2)


def test_one_entry_speaks_and_criteria_come_first() -> None:
    chosen = choose_sentences("right bundle branch block", [CRITERIA, OTHER], 9)
    assert chosen == ["QRS lasts 120 ms.", "V1 shows rsR'.", "Lead I has a broad S wave."]
    assert choose_sentences("right bundle branch block", [DEFINITION, CRITERIA], 2) == [
        "QRS lasts 120 ms.",
        "V1 shows rsR'.",
    ]


def test_sentences_stand_in_reading_order_whatever_the_rank_of_their_passage() -> None:
    later = passage("Right bundle branch block > ECG criteria", "V1 shows rsR'. T waves in V1 are inverted.", 6)
    earlier = passage("Right bundle branch block > ECG criteria", "QRS lasts 120 ms. V1 shows rsR'.", 5)
    expected = ["QRS lasts 120 ms.", "V1 shows rsR'.", "T waves in V1 are inverted."]
    assert choose_sentences("right bundle branch block", [later, earlier], 9) == expected


def test_a_statement_that_no_entry_is_about_gets_nothing() -> None:
    assert choose_sentences("dextrocardia", [CRITERIA, OTHER], 3) == []
    assert choose_sentences("right bundle branch block", [], 3) == []


def test_passages_without_headings_count_as_one_entry() -> None:
    pages = [
        passage("", "The P wave is absent in fibrillation. The atria are two.", 1, []),
        passage("", "RR varies.", 2, []),
    ]
    assert choose_sentences("atrial fibrillation", pages, 3) == ["The P wave is absent in fibrillation.", "RR varies."]


def test_the_answer_is_kept_until_its_passages_change(tmp_path: Path) -> None:
    writer = ExtractiveWriter(2, AnswerCache(tmp_path))
    question = Question("right bundle branch block", "How?", (CRITERIA, OTHER))
    first, second = writer.write(question), writer.write(question)
    assert (first.new, second.new) == (True, False)
    assert first.text == second.text == "QRS lasts 120 ms. V1 shows rsR'."
    assert first.provider == "extractive"
    edited = passage(CRITERIA.heading, "QRS lasts 130 ms.", 5)
    assert writer.write(Question("right bundle branch block", "How?", (edited, OTHER))).new
    renamed = passage(
        CRITERIA.heading, CRITERIA.text, 5, ["Right bundle branch block", "RBBB"]
    )  # a synonym more: it may fit now
    assert writer.write(Question("right bundle branch block", "How?", (renamed, OTHER))).new
    assert ExtractiveWriter(1, AnswerCache(tmp_path)).write(question).text == "QRS lasts 120 ms."
