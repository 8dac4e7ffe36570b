"""Linear probe: one logistic regression a class on frozen features (paper, 4.2.2), at several shares of the labels.

Legend: N records, K classes, D features, P penalties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from esi.closure import code_hash
from esi.errors import EsiError
from esi.evaluate.ecg_set import SPLITS, EcgSet
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.metrics import auroc
from esi.evaluate.models.features import Frozen
from esi.evaluate.predictions import Prediction
from esi.evaluate.shares import draw_share
from esi.evaluate.split import Split
from esi.evaluate.tasks import Task
from esi.files import cache_folder, content_hash
from esi.sealed import read_arrays, write_arrays
from esi.settings.evaluation import LinearProbe


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
    predictions: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    for number, (task, share, seed, _) in enumerate(runs):
        for name in ("validation", "test"):
            scores_NK = kept[f"{name} {number}"]
            predictions[task.name].append(Prediction(frozen.model, name, splits[task.name, name], scores_NK, share, seed))
    return predictions


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
