"""How far a test set's ECGs lie from the pretraining ECGs as a model sees them: maximum mean discrepancy (paper, 5.4).

Two encoders are compared with care: MMD is 0 for one that tells nothing apart, too. What it shows is a shift that an encoder
sees, or no longer sees; that it still sees diagnoses is for the other figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl

from esi.errors import EsiError
from esi.evaluate.controls.attempt import Failures
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.mmd import discrepancy
from esi.evaluate.models.embeddings import Embeddings, NotEmbedded
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import EVALUATED, RANDOM, Ability, Role, entry
from esi.evaluate.pretraining_sample import PretrainingSample, draw
from esi.settings.evaluation import Distribution

FEATURES, SPACE = "pooled", "z"  # what a model sees: its features, and what it makes of them for the space of texts


def draw_test(ecgs: EcgSet, most: int) -> list[str]:
    """At most so many test records of a set, as `draw` draws.

    Raises:
        EsiError: it has fewer than two test subjects.
    """
    drawn: list[str] = draw(ecgs.of("test").to_arrow(), most)["record_id"].to_pylist()
    if len(drawn) < 2:
        raise EsiError(
            f"distribution.sets: {ecgs.dataset} has {len(drawn)} test subjects, and MMD needs two: remove it there, or give "
            f"ingest.{ecgs.dataset}.folds.test another fold in params.yaml"
        )
    return drawn


def by_encoders(
    encoders: Encoders,
    sets: Mapping[str, EcgSet],
    tests: Mapping[str, list[str]],
    pretraining: PretrainingSample,
    settings: Distribution,
    seed: int,
) -> list[dict[str, Any]]:
    """One row an encoder, set and space: in the space of texts only where training has made it one.

    Args:
        sets, tests: data sets and their records of `draw_test`, by name. seed: of the permutations.
    """
    rows = []
    for candidate in encoders:
        before = pretraining.encode(candidate.model, candidate.key)
        for name, ecgs in sets.items():
            test = ecgs.encode(candidate.model, candidate.key, "test", tests[name])
            rows.append(_row(name, candidate.name, FEATURES, before.pooled_ND, test.pooled_ND, settings, seed))
            if Ability.ZERO_SHOT in candidate.model.abilities:
                rows.append(_row(name, candidate.name, SPACE, before.z_NE, test.z_NE, settings, seed))
    return rows


def by_embeddings(
    embeddings: Sequence[Embeddings],
    tests: Mapping[str, list[str]],
    pretraining: PretrainingSample,
    settings: Distribution,
    seed: int,
    failures: Failures,
) -> list[dict[str, Any]]:
    """Rows of somebody else's models, of those whose files have both the pretraining ECGs and the test records; where one
    has none of either, the reason is noted in `failures`.
    """
    rows = []
    for one in embeddings:
        for name, records in tests.items():
            try:
                test_YD = one.of(name, records)
                before_XD = np.concatenate([one.of(dataset, part) for dataset, part in pretraining.parts.items()])
            except NotEmbedded as error:
                failures.setdefault(one.name, {})[name] = str(error)
            else:
                rows.append(_row(name, one.name, FEATURES, before_XD, test_YD, settings, seed))
    return rows


def _row(
    dataset: str,
    model: str,
    space: str,
    before_XD: np.ndarray,
    test_YD: np.ndarray,
    settings: Distribution,
    seed: int,
) -> dict[str, Any]:
    distance = discrepancy(before_XD, test_YD, settings.permutations, seed)
    return {"set": dataset, "model": model, "space": space} | asdict(distance)


def table(rows: Sequence[Mapping[str, Any]], dataset: str) -> pl.DataFrame:
    """The table of metrics/details/distribution/<set>.csv."""
    of_set = [{key: value for key, value in row.items() if key != "set"} for row in rows if row["set"] == dataset]
    return pl.DataFrame(of_set).with_columns(pl.col("bandwidth", "mmd2", "p_value").round(6))


def headline(rows: pl.DataFrame, n_test: int) -> dict[str, float | int | str]:
    """The content of metrics/distribution/<set>.json: the distance of features, of several seeds the mean."""
    features = rows.filter(pl.col("space") == FEATURES)
    names = features["model"].unique(maintain_order=True).to_list()
    mean = {name: fmean(features.filter(pl.col("model") == name)["mmd2"].to_list()) for name in names}
    beside = {name: round(mean[name], 6) for name in names if name == RANDOM or entry(name).role is Role.BASELINE}
    return {"metric": "MMD2", "value": mean[EVALUATED], **beside, "n_test": n_test}
