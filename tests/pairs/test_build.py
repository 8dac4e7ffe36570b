from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from esi.pairs.build import LeakError, build_pairs
from esi.settings.pairs import Pairs

SETTINGS = Pairs(sets=["ptbxl", "mimic"], descriptions=True, demographics=True, max_tokens=128, validation_share=0.2)


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


def test_nothing_to_pair_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="check ingest folds"):
        build(record(1, "test"))
