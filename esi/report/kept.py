"""Kept experiments: settings and figures of other runs, one JSON file each in data/experiments (`esi.report.keep`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from esi.report.inputs import CLASSIFICATION, KEYS, Line, read_as

FIGURES = {  # what is kept of a table of metrics/details beside the columns that tell its lines apart
    **dict.fromkeys(CLASSIFICATION, ("runs", "auroc", "auroc_sd", "auroc_low", "auroc_high", "f1")),
    "identification": (*("subjects", "runs", "auc", "auc_sd", "accuracy", "accuracy_sd", "accuracy_low", "accuracy_high"),),
    "distribution": ("pretraining_records", "test_records", "mmd2", "p_value"),
}
COLUMNS = {protocol: (*KEYS[protocol], *columns) for protocol, columns in FIGURES.items()}
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
    """One file. Raises EsiError where it is not one that `esi.report.keep` writes."""
    return read_as(Experiment, path, "keep the experiment again (python -m esi.report.keep)")


def read_experiments(folder: Path) -> list[Experiment]:
    """All that are kept, by name; none where the folder is not there."""
    return sorted((read_experiment(path) for path in folder.glob("*.json")), key=lambda experiment: experiment.name)
