"""The predictions of one file by model, each with its runs, checked to be about the same records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from esi.errors import EsiError
from esi.evaluate.models.registry import EVALUATED
from esi.evaluate.predictions import Prediction, read_predictions

PROTOCOLS = ("zero_shot", "linear_probe", "fine_tune")  # the folders of predictions that are files of this kind


@dataclass(frozen=True)
class Run:
    """What one model with one seed says."""

    seed: int
    validation: Prediction
    test: Prediction


@dataclass(frozen=True)
class Model:
    """One model at one share of the training labels, run once a seed."""

    name: str  # in the registry
    variant: str
    share: float
    runs: list[Run]


def read_models(source: Path | pa.BufferReader, name: str) -> tuple[list[str], list[Model]]:
    """Class names and models of one file of predictions.

    Args:
        source: the file. name: how errors call it.

    Raises:
        EsiError: a run lacks a split, a score is not finite, or two runs are about different records or labels.
    """
    classes, predictions = read_predictions(source)
    splits: dict[tuple[str, str, float, int], dict[str, Prediction]] = {}
    for item in predictions:
        splits.setdefault((item.model, item.variant, item.share, item.seed), {})[item.split_name] = item
        wrong = int((~np.isfinite(item.scores_NK)).sum())
        if wrong:
            raise EsiError(
                f"{name}: {wrong} of {item.scores_NK.size} scores of {item.model} (seed {item.seed}) are not finite: "
                "mend the stage that wrote them"
            )
    models: dict[tuple[str, str, float], list[Run]] = {}
    for (model, variant, share, seed), of_run in splits.items():
        absent = [split for split in ("validation", "test") if split not in of_run]
        if absent:
            raise EsiError(f"{name}: {model} (seed {seed}) has no {' and no '.join(absent)} records: run its stage again")
        models.setdefault((model, variant, share), []).append(Run(seed, of_run["validation"], of_run["test"]))
    listed = [Model(*key, runs) for key, runs in models.items()]
    for other in listed:
        for run in other.runs:
            check_same_records(listed[0].runs[0].test, run.test, f"{name}: {listed[0].name}", f"{name}: {other.name}")
    return classes, listed


def headline(models: list[Model], name: str) -> Model:
    """The evaluated model with all labels or, in zero-shot, none: what leads.

    Raises:
        EsiError: the file, called `name`, does not hold it.
    """
    for model in models:
        if (model.name, model.variant) == (EVALUATED, "") and model.share in (0.0, 1.0):
            return model
    raise EsiError(f"{name} has no predictions of {EVALUATED} with all labels or, for zero-shot, none: run its stage again")


def check_same_records(one: Prediction, other: Prediction, one_name: str, other_name: str) -> None:
    """Figures stand side by side, and are subtracted record by record, only where records and labels are the same.

    Raises:
        EsiError: they are not.
    """
    mine, theirs = one.split, other.split
    if mine.records != theirs.records:
        alone = len(set(mine.records) ^ set(theirs.records))
        raise EsiError(
            f"{one_name} and {other_name} do not predict the same {one.split_name} records ({len(mine.records)} and "
            f"{len(theirs.records)}, {alone} in one only): write both again from the same data/ecg"
        )
    if mine.labels_NK.shape != theirs.labels_NK.shape or (mine.labels_NK != theirs.labels_NK).any():
        raise EsiError(f"{one_name} and {other_name} have different labels of the same records: write both again")
