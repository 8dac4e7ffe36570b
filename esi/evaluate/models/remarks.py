"""What must be said beside figures: which model has none and why, and of which nobody knows whether its test is fair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esi.evaluate.controls.attempt import Failures
from esi.files import write_json

UNAVAILABLE = "unavailable.json"  # beside the predictions: why a model has none, by model and data set
UNPROVEN = "unproven.json"  # why a model's figures may be those of ECGs that it was trained on, by model


def remarks(dataset: str, unavailable: Failures, unproven: Mapping[str, str]) -> dict[str, str]:
    """What metrics/<protocol>/<task or set>.json says of a data set: <model>_not_available, <model>_unproven."""
    absent = {f"{name}_not_available": of[dataset] for name, of in unavailable.items() if dataset in of}
    shown = [name for name in unproven if f"{name}_not_available" not in absent]
    return absent | {f"{name}_unproven": unproven[name] for name in shown}


def write_remarks(folder: Path, unavailable: Failures, unproven: Mapping[str, str]) -> None:
    """Keep them beside predictions; a file is written where there is something to say."""
    if unavailable:
        write_json(folder / UNAVAILABLE, unavailable)
    if unproven:
        write_json(folder / UNPROVEN, dict(unproven))


def read_remarks(folder: Path, dataset: str, unproven: Mapping[str, str]) -> dict[str, str]:
    """`remarks` by what `write_remarks` kept of unavailable models."""
    return remarks(dataset, _read(folder / UNAVAILABLE), unproven)


def read_unproven(folder: Path) -> dict[str, str]:
    """What `write_remarks` kept of unproven models."""
    return _read(folder / UNPROVEN)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
