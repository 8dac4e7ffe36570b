from __future__ import annotations

import numpy as np

from esi.evaluate.linear_probe import linear_probe

PENALTIES = [1e-4, 1e-2, 1.0]


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 8))
    return features, np.stack([features[:, 0] > 0.3, features[:, 1] + features[:, 2] > 0], axis=1)


def test_it_finds_what_is_linear() -> None:
    (train, labels), (validation, validation_labels), (test, test_labels) = drawn(300, 0), drawn(100, 1), drawn(200, 2)
    probe = linear_probe(train, labels, validation, validation_labels, test, PENALTIES)
    assert ((probe.scores_NK > 0) == test_labels).mean() > 0.95
    assert probe.validation_auroc > 0.98


def test_the_penalty_comes_from_validation() -> None:
    """Validation labels that are the training labels turned over must choose the weakest fit."""
    (train, labels), (validation, validation_labels) = drawn(300, 0), drawn(100, 1)
    good = linear_probe(train, labels, validation, validation_labels, validation, PENALTIES)
    turned = linear_probe(train, labels, validation, ~validation_labels, validation, PENALTIES)
    assert good.inverse_penalty > turned.inverse_penalty


def test_a_class_without_training_positives_is_named_and_scored_zero() -> None:
    (train, labels), (validation, validation_labels) = drawn(300, 0), drawn(100, 1)
    labels[:, 1] = False
    probe = linear_probe(train, labels, validation, validation_labels, validation, PENALTIES)
    assert probe.untrainable == [1]
    assert not probe.scores_NK[:, 1].any()
