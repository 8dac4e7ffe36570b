"""The features of whole records that every model makes of every data set: what a probe reads.

Legend: N records, D features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from esi.ecg.signals import SignalStore
from esi.errors import EsiError
from esi.evaluate.controls.attempt import Failures, attempt
from esi.evaluate.controls.features import control_features
from esi.evaluate.ecg_set import SPLITS, EcgSet
from esi.evaluate.models.embeddings import Embeddings, NotEmbedded
from esi.evaluate.models.encoders import Candidate


@dataclass(frozen=True)
class Frozen:
    """What one model makes of one data set."""

    model: str  # its name in the registry
    seed: int  # of the random weights
    first: bool  # of its name: the other random encoders are probed with all labels alone
    features: Mapping[str, np.ndarray]  # by split, [N, D] of all its records in the order of EcgSet.of


def frozen_features(
    sets: Sequence[EcgSet],
    encoders: Iterable[Candidate],
    controls: Sequence[str],
    embeddings: Sequence[Embeddings],
    failures: Failures | None = None,
) -> Iterator[tuple[EcgSet, Frozen]]:
    """The features of every data set by the encoders, the controls without any, and somebody else's models.

    An encoder is in evaluation mode and sees no label; a record's features do not depend on its company. A control that
    fails on a set, or embeddings that have none of it, is left out there and noted in `failures`.

    Raises:
        EsiError: a file of embeddings has a part of a set alone.
    """
    failures = {} if failures is None else failures
    records = {ecgs.dataset: {name: ecgs.of(name)["record_id"].to_list() for name in SPLITS} for ecgs in sets}
    theirs = [  # looked at first: a file that lacks a record is said before an hour of encoding
        (ecgs, Frozen(one.name, 0, True, features))
        for one in embeddings
        for ecgs in sets
        if (features := _of_file(one, ecgs.dataset, records[ecgs.dataset], failures)) is not None
    ]
    seen: set[str] = set()
    for candidate in encoders:
        for ecgs in sets:
            features = {
                name: ecgs.encode(candidate.model, candidate.key, name, of_split).pooled_ND
                for name, of_split in records[ecgs.dataset].items()
            }
            yield ecgs, Frozen(candidate.name, candidate.seed, candidate.name not in seen, features)
        seen.add(candidate.name)
    for control in controls:
        for ecgs in sets:
            of_control = partial(_finite, control, ecgs.store, records[ecgs.dataset])
            features = attempt(control, ecgs.dataset, of_control, failures)
            if features is not None:
                yield ecgs, Frozen(control, 0, True, features)
    yield from theirs


def _finite(control: str, store: SignalStore, records: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    made = control_features(control, store, records)
    for split, features_ND in made.items():
        bad = int((~np.isfinite(features_ND)).any(axis=1).sum())
        if bad:
            raise EsiError(f"its features of {bad} {split} records are not finite")
    return made


def _of_file(
    embeddings: Embeddings, dataset: str, records: Mapping[str, list[str]], failures: Failures
) -> dict[str, np.ndarray] | None:
    """By split; None, noted in `failures`, where the file has none of the set."""
    every = [record for of_split in records.values() for record in of_split]
    try:
        vectors_ND = embeddings.of(dataset, every)
    except NotEmbedded as error:
        failures.setdefault(embeddings.name, {})[dataset] = str(error)
        return None
    ends = np.cumsum([len(of_split) for of_split in records.values()])[:-1]
    return dict(zip(records, np.split(vectors_ND, ends), strict=True))
