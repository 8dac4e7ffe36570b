from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from esi.pairs.build import LeakError, build_pairs
from esi.settings.pairs import Pairs

SETTINGS = Pairs(
    sets=["ptbxl", "mimic"],
    descriptions=True,
    demographics=True,
    max_tokens=128,
    validation_share=0.2,
    limit=None,
    shuffled=0.0,
)
TEXTS = ["text", "demographics", "findings", "descriptions", "statements"]


def record(number: int, split: str = "train", dataset: str = "ptbxl", **others: Any) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "record_id": str(number),
        "subject_id": f"s{number}",
        "age": 60.0,
        "sex": "male",
        "split": split,
        "statements": ["sinus rhythm"],
        "signal_hash": f"{dataset}{number}",
    } | others


def build(*records: dict[str, Any], settings: Pairs = SETTINGS) -> tuple[pl.DataFrame, dict[str, Any]]:
    table, figures = build_pairs(
        pl.DataFrame(records), {"sinus rhythm": "P before QRS."}, settings, lambda text: len(text.split())
    )
    return pl.DataFrame(table), figures


def test_only_training_records_of_the_named_sets_become_pairs() -> None:
    pairs, figures = build(
        record(1),
        record(2, "test"),
        record(3, "validation"),
        record(4, "unused"),
        record(5, dataset="icbeb"),
        record(6, dataset="mimic"),
    )
    assert sorted(pairs["record_id"]) == ["1", "6"]
    assert (figures["pairs"], figures["pairs_ptbxl"], figures["pairs_mimic"]) == (2, 1, 1)
    assert pairs["text"][0] == "A 60-year-old male. Findings: sinus rhythm. P before QRS."


def test_a_subject_on_both_sides_stops_the_run() -> None:
    with pytest.raises(LeakError, match="'subjects': 1"):
        build(record(1, subject_id="same"), record(2, "test", subject_id="same"))


def test_the_same_subject_id_in_two_sets_is_two_subjects() -> None:
    pairs, _ = build(record(1, subject_id="7"), record(2, "test", dataset="icbeb", subject_id="7"))
    assert len(pairs) == 1


def test_a_signal_that_is_also_held_out_is_left_out_and_counted() -> None:
    pairs, figures = build(record(1, signal_hash="twin"), record(2), record(3, "test", dataset="icbeb", signal_hash="twin"))
    assert pairs["record_id"].to_list() == ["2"]
    assert figures["duplicates_of_held_out"] == 1
    assert (figures["leaked_records"], figures["leaked_subjects"], figures["leaked_signals"]) == (0, 0, 0)


def test_without_cqa_there_are_no_descriptions() -> None:
    pairs, _ = build(record(1), settings=SETTINGS.model_copy(update={"descriptions": False, "demographics": False}))
    assert pairs["text"].to_list() == ["Findings: sinus rhythm."]


def test_a_record_without_findings_is_counted_not_paired() -> None:
    pairs, figures = build(record(1), record(2, statements=[]), record(3, statements=["artifact in lead(s) V1"]))
    assert (len(pairs), figures["without_findings"]) == (1, 2)


def test_validation_pairs_are_whole_subjects_and_about_as_many_as_asked() -> None:
    pairs, figures = build(*(record(number, subject_id=f"s{number // 3}") for number in range(3000)))
    assert pairs.group_by("subject_id").agg(pl.col("split").n_unique())["split"].max() == 1
    assert figures["validation"] == pytest.approx(600, abs=100)


def test_truncated_descriptions_and_findings_are_counted_apart() -> None:
    """The stand-in tokenizer counts words; each text may have 16 of them."""
    four = "one two three four"
    pairs, figures = build(
        record(1),
        record(2, age=None, sex=None, statements=[f"{four} five six seven", "sinus rhythm", f"{four} six seven eight"]),
        record(3, statements=["a finding of some more words than before", "sinus rhythm"]),
        record(4, statements=[" ".join("abcdefghijklmnopqrst")]),
        settings=SETTINGS.model_copy(update={"max_tokens": 16}),
    )
    assert pairs["statements"].to_list() == [
        ["sinus rhythm"],
        [f"{four} five six seven", "sinus rhythm"],
        ["a finding of some more words than before", "sinus rhythm"],
    ]
    assert pairs["findings_truncated"].to_list() == [False, True, False]
    assert pairs["descriptions_truncated"].to_list() == [False, False, True]
    assert [figures[name] for name in ("truncated", "truncated_descriptions", "truncated_findings")] == [2, 1, 1]
    assert (figures["findings_too_long"], figures["without_findings"]) == (1, 0)


def cohort(size: int) -> list[dict[str, Any]]:
    """Records whose findings are their own."""
    return [record(number, statements=["sinus rhythm", f"finding {number}"]) for number in range(size)]


def test_a_smaller_limit_is_part_of_a_larger_one_and_of_any_cohort() -> None:
    def chosen(limit: int | None, records: list[dict[str, Any]]) -> tuple[list[str], list[str], dict[str, Any]]:
        pairs, figures = build(*records, settings=SETTINGS.model_copy(update={"limit": limit}))
        train, validation = (
            pairs.filter(pl.col("split") == name)["record_id"].to_list() for name in ("train", "validation")
        )
        return train, validation, figures

    everything, validation, figures = chosen(None, cohort(60))
    ten, ten_validation, ten_figures = chosen(10, cohort(60))
    twenty, _, _ = chosen(20, cohort(60))
    assert len(ten) == ten_figures["train"] == 10
    assert set(ten) < set(twenty) < set(everything)
    assert ten == [name for name in everything if name in ten], "the order of rows stays"
    assert ten_validation == validation
    assert ten_figures["train_before_limit"] == figures["train"] == len(everything)
    assert set(chosen(10, cohort(60)[::-1])[0]) == set(ten)
    kept = [row for row in cohort(60) if row["record_id"] in twenty]
    assert set(chosen(10, kept)[0]) == set(ten), "by the records alone, not by who else is there"


def test_a_limit_beyond_what_there_is_takes_all() -> None:
    _, figures = build(*cohort(20), settings=SETTINGS.model_copy(update={"limit": 1000}))
    assert figures["train"] == figures["train_before_limit"] < 20


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_shuffled_texts_are_exchanged_whole_and_no_pair_keeps_its_own(share: float) -> None:
    true, _ = build(*cohort(80))
    mixed, figures = build(*cohort(80), settings=SETTINGS.model_copy(update={"shuffled": share}))
    again, _ = build(*cohort(80), settings=SETTINGS.model_copy(update={"shuffled": share}))
    assert mixed.equals(again)
    others = [name for name in true.columns if name not in (*TEXTS, "shuffled")]
    assert mixed[others].equals(true[others])
    exchanged = mixed["shuffled"]
    assert exchanged.sum() == figures["shuffled"] == round(share * figures["train"])
    assert mixed.filter(~exchanged)[TEXTS].equals(true.filter(~exchanged)[TEXTS])
    assert not (mixed.filter(exchanged)["findings"] == true.filter(exchanged)["findings"]).any()
    assert sorted(mixed["text"]) == sorted(true["text"])
    assert mixed.filter(pl.col("split") == "validation")["shuffled"].sum() == 0
    for text, statements in mixed.select("findings", "statements").iter_rows():
        assert text == f"Findings: {', '.join(statements)}.", "the parts of a text stay together"


def test_one_pair_alone_cannot_be_shuffled() -> None:
    pairs, figures = build(record(1), settings=SETTINGS.model_copy(update={"shuffled": 1.0, "validation_share": 0.0}))
    assert (figures["shuffled"], pairs["shuffled"].to_list()) == (0, [False])


def test_mimic_only() -> None:
    """Table 6: the other sets still take part in the proof."""
    only = SETTINGS.model_copy(update={"sets": ["mimic"]})
    pairs, figures = build(
        record(1),
        record(2, dataset="mimic"),
        record(3, dataset="mimic", signal_hash="twin"),
        record(4, "test", signal_hash="twin"),
        settings=only,
    )
    assert pairs["record_id"].to_list() == ["2"]
    assert (figures["pairs_mimic"], figures["duplicates_of_held_out"]) == (1, 1)
    assert "pairs_ptbxl" not in figures


def test_nothing_to_pair_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="check ingest folds"):
        build(record(1, "test"))
