from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from esi.ecg.signals import SignalStore
from esi.errors import EsiError
from esi.evaluate import pretraining_sample
from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.captions.controls import NearestText, commonest_findings
from esi.evaluate.captions.scores import bertscore, bleu, hits, rouge_l, score_labels
from esi.evaluate.captions.statement_finder import StatementFinder
from esi.evaluate.captions.write import draw_records, spelled, write_captions
from esi.evaluate.encode import Encoded
from esi.evaluate.metrics import subject_weights
from esi.evaluate.record_texts import record_texts
from esi.settings.data import Signal
from esi.settings.evaluation import Caption
from tests.model.mini import mini_esi

REFERENCES = ["Findings: sinus rhythm.", "Findings: atrial fibrillation, left bundle branch block."]


def test_bleu_of_a_known_pair() -> None:
    """4-gram precisions 5/6, 3/5, 1/4 and, smoothed, 1/6 of the counts; equal lengths."""
    assert bleu(["the cat sat on the mat"], ["the cat is on the mat"]) == pytest.approx(
        math.exp(np.mean(np.log([5 / 6, 3 / 5, 1 / 4, 1 / 6]))), abs=1e-6
    )
    assert bleu([text.upper() for text in REFERENCES], REFERENCES) == pytest.approx(1)


def test_rouge_l_is_the_longest_common_subsequence() -> None:
    """Of 6 and 6 words 5 in order."""
    assert rouge_l(["the cat sat on the mat"], ["the cat is on the mat"]) == pytest.approx(5 / 6)
    assert rouge_l(["a b", ""], ["a b", "a"]) == pytest.approx(0.5)


def test_bertscore_is_the_mean_of_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esi.evaluate.captions.scores.RECORDS_AT_ONCE", 2)

    def lengths(captions: list[str], references: list[str]) -> np.ndarray:
        return np.array([len(caption) / len(reference) for caption, reference in zip(captions, references, strict=True)])

    assert bertscore([["a", "b", "c"], ["aa", "bbbb", "c"]], ["aa", "bb", "c"], lengths) == pytest.approx([2 / 3, 4 / 3])


def test_hits_count_each_statement_once() -> None:
    assert hits([["a", "a", "b"], []], [["a", "c"], ["d"]]).tolist() == [[1, 2, 2], [0, 0, 1]]


def test_score_labels_are_micro_averages() -> None:
    counts = hits([["a", "b"], ["c"], []], [["a"], ["c", "d", "e"], ["f"]])
    found = score_labels([counts], subject_weights(["x", "y", "z"], 50, 0))
    assert found["label_precision"] == pytest.approx(2 / 3)
    assert found["label_recall"] == pytest.approx(2 / 5)
    assert found["label_f1"] == pytest.approx(2 * 2 / (3 + 5))
    assert found["label_f1_low"] < found["label_f1"] < found["label_f1_high"]


def test_a_subjects_records_come_along() -> None:
    counts = hits([["a"], ["b"]], [["a"], ["a"]])
    of_one = score_labels([counts], subject_weights(["x", "x"], 50, 0))
    assert (of_one["label_f1_low"], of_one["label_f1_high"]) == (0.5, 0.5)
    of_two = score_labels([counts], subject_weights(["x", "y"], 200, 0))
    assert (of_two["label_f1_low"], of_two["label_f1_high"]) == (0, 1)


def test_runs_are_averaged_and_silence_has_no_precision() -> None:
    right, silent = hits([["a"]], [["a"]]), hits([[]], [["a"]])
    found = score_labels([right, silent], subject_weights(["x"], 5, 0))
    assert (found["label_precision"], found["label_recall"], found["label_f1"]) == (None, 0.5, 0.5)


def records(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "record_id": [str(place) for place in range(n)],
            "subject_id": [str(place // 2) for place in range(n)],
            "text": [REFERENCES[place % 2] for place in range(n)],
            "statements": [["sinus rhythm"], ["atrial fibrillation", "left bundle branch block"]] * (n // 2),
        }
    )


def test_fewer_drawn_records_are_part_of_more() -> None:
    table = records(40)
    few, many = (draw_records(table, "ptbxl", most)["record_id"].to_list() for most in (5, 20))
    assert (len(few), len(many)) == (5, 20)
    assert set(few) < set(many)
    assert many == [record for record in table["record_id"] if record in set(many)]
    assert draw_records(table, "ptbxl", None).height == draw_records(table, "ptbxl", 100).height == 40
    assert draw_records(table, "icbeb", 5)["record_id"].to_list() != few


def test_captions_are_the_same_in_other_batches(tmp_path: Path) -> None:
    model = mini_esi(tmp_path / "bert").eval()
    signals = np.random.default_rng(0).normal(scale=300, size=(5, 12, 1000)).astype(np.int16)
    store = SignalStore(signals, np.full(5, 1000), {str(row): row for row in range(5)}, "key")
    settings = Caption(sets=[], limit=None, method="greedy", beams=1, max_tokens=6)
    together = write_captions(model, store, ["3", "0", "1"], settings, 8, 0)
    assert together == write_captions(model, store, ["3", "0", "1"], settings, 2, 0)
    assert together[1:] == write_captions(model, store, ["0", "1"], settings, 8, 0)
    assert spelled(model, ["Sinus Rhythm, Old."])[0].startswith("sinus rhythm")


def test_the_commonest_findings_are_those_of_training_pairs(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.parquet"
    pl.DataFrame(
        {"split": ["train"] * 4 + ["validation"] * 3, "findings": ["b", "a", "a", "b", "c", "c", "c"]}
    ).write_parquet(pairs)
    assert commonest_findings(pairs) == "a"
    pl.DataFrame({"split": ["validation"], "findings": ["c"]}).write_parquet(pairs)
    with pytest.raises(EsiError, match="no training pair"):
        commonest_findings(pairs)


def test_the_nearest_pair_gives_its_text_without_age_and_sex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ("mimic", "1", "F1.", "D1."),
        ("ptbxl", "1", "F2.", ""),
        ("chapman", "7", "F3.", "D3."),
        ("mimic", "2", "F4.", "D4."),
    ]
    table = pl.DataFrame(rows, ["dataset", "record_id", "findings", "descriptions"], orient="row")
    split = ["train", "train", "train", "validation"]
    table.with_columns(subject_id="record_id", split=pl.Series(split)).write_parquet(tmp_path / "pairs.parquet")
    z_of = {"mimic": {"1": [1.0, 0.0], "2": [0.0, -1.0]}, "ptbxl": {"1": [0.0, 1.0]}, "chapman": {"7": [-1.0, 0.0]}}
    monkeypatch.setattr(pretraining_sample, "open_store", lambda folder, signal: z_of[folder.name])

    def encode(model: object, key: str, store: dict[str, list[float]], records: list[str], batch_size: int) -> Encoded:
        found = np.array([store[record] for record in records])
        return Encoded(found, found)

    monkeypatch.setattr(pretraining_sample, "encode", encode)
    nearest = NearestText(tmp_path / "pairs.parquet", tmp_path, Signal(rate=100, highpass_hz=0.5), 8)
    z_NE = np.array([[0.1, 0.9], [-0.9, 0.1], [0.9, 0.1], [0.1, -0.9]])  # the last one's nearest is no training pair
    assert nearest(None, "key", z_NE) == ["F2.", "F3. D3.", "F1. D1.", "F1. D1."]  # type: ignore[arg-type]


def test_what_is_written(tmp_path: Path) -> None:
    test = CaptionedSet("ptbxl", records(4))
    right, wrong = test.records["text"].to_list(), [REFERENCES[0]] * 4
    for name, captions in (("esi", right), ("random", wrong), ("random", right), ("common", wrong), ("nearest", wrong)):
        test.add(name, captions)
    find = StatementFinder(["sinus rhythm", "atrial fibrillation", "left bundle branch block"], {})
    rows = test.score(find, lambda captions, _: np.ones(len(captions)), 30, 0)
    assert [row["model"] for row in rows] == ["esi", "random", "common", "nearest"]
    f1_of_wrong = 2 * 2 / (4 + 6)
    assert [row["label_f1"] for row in rows] == pytest.approx([1, (1 + f1_of_wrong) / 2, f1_of_wrong, f1_of_wrong])
    assert [row["distinct"] for row in rows] == pytest.approx([0.5, 0.375, 0.25, 0.25])
    test.write(tmp_path, tmp_path, tmp_path, find, rows)
    written = pq.read_table(tmp_path / "ptbxl.parquet").to_pylist()
    assert [row["caption_statements"] for row in written] == [row["reference_statements"] for row in written]
    assert '"metric": "label F1",\n  "value": 1.0' in (tmp_path / "ptbxl.json").read_text()
    assert pl.read_csv(tmp_path / "ptbxl.csv")["records"].to_list() == [4] * 4


def test_texts_have_no_age_and_no_sex_and_records_without_findings_have_none(tmp_path: Path) -> None:
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "model")
    table = pl.DataFrame(
        {
            "record_id": ["1", "2", "3"],
            "subject_id": ["1", "2", "3"],
            "age": [63.0, 50.0, 20.0],
            "sex": ["male", "female", "male"],
            "statements": [["Sinus rhythm."], ["Artifact in lead(s) V1"], ["ATRIAL FIBRILLATION", "Sinus rhythm."]],
        }
    )
    found = record_texts(table, {}, tmp_path / "model")
    assert found["record_id"].to_list() == ["1", "3"]
    assert found["text"][0] == "Findings: sinus rhythm."
    assert found["statements"][1].to_list() == ["atrial fibrillation", "sinus rhythm"]
    with pytest.raises(EsiError, match="none of 1 test records"):
        record_texts(table[1:2], {}, tmp_path / "model")
