from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from esi.ecg.tables import SCHEMA
from esi.errors import EsiError
from esi.evaluate import logistic
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.linear_probe import best_penalty, probe
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.models.encoders import Candidate
from esi.evaluate.models.features import Frozen, frozen_features
from esi.evaluate.tasks import Task, TaskClass
from esi.files import write_table
from esi.model.esi import ESI
from esi.settings.data import Signal
from esi.settings.evaluation import LinearProbe
from tests.model.mini import mini_esi

SIGNAL = Signal(rate=100, highpass_hz=0.5)
PENALTIES = [1e-3, 1e-1]
SETTINGS = LinearProbe(inverse_penalties=PENALTIES, shares=[0.5, 1.0], seeds=[0, 1])
RECORDS = {"train": 24, "validation": 12, "test": 12}
TASK = Task(
    "made-up", "ptbxl", "auroc",
    tuple(TaskClass(code, frozenset([code]), (code,)) for code in ("even", "odd", "third", "never-trained")),
)  # fmt: skip


def codes(split: str, number: int) -> list[str]:
    found = ["odd" if number % 2 else "even"] + (["third"] if number % 3 == 0 else [])
    return found + (["never-trained"] if split != "train" and number % 4 == 0 else [])


@pytest.fixture
def ecgs(tmp_path: Path, own_cache: Path) -> EcgSet:
    random = np.random.default_rng(0)
    rows = [
        {
            "dataset": "ptbxl",
            "record_id": f"{split}-{number}",
            "subject_id": f"{split}-s{number // 2}",
            "split": split,
            "codes": codes(split, number),
            "valid_samples": 5000,
            "signal_hash": f"{split}-{number}",
            "signal": random.integers(-900, 900, (12, 5000)).astype("<i2").tobytes(),
        }
        for split, many in RECORDS.items()
        for number in range(many)
    ]
    write_table(tmp_path / "ecg/ptbxl/part-00000.parquet", pa.Table.from_pylist(rows, SCHEMA))
    return EcgSet("ptbxl", tmp_path / "ecg", SIGNAL, 8)


def telling(ecgs: EcgSet) -> dict[str, np.ndarray]:
    """Features that say whether a record's number is odd and whether it is a multiple of three, among noise."""
    random = np.random.default_rng(1)
    found = {}
    for split in RECORDS:
        numbers = np.array([int(record.split("-")[1]) for record in ecgs.of(split)["record_id"]])
        told = np.stack([numbers % 2 * 4.0, (numbers % 3 == 0) * 4.0], axis=1)
        found[split] = (
            np.concatenate([told, random.normal(size=(len(told), 5))], axis=1) + random.normal(size=(len(told), 7)) / 4
        )
    return found


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([(150, 6), (40, 6), (12, 30)]))
def test_scores_are_those_of_scikit_learn_on_standardised_features(seed: int, shape: tuple[int, int]) -> None:
    """By Newton's method and by L-BFGS, and where the records are fewer than the features."""
    random = np.random.default_rng(seed)
    train_ND, scored_MD = random.normal(3, 2, shape), random.normal(3, 2, (20, shape[1]))
    labels_NK = random.random((shape[0], 2)) < 0.4
    labels_NK[:2] = [[True, False], [False, True]]
    rows_N = np.arange(0, shape[0], 1)
    (scores_PMK,) = fit_and_score(train_ND, scored_MD, [Question(rows_N, labels_NK)], [1.0, 0.01], 1)
    for place, inverse_penalty in enumerate([1.0, 0.01]):
        for k in range(2):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, tol=1e-8, max_iter=10_000))
            expected_M = model.fit(train_ND, labels_NK[:, k]).decision_function(scored_MD)
            np.testing.assert_allclose(scores_PMK[place, :, k], expected_M, atol=0.02)


def test_an_answer_depends_on_its_own_rows_alone_and_on_no_order_of_work() -> None:
    random = np.random.default_rng(0)
    train_ND, scored_MD, labels_NK = random.normal(size=(60, 5)), random.normal(size=(9, 5)), random.random((60, 4)) < 0.5
    questions = [Question(np.arange(0, 60, step), labels_NK[::step]) for step in (1, 2, 3)]
    with joblib.parallel_config("threading"):
        together = fit_and_score(train_ND, scored_MD, questions, PENALTIES, 2)
    for question, scores_PMK in zip(questions, together, strict=True):
        alone = fit_and_score(
            train_ND[question.rows_N],
            scored_MD,
            [Question(np.arange(len(question.rows_N)), question.labels_NK)],
            PENALTIES,
            1,
        )
        np.testing.assert_array_equal(scores_PMK, alone[0])
    one_by_one = [fit_and_score(train_ND, row[None], questions[:1], PENALTIES, 1)[0][:, 0] for row in scored_MD]
    np.testing.assert_allclose(np.stack(one_by_one, axis=1), together[0], atol=1e-5)


def test_the_same_labels_of_the_same_rows_are_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []

    class Counted(LogisticRegression):
        def fit(self, features: np.ndarray, labels: np.ndarray) -> LogisticRegression:
            fits.append(len(labels))
            return super().fit(features, labels)

    monkeypatch.setattr(logistic, "LogisticRegression", Counted)
    random = np.random.default_rng(0)
    train_ND, labels_NK = random.normal(size=(30, 3)), random.random((30, 2)) < 0.5
    every, half = np.arange(30), np.arange(15)
    questions = [Question(every, labels_NK), Question(every, labels_NK[:, ::-1]), Question(half, labels_NK[:15, :1])]
    first, turned, _ = fit_and_score(train_ND, train_ND, questions, PENALTIES, 1)
    assert sorted(fits) == [15, 15, 30, 30, 30, 30]
    np.testing.assert_array_equal(first, turned[..., ::-1])


def test_a_constant_feature_and_an_untaught_class_are_no_trouble() -> None:
    random = np.random.default_rng(0)
    train_ND = np.concatenate([random.normal(size=(20, 2)), np.full((20, 1), 0.1)], axis=1)
    labels_NK = np.stack([train_ND[:, 0] > 0, np.zeros(20, bool), np.ones(20, bool)], axis=1)
    (scores_PMK,) = fit_and_score(train_ND, train_ND, [Question(np.arange(20), labels_NK)], PENALTIES, 1)
    assert np.isfinite(scores_PMK).all()
    assert not scores_PMK[..., 1:].any()
    assert ((scores_PMK[1, :, 0] > scores_PMK[1, :, 0].mean()) == labels_NK[:, 0]).mean() > 0.85


def test_the_penalty_comes_from_validation() -> None:
    labels_NK = np.array([[True, False], [False, False], [True, True], [False, False]])
    good, middling, bad = labels_NK * 2.0, labels_NK * [[1.0, 0.0]], 1.0 - labels_NK
    assert best_penalty("task", labels_NK, np.stack([bad, middling, good])) == 2
    assert best_penalty("task", ~labels_NK, np.stack([bad, middling, good])) == 0
    assert best_penalty("task", labels_NK, np.stack([good, good])) == 0
    with pytest.raises(EsiError, match=r"some-task: no class has both .* the 4 of validation: .* ingest"):
        best_penalty("some-task", np.ones((4, 2), bool), np.zeros((1, 4, 2)))


def test_every_share_and_seed_of_every_split_is_predicted(ecgs: EcgSet) -> None:
    (predictions,) = probe(ecgs, [TASK], Frozen("hand", 0, True, telling(ecgs)), SETTINGS, 1).values()
    runs = [(item.share, item.seed, item.split_name) for item in predictions]
    both = ("validation", "test")
    assert runs == [(share, seed, name) for share, seed in ((0.5, 0), (0.5, 1), (1.0, 0)) for name in both]
    full = predictions[-1]
    assert full.split.records == ecgs.split(TASK, "test").records
    for k in range(3):
        positive = full.split.labels_NK[:, k]
        assert full.scores_NK[positive, k].min() > full.scores_NK[~positive, k].max()
    for item in predictions:
        assert not item.scores_NK[:, 3].any()  # what no training record can teach stays there, at 0
        assert item.split.labels_NK[:, 3].any()
    assert np.abs(predictions[1].scores_NK - predictions[3].scores_NK).max() > 0.01  # two draws


def test_another_random_encoder_is_probed_with_all_labels_alone_under_its_seed(ecgs: EcgSet) -> None:
    (predictions,) = probe(ecgs, [TASK], Frozen("random", 7, False, telling(ecgs)), SETTINGS, 1).values()
    assert [(item.share, item.seed) for item in predictions] == [(1.0, 7), (1.0, 7)]


def test_test_features_touch_nothing_but_their_own_scores(ecgs: EcgSet) -> None:
    """Scores of a test record do not depend on its company (norm statistics)."""
    features = telling(ecgs)
    before = probe(ecgs, [TASK], Frozen("hand", 0, True, features), SETTINGS, 1)[TASK.name]
    changed = features["test"].copy()
    changed[1:] = 1000 * np.random.default_rng(5).normal(size=changed[1:].shape)
    after = probe(ecgs, [TASK], Frozen("hand", 0, True, features | {"test": changed}), SETTINGS, 1)[TASK.name]
    for one, other in zip(before, after, strict=True):
        rows = slice(None) if one.split_name == "validation" else slice(1)
        np.testing.assert_allclose(one.scores_NK[rows], other.scores_NK[rows], atol=1e-5)
    assert np.abs(before[-1].scores_NK[1:] - after[-1].scores_NK[1:]).max() > 1


@pytest.mark.parametrize("encoder", ["nano", "xresnet101"])
def test_frozen_means_frozen(ecgs: EcgSet, tmp_path: Path, encoder: str) -> None:
    """No weight and no running statistic moves, no module is in training mode, a record is encoded as if alone."""
    model = mini_esi(tmp_path / "bert", signal_encoder=encoder).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ((_, frozen),) = frozen_features([ecgs], [Candidate("esi", 0, "k", model)], [], [])
    probe(ecgs, [TASK], frozen, SETTINGS, 1)
    assert not any(module.training for module in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())
    _alone_is_as_in_company(model, ecgs, frozen.features["test"])


def _alone_is_as_in_company(model: ESI, ecgs: EcgSet, features_ND: np.ndarray) -> None:
    for row, record in enumerate(ecgs.of("test")["record_id"][:3]):
        ecg_CT = ecgs.store.signals_NCT[ecgs.store.row_of[record]].astype(np.float32) / 1000
        with torch.inference_mode():
            alone_D = model.encode_ecg(torch.from_numpy(ecg_CT)[None], torch.tensor([1000]))["pooled"][0].numpy()
        np.testing.assert_allclose(features_ND[row], alone_D, atol=1e-4, rtol=1e-4)
