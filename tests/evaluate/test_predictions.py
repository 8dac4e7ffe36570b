from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from esi.evaluate.predictions import Prediction, read_predictions, write_predictions
from esi.evaluate.split import Split

CLASSES = ["MI", "NORM"]
TEST = Split(["1", "2", "3"], ["a", "a", "b"], np.array([[True, False], [False, False], [True, True]]))
VALIDATION = Split(["4"], ["c"], np.array([[False, True]]))
SCORES = np.array([[0.25, -1.5], [3.0, 0.125], [-2.0, 7.0]])
PREDICTIONS = [
    Prediction("esi", "validation", VALIDATION, SCORES[:1]),
    Prediction("esi", "test", TEST, SCORES),
    Prediction("esi", "test", TEST, -SCORES, variant="names"),
    Prediction("random", "test", TEST, SCORES + 1, seed=1),
    Prediction("random", "test", TEST, SCORES + 2, seed=2),
    Prediction("random", "test", TEST, SCORES + 3, share=0.05, seed=2),
]


def test_predictions_come_back_apart_and_in_order(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.parquet", CLASSES, PREDICTIONS)
    write_predictions(tmp_path / "b.parquet", CLASSES, PREDICTIONS)
    content = (tmp_path / "a.parquet").read_bytes()
    assert content == (tmp_path / "b.parquet").read_bytes()
    for source in (tmp_path / "a.parquet", pa.BufferReader(content)):
        classes, found = read_predictions(source)
        assert classes == CLASSES
        assert len(found) == len(PREDICTIONS)
        for one, other in zip(found, PREDICTIONS, strict=True):
            assert (one.model, one.variant, one.share, one.seed, one.split_name) == (
                other.model,
                other.variant,
                other.share,
                other.seed,
                other.split_name,
            )
            assert (one.split.records, one.split.subjects) == (other.split.records, other.split.subjects)
            np.testing.assert_array_equal(one.split.labels_NK, other.split.labels_NK)
            np.testing.assert_array_equal(one.scores_NK, other.scores_NK)  # all of them are float32 numbers


def test_labels_and_scores_of_other_records_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="length"):
        write_predictions(tmp_path / "a.parquet", CLASSES, [Prediction("esi", "test", TEST, SCORES[:2])])
    assert not (tmp_path / "a.parquet").exists()
