"""The profile on which the whole DAG runs in minutes on one core."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {
    "simulate.records": {"ptbxl": 160, "chapman": 30, "mimic": 40, "icbeb": 100},
    "model.decoder_layers": 1,
    "train.epochs": 1,
    "train.batch_size": 32,
    "evaluate.bootstrap": 20,
    "evaluate.random_seeds": [0],
    "linear_probe.inverse_penalties": [0.01],
    "linear_probe.shares": [0.5, 1.0],
    "linear_probe.seeds": [0, 1],
    "fine_tune.epochs": 1,
    "fine_tune.supervised_epochs": 1,
    "identify.epochs": 5,
    "caption.limit": 3,
    "distribution.permutations": 20,
}
TASKS = ("ptbxl-super", "icbeb-nine", "chapman-rhythm")  # sixteen records are too few for the others' classes


def apply(content: dict[str, Any], settings: dict[str, Any]) -> None:
    """Write settings, by their dotted names, into what params.yaml holds."""
    for key, value in settings.items():
        *sections, name = key.split(".")
        section = content
        for part in sections:
            section = section[part]
        section[name] = value
