"""Kept experiments: settings and figures of other runs, one JSON file each in data/experiments (`esi.report.keep`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from esi.errors import EsiError
from esi.report.inputs import KEYS, Line, read_json

CLASSES = ("auroc", "auroc_sd", "auroc_low", "auroc_high", "f1")
COLUMNS = {  # what is kept of a table of metrics/details
    "zero_shot": (*KEYS["zero_shot"], "runs", *CLASSES),
    "linear_probe": (*KEYS["linear_probe"], "runs", *CLASSES),
    "fine_tune": (*KEYS["fine_tune"], "runs", *CLASSES),
    "identification": (
        *KEYS["identification"],
        *("subjects", "runs", "auc", "auc_sd", "accuracy", "accuracy_sd", "accuracy_low", "accuracy_high"),
    ),
    "distribution": (*KEYS["distribution"], "pretraining_records", "test_records", "mmd2", "p_value"),
}
MODELS = ("esi", "supervised")  # whose lines are kept: they follow from the experiment's settings
NUMBERS = {  # what is kept of metrics/<stage>.json
    "pairs": ("train",),
    "pretrain": ("parameters_signal_encoder", "n_train", "steps"),
    "score_descriptions": tuple(f"bertscore_{key}{end}" for key in ("precision", "recall", "f1") for end in ("", "_sd")),
}


class Experiment(BaseModel):
    """One kept experiment; asked for figures as `Inputs` is.

    Attributes:
        commit: of the revision; None: it was the workspace.
        settings: dotted keys of params.yaml, and `ingest.<set>.records`, the number of records that were found there.
        figures: by stage. tables: by protocol and task or data set, lines of metrics/details as they stand there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    name: str
    commit: str | None
    settings: dict[str, Any]
    figures: dict[str, dict[str, float]]
    tables: dict[str, dict[str, list[Line]]]

    def details(self, protocol: str, name: str) -> list[Line]:
        """A table of metrics/details; empty where there is none."""
        return self.tables.get(protocol, {}).get(name, [])

    def numbers(self, stage: str) -> dict[str, Any]:
        """The numbers of metrics/<stage>.json; empty where the stage was not run."""
        return self.figures.get(stage, {})


def read_experiment(path: Path) -> Experiment:
    """One file.

    Raises:
        EsiError: it is not one that `esi.report.keep` writes.
    """
    content = read_json(path)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise EsiError(f"{path}: {key}: {problem['msg']}: keep the experiment again (python -m esi.report.keep)") from None


def read_experiments(folder: Path) -> list[Experiment]:
    """All that are kept, by name; none where the folder is not there."""
    return sorted((read_experiment(path) for path in folder.glob("*.json")), key=lambda experiment: experiment.name)
