"""Predictions of made-up models, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esi.evaluate.predictions import Prediction, write_predictions
from esi.evaluate.split import Split

CLASSES = ["AF", "CD", "NONE"]  # no record is ever NONE


def split(name: str, n: int = 120, seed: int = 0) -> Split:
    """Records of two a subject."""
    random = np.random.default_rng([seed, len(name)])
    labels_NK = random.random((n, 3)) < [0.3, 0.15, 0]
    return Split([f"{name}{i}" for i in range(n)], [f"{name}-s{i // 2}" for i in range(n)], labels_NK)


def run(model: str, noise: float, share: float = 1.0, seed: int = 0, variant: str = "") -> list[Prediction]:
    """Validation and test predictions: log-odds about the labels, the more noise the worse."""
    made = []
    for name in ("validation", "test"):
        of = split(name)
        random = np.random.default_rng([seed, len(model), len(variant), int(100 * noise), len(name)])
        scores_NK = 4 * of.labels_NK - 2 + noise * random.normal(size=of.labels_NK.shape)
        made.append(Prediction(model, name, of, scores_NK.astype(np.float32), share, seed, variant))
    return made


def write(folder: Path, protocol: str, task: str, *runs: list[Prediction], classes: list[str] = CLASSES) -> Path:
    """folder/data/predictions/<protocol>/<task>.parquet."""
    path = folder / "data" / "predictions" / protocol / f"{task}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(path, classes, [item for of_run in runs for item in of_run])
    return path
