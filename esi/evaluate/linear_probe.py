"""Linear probe: one logistic regression a class on frozen features (paper, 4.2.2), at several shares of the labels.

Legend: N records, K classes, D features, P penalties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from esi.closure import code_hash
from esi.ecg.signals import SignalStore
from esi.errors import EsiError
from esi.evaluate.controls.attempt import Failures, attempt
from esi.evaluate.controls.features import control_features
from esi.evaluate.ecg_set import SPLITS, EcgSet, candidates
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.metrics import auroc
from esi.evaluate.predictions import Prediction
from esi.evaluate.shares import draw_share
from esi.evaluate.split import Split
from esi.evaluate.tasks import Task
from esi.files import cache_folder, content_hash
from esi.sealed import read_arrays, write_arrays
from esi.settings.evaluation import Evaluate, LinearProbe


@dataclass(frozen=True)
class Frozen:
    """What one model makes of one data set."""

    model: str  # esi, random, hand, rocket
    seed: int  # of the random weights
    first: bool  # of its name: the other random encoders are probed with all labels alone
    features: Mapping[str, np.ndarray]  # by split, [N, D] of all its records in the order of EcgSet.of


def frozen_features(
    sets: Sequence[EcgSet], model_folder: Path, settings: Evaluate, failures: Failures | None = None
) -> Iterator[tuple[EcgSet, Frozen]]:
    """The features of every data set through the pretrained encoder, the random ones, and the controls without any encoder.

    An encoder is in evaluation mode and sees no label; a record's features do not depend on its company. A control that
    fails on a set is left out there and noted in `failures`.
    """
    for candidate in candidates(model_folder, settings.random_seeds, sets):
        for ecgs in sets:
            features = {
                name: ecgs.encode(candidate.model, candidate.key, name, ecgs.of(name)["record_id"].to_list()).pooled_ND
                for name in SPLITS
            }
            first = candidate.name != "random" or candidate.seed == settings.random_seeds[0]
            yield ecgs, Frozen(candidate.name, candidate.seed, first, features)
    failures = {} if failures is None else failures
    for control in settings.controls:
        for ecgs in sets:
            records = {name: ecgs.of(name)["record_id"].to_list() for name in SPLITS}
            found = attempt(control, ecgs.dataset, partial(_finite, control, ecgs.store, records), failures)
            if found is not None:
                yield ecgs, Frozen(control, 0, True, found)


def _finite(control: str, store: SignalStore, records: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    found = control_features(control, store, records)
    for split, features_ND in found.items():
        bad = int((~np.isfinite(features_ND)).any(axis=1).sum())
        if bad:
            raise EsiError(f"its features of {bad} {split} records are not finite")
    return found


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
    questions = [Question(_rows(row_of["train"], seen), seen.labels_NK) for _, _, _, seen in runs]
    path = cache_folder("probes") / f"{_key(frozen, settings, row_of, splits, questions)}.npz"
    kept = read_arrays(path)  # of a run that ended before it had written all
    if kept is None:
        evaluated_MD = np.concatenate([frozen.features["validation"], frozen.features["test"]])
        answers = fit_and_score(frozen.features["train"], evaluated_MD, questions, settings.inverse_penalties, processes)
        kept = {}
        for number, ((task, _, _, _), scores_PMK) in enumerate(zip(runs, answers, strict=True)):
            validation, test = splits[task.name, "validation"], splits[task.name, "test"]
            of_validation_PNK = scores_PMK[:, _rows(row_of["validation"], validation)]
            place = best_penalty(task.name, validation.labels_NK, of_validation_PNK)
            kept[f"validation {number}"] = of_validation_PNK[place]
            kept[f"test {number}"] = scores_PMK[place, len(row_of["validation"]) + _rows(row_of["test"], test)]
        write_arrays(path, kept)
    found: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    for number, (task, share, seed, _) in enumerate(runs):
        for name in ("validation", "test"):
            scores_NK = kept[f"{name} {number}"]
            found[task.name].append(Prediction(frozen.model, name, splits[task.name, name], scores_NK, share, seed))
    return found


def _key(
    frozen: Frozen,
    settings: LinearProbe,
    row_of: Mapping[str, Mapping[str, int]],
    splits: Mapping[tuple[str, str], Split],
    questions: Sequence[Question],
) -> str:
    """What the scores of a probe depend on."""
    parts: list[bytes | str] = [code_hash(__name__), settings.model_dump_json()]
    for name in SPLITS:
        features_ND = np.ascontiguousarray(frozen.features[name])
        parts += [f"{name} {features_ND.dtype} {features_ND.shape}", features_ND.tobytes(), *row_of[name]]
    for (task, name), split in splits.items():
        parts += [task, name, split.labels_NK.tobytes(), *split.records]
    for question in questions:
        parts += [np.ascontiguousarray(question.rows_N).tobytes()]
    return content_hash(*parts)[:32]


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
