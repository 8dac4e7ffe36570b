"""Ingested data sets and a model small enough for a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from esi.ecg.tables import SCHEMA
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.tasks import Task, TaskClass
from esi.files import write_table
from esi.settings.data import Signal

SIGNAL = Signal(rate=100, highpass_hz=0.5)
SUPER = Task(
    "ptbxl-super",
    "ptbxl",
    "auroc",
    (
        TaskClass(
            "MI", frozenset({"IMI", "ASMI"}), ("inferior myocardial infarction", "anteroseptal myocardial infarction")
        ),
        TaskClass("NORM", frozenset({"NORM"}), ("normal ECG",)),
        TaskClass("STTC", frozenset({"NDT"}), ("non-diagnostic T abnormalities",)),
    ),
)


def row(number: int, **others: Any) -> dict[str, Any]:
    """A record of a normal ECG in the test split, of a subject of its own; its signal is drawn by its number."""
    return {
        "dataset": "ptbxl",
        "record_id": str(number),
        "subject_id": f"s{number}",
        "split": "test",
        "codes": ["NORM"],
        "statements": ["normal ECG"],
        "valid_samples": 5000,
        "signal_hash": f"signal {number}",
        "signal": np.random.default_rng(number).integers(-900, 900, (12, 5000)).astype("<i2").tobytes(),
    } | others


def write_set(ecg_folder: Path, rows: Sequence[dict[str, Any]], dataset: str = "ptbxl") -> None:
    """The tables of one data set."""
    table = pa.Table.from_pylist([item | {"dataset": dataset} for item in rows], SCHEMA)
    write_table(ecg_folder / dataset / "part-00000.parquet", table)


def ecg_set(ecg_folder: Path, rows: Sequence[dict[str, Any]], dataset: str = "ptbxl") -> EcgSet:
    """A data set as evaluation reads it."""
    write_set(ecg_folder, rows, dataset)
    return EcgSet(dataset, ecg_folder, SIGNAL, batch_size=4)
