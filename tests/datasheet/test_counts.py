"""The datasheet's numbers against values worked out by hand, and against slow counting."""

from __future__ import annotations

import re
import statistics
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi import params
from esi.datasheet.counts import count, metrics_of, shared_signals
from esi.datasheet.labels import label_frequencies, shown, unlabelled
from esi.ecg.ingest import ingest
from esi.errors import EsiError
from tests.conftest import ROOT
from tests.datasheet.written import FOLDS, challenge_at, write_set


def test_ages_sexes_and_subjects_of_a_set_and_of_its_splits(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"subject_id": "a", "age": 20.0, "sex": "female"},
        {"subject_id": "a", "age": 30.0, "sex": "female"},
        {"subject_id": "b", "age": 40.0, "sex": "male"},
        {"subject_id": "c", "age": None, "sex": None},
        {"subject_id": "d", "age": 60.0, "sex": "male", "split": "test"},
    ]
    counts = count(write_set(tmp_path / "mine", rows, parts=2))
    metrics = metrics_of(counts)
    assert counts.everyone.records == 5
    assert counts.everyone.subjects == 4
    # of 20, 30, 40, 60: the quartiles lie at positions 0.75 and 2.25
    assert (counts.everyone.age_p25, counts.everyone.age_median, counts.everyone.age_p75) == (27.5, 35.0, 45.0)
    assert (counts.everyone.age_min, counts.everyone.age_max, counts.everyone.age_missing) == (20.0, 60.0, 1)
    assert (counts.everyone.female, counts.everyone.male, counts.everyone.sex_missing) == (2, 2, 1)
    assert list(counts.by_split) == ["train", "test"]
    assert (metrics["records_train"], metrics["age_median_train"], metrics["male_test"]) == (4, 30.0, 1)
    assert "records_validation" not in metrics
    assert (metrics["records_a_subject_median"], metrics["records_a_subject_max"]) == (1.0, 2)
    assert metrics["subjects_with_several_records"] == 1
    assert metrics["subjects_in_several_splits"] == 0


def test_a_subject_in_two_splits_is_found(tmp_path: Path) -> None:
    rows = [{"subject_id": "a"}, {"subject_id": "a", "split": "test"}, {"subject_id": "b"}, {"subject_id": "b"}]
    assert count(write_set(tmp_path / "mine", rows)).values["subjects_in_several_splits"] == 1


def test_the_windows_of_a_record_are_ecgs_of_one_record(tmp_path: Path) -> None:
    long = {"subject_id": "a", "age": 80.0, "source_seconds": 35.2, "codes": ["AFIB"]}
    rows: list[dict[str, Any]] = [
        {**long, "record_id": "A1"},
        {**long, "record_id": "A1-w1", "window": 1},
        {**long, "record_id": "A1-w3", "window": 3, "valid_samples": 2600},
        {**long, "record_id": "A2-w1", "window": 1, "age": 20.0},  # its first window was refused
        {"record_id": "B-w1", "age": 20.0, "source_seconds": 6.0, "valid_samples": 3000},  # so is this record called,
        {"record_id": "B", "age": 20.0},  # and this is another
    ]
    folder = write_set(tmp_path / "mine", rows)
    counts = count(folder)
    assert (counts.everyone.records, counts.values["ecgs"], counts.values["padded_ecgs"]) == (4, 6, 2)
    assert counts.everyone.age_median == 20.0
    assert counts.values["records_a_subject_max"] == 2
    assert (counts.values["shorter_than_10_s"], counts.values["longer_than_10_s"]) == (1, 2)
    assert (counts.values["seconds_min"], counts.values["seconds_median"], counts.values["seconds_max"]) == (6.0, 22.6, 35.2)
    assert label_frequencies(folder).select("label", "records").rows() == [("AFIB", 2)]


def test_repeated_signals_within_a_set_and_between_sets(tmp_path: Path) -> None:
    rows = [{"signal_hash": "x"}, {"signal_hash": "x"}, {"signal_hash": "x", "split": "test"}, {"signal_hash": "y"}]
    first = count(write_set(tmp_path / "first", rows))
    keys = ("signals_repeated", "signals_copies", "signals_in_several_splits")
    assert [first.values[key] for key in keys] == [1, 2, 1]
    second = count(write_set(tmp_path / "second", [{"signal_hash": "y"}, {"signal_hash": "x"}, {}]))
    third = count(write_set(tmp_path / "third", [{}]))
    hashes = {"first": first.hashes, "second": second.hashes, "third": third.hashes}
    assert shared_signals(hashes) == {("first", "second"): 2}


def test_quality_figures(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"wander_uv": float(value), "mains_uv": None, "muscle_uv": 0.0 if value else 30.0} for value in range(101)
    ]
    rows[0] |= {"flat_leads": 2, "clipped": 0.001}
    rows[1] |= {"flat_leads": 1, "flat_fraction": 0.1, "nonfinite": 0.01}
    counts = count(write_set(tmp_path / "mine", rows))
    assert [counts.values[f"wander_uv_{key}"] for key in ("p5", "median", "p95")] == [5.0, 50.0, 95.0]
    assert counts.values["mains_uv_missing"] == 101
    assert "mains_uv_median" not in metrics_of(counts)
    found = [f"ecgs_with_{what}" for what in ("flat_leads", "flat_stretches", "interpolated_samples", "clipped_samples")]
    assert [counts.values[key] for key in found] == [2, 1, 1, 1]
    assert {name: table["ecgs"].sum() for name, table in counts.noise.items()} == {
        "wander_uv": 101,
        "mains_uv": 0,
        "muscle_uv": 101,
    }
    assert counts.noise["muscle_uv"].select(pl.col("uv").round(2), "ecgs").rows() == [(0.1, 100), (25.12, 1)]


def test_quarantine_by_reason_with_a_few_ids(tmp_path: Path) -> None:
    refused = [(f"r{number}", "flat") for number in range(5)] + [("q", "too short"), ("p", "non-finite")]
    counts = count(write_set(tmp_path / "mine", [{}], refused))
    assert counts.quarantine.rows() == [
        ("flat", 5, ["r0", "r1", "r2"]),
        ("non-finite", 1, ["p"]),
        ("too short", 1, ["q"]),
    ]
    metrics = metrics_of(counts)
    assert (metrics["quarantined"], metrics["quarantined_flat"], metrics["quarantined_too_short"]) == (7, 5, 1)
    assert metrics["quarantined_non_finite"] == 1


def test_rates_and_ages_that_cannot_be(tmp_path: Path) -> None:
    rows = [{"source_rate": 257.0, "age": 300.0}, {"source_rate": 1000.0, "age": -1.0}, {"source_rate": 1000.0, "age": 7.0}]
    counts = count(write_set(tmp_path / "mine", rows))
    assert counts.rates == {257.0: 1, 1000.0: 2}
    assert metrics_of(counts)["records_at_1000_hz"] == 2
    assert counts.values["age_implausible"] == 2
    assert counts.ages.rows() == [(5, "female", 1)]


def test_labels_by_split_with_names_and_kinds(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"codes": ["NORM", "NORM", "SR"], "statements": ["*** NORMAL ECG ***", "Normal ECG."]},
        {"codes": ["SR", "270492004", "no code"], "statements": ["Lead(s) unsuitable for analysis"], "split": "test"},
        {"codes": [], "statements": ["."]},
        {},
    ]
    folder = write_set(tmp_path / "mine", rows)
    labels = label_frequencies(folder)
    assert labels.select("type", "label", "name", "records", "share", "train", "test").rows() == [
        ("code", "SR", "sinus rhythm", 2, 0.5, 1, 1),
        ("code", "270492004", "1st degree AV block", 1, 0.25, 0, 1),
        ("code", "NORM", "normal ECG", 1, 0.25, 1, 0),
        ("code", "no code", None, 1, 0.25, 0, 1),
        ("quality", labels["label"][4], None, 1, 0.25, 0, 1),
        ("finding", "normal ECG", None, 1, 0.25, 1, 0),
    ]
    assert "unsuitable" in labels["label"][4]
    assert unlabelled(folder) == 1
    assert shown(labels)["label"].to_list() == ["SR", "270492004", "NORM", "no code"]
    assert shown(labels.filter(pl.col("type") != "code"))["label"].to_list() == ["normal ECG"]


SPLITS = st.sampled_from(["train", "validation", "test", "unused"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "subject_id": st.sampled_from("abcdef"),
            "age": st.none() | st.integers(0, 110).map(float),
            "sex": st.sampled_from(["female", "male", None]),
            "split": SPLITS,
            "codes": st.lists(st.sampled_from(["NORM", "SR", "AFIB"]), max_size=4),
            "signal_hash": st.sampled_from("uvwxyz"),
        }
    ),
    min_size=1,
    max_size=30,
)


@given(rows=ROWS, parts=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_as_slow_counting_has_it(rows: list[dict[str, Any]], parts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine = write_set(Path(folder) / "mine", rows, parts=min(parts, len(rows)))
        counts, labels = count(mine), label_frequencies(mine)
    ages = [row["age"] for row in rows if row["age"] is not None]
    assert counts.everyone.age_median == (round(statistics.median(ages), 1) if ages else None)
    assert counts.everyone.age_missing == len(rows) - len(ages)
    assert counts.everyone.female + counts.everyone.male + counts.everyone.sex_missing == len(rows)
    assert {split: people.records for split, people in counts.by_split.items()} == Counter(row["split"] for row in rows)
    splits = {subject: {row["split"] for row in rows if row["subject_id"] == subject} for subject in "abcdef"}
    assert counts.values["subjects_in_several_splits"] == sum(len(found) > 1 for found in splits.values())
    signals = Counter(row["signal_hash"] for row in rows)
    assert counts.values["signals_repeated"] == sum(times > 1 for times in signals.values())
    assert counts.values["signals_copies"] == sum(times - 1 for times in signals.values())
    assert counts.ages["records"].sum() == len(ages)
    expected = Counter(code for row in rows for code in set(row["codes"]))
    assert dict(labels.select("label", "records").iter_rows()) == expected
    in_test = Counter(code for row in rows if row["split"] == "test" for code in set(row["codes"]))
    assert {label: records for label, records in labels.select("label", "test").iter_rows() if records} == in_test


def test_tables_of_an_earlier_ingest_are_refused_by_a_sentence(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "mine", [{}])
    path = folder / "part-00000.parquet"
    pl.read_parquet(path).drop("muscle_uv", "window").write_parquet(path)
    with pytest.raises(EsiError, match=r"mine: the tables have no muscle_uv, window: run `dvc repro ingest@mine`"):
        count(folder)


def test_a_missing_quarantine_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "mine", [{}])
    (folder / "quarantine.parquet").unlink()
    with pytest.raises(EsiError, match=r"quarantine.parquet is missing: run `dvc repro ingest@mine`"):
        count(folder)


def test_real_records_are_counted_as_their_headers_have_them(real: Path, tmp_path: Path, own_cache: Path) -> None:
    root = real / "cinc2021" / "georgia"
    release = challenge_at(root).model_copy(update={"folds": FOLDS})
    folder = tmp_path / "georgia"
    folder.mkdir()
    ingest("georgia", release, params.load(ROOT / "params.yaml").quality, folder, workers=1)
    counts, labels = count(folder), label_frequencies(folder)
    headers = [path.read_text() for path in sorted(root.rglob("*.hea"))]
    assert counts.everyone.records + counts.values["quarantined"] == len(headers)
    sexes = Counter(found[1].lower() for text in headers if (found := re.search(r"#\s*Sex:\s*(\w+)", text)))
    assert (counts.everyone.female, counts.everyone.male) == (sexes["female"], sexes["male"])
    codes = Counter(
        code for text in headers if (found := re.search(r"#\s*Dx:\s*(\S+)", text)) for code in set(found[1].split(","))
    )
    assert dict(labels.filter(pl.col("type") == "code").select("label", "records").iter_rows()) == codes
