"""Linear probe: one logistic regression a class on frozen features (paper, 4.2.2), at several shares of the labels.

Legend: N records, K classes, D features, P penalties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esi.errors import EsiError
from esi.evaluate.controls.features import control_features
from esi.evaluate.ecg_set import SPLITS, EcgSet, candidates
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.metrics import auroc
from esi.evaluate.predictions import Prediction
from esi.evaluate.shares import draw_share
from esi.evaluate.split import Split
from esi.evaluate.tasks import Task
from esi.settings.evaluation import Evaluate, LinearProbe


@dataclass(frozen=True)
class Frozen:
    """What one model makes of one data set."""

    model: str  # esi, random, hand, rocket
    seed: int  # of the random weights
    first: bool  # of its name: the other random encoders are probed with all labels alone
    features: Mapping[str, np.ndarray]  # by split, [N, D] of all its records in the order of EcgSet.of


def frozen_features(sets: Sequence[EcgSet], model_folder: Path, settings: Evaluate) -> Iterator[tuple[EcgSet, Frozen]]:
    """The features of every data set through the pretrained encoder, the random ones, and the controls without any encoder.

    An encoder is in evaluation mode and sees no label; a record's features do not depend on its company.
    """
    for candidate in candidates(model_folder, settings.random_seeds, sets):
        for ecgs in sets:
            features = {
                name: ecgs.encode(candidate.model, candidate.key, name, ecgs.of(name)["record_id"].to_list()).pooled_ND
                for name in SPLITS
            }
            first = candidate.name != "random" or candidate.seed == settings.random_seeds[0]
            yield ecgs, Frozen(candidate.name, candidate.seed, first, features)
    for control in settings.controls:
        for ecgs in sets:
            records = {name: ecgs.of(name)["record_id"].to_list() for name in SPLITS}
            yield ecgs, Frozen(control, 0, True, control_features(control, ecgs.store, records))


def probe(
    ecgs: EcgSet, tasks: Sequence[Task], frozen: Frozen, settings: LinearProbe, processes: int | None = None
) -> dict[str, list[Prediction]]:
    """Predictions for validation and test of every task, by task name.

    All labels once, for the fit is convex; a share of them for each seed of `settings.seeds`. The penalty is one for all
    classes of a task and run, by macro AUROC on all validation records; test labels are not looked at. What no positive
    among the training records that are seen can teach is scored 0.

    Args:
        ecgs: the data set. tasks: of this data set. frozen: the features. settings: shares, seeds and penalties.
        processes: as of `fit_and_score`.
    """
    row_of = {name: {record: row for row, record in enumerate(ecgs.of(name)["record_id"])} for name in SPLITS}
    splits = {(task.name, name): ecgs.split(task, name) for task in tasks for name in SPLITS}
    runs = [
        (task, share, seed, draw_share(splits[task.name, "train"], share, seed))
        for task in tasks
        for share in settings.shares
        if share == 1.0 or frozen.first
        for seed in ([frozen.seed] if share == 1.0 else settings.seeds)
    ]
    answers = fit_and_score(
        frozen.features["train"],
        np.concatenate([frozen.features["validation"], frozen.features["test"]]),
        [Question(_rows(row_of["train"], seen), seen.labels_NK) for _, _, _, seen in runs],
        settings.inverse_penalties,
        processes,
    )
    found: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    for (task, share, seed, _), scores_PMK in zip(runs, answers, strict=True):
        validation, test = splits[task.name, "validation"], splits[task.name, "test"]
        of_validation_PNK = scores_PMK[:, _rows(row_of["validation"], validation)]
        place = best_penalty(task.name, validation.labels_NK, of_validation_PNK)
        of_test_NK = scores_PMK[place, len(row_of["validation"]) + _rows(row_of["test"], test)]
        for name, split, scores_NK in (("validation", validation, of_validation_PNK[place]), ("test", test, of_test_NK)):
            found[task.name].append(Prediction(frozen.model, name, split, scores_NK, share, seed))
    return found


def best_penalty(task: str, labels_NK: np.ndarray, scores_PNK: np.ndarray) -> int:
    """The place of the penalty with the best macro AUROC on validation records, the strongest of equals where they ascend.

    Raises:
        EsiError: no class has both positive and negative records.
    """
    defined = np.flatnonzero(labels_NK.any(axis=0) & ~labels_NK.all(axis=0))
    if not len(defined):
        raise EsiError(
            f"{task}: no class has both positive and negative records among the {len(labels_NK)} of validation: "
            "give its data set a larger validation fold in ingest"
        )
    once = np.ones((1, len(labels_NK)), np.float32)
    taught = [k for k in defined if scores_PNK[..., k].any()]  # the others are at 0.5 whatever the penalty
    macro_P = [sum(float(auroc(labels_NK[:, k], scores_NK[:, k], once)[0]) for k in taught) for scores_NK in scores_PNK]
    return int(np.argmax(macro_P))


def _rows(row_of: Mapping[str, int], split: Split) -> np.ndarray:
    return np.array([row_of[record] for record in split.records])
