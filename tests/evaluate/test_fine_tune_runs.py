"""Fine-tuning on a small ingested data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.fine_tune import runs as fine_tune_runs
from esi.evaluate.fine_tune.runs import Run, examples, fine_tune, macro_auroc, runs_of
from esi.evaluate.models.encoders import Candidate
from esi.evaluate.predictions import Prediction
from esi.settings.evaluation import FineTune
from esi.train.launch import join
from tests.evaluate.tiny_sets import SUPER, ecg_set, row
from tests.model.mini import mini_esi

SETTINGS = FineTune(
    tasks=["ptbxl-super"],
    shares=[0.5, 1.0],
    seeds=[0, 1],
    epochs=1,
    patience=1,
    batch_size=8,
    lr=1e-3,
    layer_decay=0.5,
    weight_decay=0.05,
    warmup_epochs=0.5,
    average=0.0,
    supervised_epochs=2,
    supervised_lr=2e-3,
    precision="fp32",
)
CODES = [["NORM"], ["IMI", "CLBBB"], ["ASMI"], ["NDT", "SR"]]
SPLITS = ["train"] * 16 + ["validation"] * 8 + ["test"] * 8


def made_up(folder: Path, test_codes: list[list[str]]) -> EcgSet:
    """Subjects with two records each, not all of one length; the test records carry `test_codes` in turn."""
    rows = [
        row(
            number,
            subject_id=f"s{number // 2}",
            split=split,
            codes=(test_codes if split == "test" else CODES)[number % 4],
            valid_samples=4000 if number % 3 == 0 else 5000,
        )
        for number, split in enumerate(SPLITS)
    ]
    return ecg_set(folder, rows)


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return Candidate("esi", 0, "the key", mini_esi(tmp_path_factory.mktemp("model")))


def predicted(candidate: Candidate, ecgs: EcgSet, run: Run, **changes: Any) -> list[Prediction]:
    settings = SETTINGS.model_copy(update=changes)
    checkpoint, predictions = fine_tune(SUPER, ecgs, candidate, run, settings, 4, join("the test", "fp32", "fine_tune"))
    checkpoint.delete()
    return predictions


def test_predictions_of_validation_and_test_and_the_pretrained_model_as_it_was(
    candidate: Candidate, tmp_path: Path, own_cache: Path
) -> None:
    ecgs = made_up(tmp_path, CODES)
    before = {name: part.clone() for name, part in candidate.model.state_dict().items()}
    predictions = predicted(candidate, ecgs, Run("esi", 0.5, 1))
    found = [(item.model, item.split_name, item.share, item.seed, item.variant) for item in predictions]
    assert found == [("esi", "validation", 0.5, 1, ""), ("esi", "test", 0.5, 1, "")]
    for item, name in zip(predictions, ("validation", "test"), strict=True):
        assert item.split.records == ecgs.split(SUPER, name).records
        assert item.scores_NK.shape == (8, 3)
        assert item.scores_NK.dtype == np.float32
    assert all(torch.equal(part, before[name]) for name, part in candidate.model.state_dict().items())
    assert not list(own_cache.glob("fine_tune/*"))


def test_a_run_depends_on_its_seed_share_and_weights_and_on_nothing_of_the_test(
    candidate: Candidate, tmp_path: Path, own_cache: Path
) -> None:
    ecgs = made_up(tmp_path, CODES)
    scores = predicted(candidate, ecgs, Run("esi", 1.0, 0))[1].scores_NK
    np.testing.assert_array_equal(predicted(candidate, ecgs, Run("esi", 1.0, 0))[1].scores_NK, scores)
    others = made_up(tmp_path / "other", CODES[::-1])
    assert not np.array_equal(others.split(SUPER, "test").labels_NK, ecgs.split(SUPER, "test").labels_NK)
    np.testing.assert_array_equal(predicted(candidate, others, Run("esi", 1.0, 0))[1].scores_NK, scores)
    for run in (Run("esi", 1.0, 1), Run("esi", 0.5, 0), Run("supervised", 1.0, 0)):
        assert np.abs(predicted(candidate, ecgs, run)[1].scores_NK - scores).max() > 1e-3, run


def test_the_supervised_control_knows_nothing_of_the_pretrained_weights(
    candidate: Candidate, tmp_path: Path, own_cache: Path
) -> None:
    ecgs = made_up(tmp_path, CODES)
    other = Candidate("esi", 0, "another key", candidate.model.with_random_signal_encoder(7))
    scores = [predicted(model, ecgs, Run("supervised", 1.0, 0))[1].scores_NK for model in (candidate, other)]
    np.testing.assert_array_equal(*scores)
    tuned = [predicted(model, ecgs, Run("esi", 1.0, 0))[1].scores_NK for model in (candidate, other)]
    assert np.abs(tuned[0] - tuned[1]).max() > 1e-3


def test_a_share_is_of_the_training_records_alone(
    candidate: Candidate, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecgs = made_up(tmp_path, CODES)
    seen: list[list[str]] = []

    def watched(ecgs: EcgSet, split: Any) -> Any:
        seen.append(split.records)
        return examples(ecgs, split)

    monkeypatch.setattr(fine_tune_runs, "examples", watched)
    predicted(candidate, ecgs, Run("esi", 0.5, 0))
    validation, test, train = seen
    assert (len(validation), len(test), len(train)) == (8, 8, 8)
    assert set(train) < set(ecgs.split(SUPER, "train").records)


def test_every_share_and_seed_is_fitted_with_the_settings_of_its_model() -> None:
    runs = list(runs_of(SETTINGS))
    assert len(runs) == len(set(runs)) == 8
    ours, control = (next(run for run in runs if run.model == name) for name in ("esi", "supervised"))
    assert (ours.fit_settings(SETTINGS).lr, ours.fit_settings(SETTINGS).epochs) == (1e-3, 1)
    assert ours.fit_settings(SETTINGS).layer_decay == 0.5
    assert (control.fit_settings(SETTINGS).lr, control.fit_settings(SETTINGS).epochs) == (2e-3, 2)
    assert control.fit_settings(SETTINGS).layer_decay == 1.0


def test_the_validation_score_leaves_out_classes_of_one_side() -> None:
    labels_NK = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]], dtype=bool)
    scores_NK = np.array([[0.9, 0, 0], [0.1, 0, 0], [0.4, 0, 0], [0.6, 0, 0]])
    assert macro_auroc(labels_NK, scores_NK) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no class has both positive and negative validation records"):
        macro_auroc(labels_NK[:, 1:], scores_NK[:, 1:])
