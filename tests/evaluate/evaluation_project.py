"""A project of one tiny data set, ready for every stage of the evaluation, without a model of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from esi.ecg.leads import LEADS
from esi.files import write_table
from esi.model.config import EncoderConfig
from esi.model.signal_model import SignalModel
from esi.settings.data import Signal
from tests.conftest import ROOT
from tests.evaluate.tiny_sets import row, write_set
from tests.model.mini import mini_bert
from tests.stages import tiny

SPLITS = ["train"] * 12 + ["validation"] * 8 + ["test"] * 10
SETTINGS: dict[str, Any] = {
    "evaluate.controls": ["hand"],
    "evaluate.random_seeds": [1],
    "evaluate.bootstrap": 20,
    "evaluate.batch_size": 8,
    "linear_probe.shares": [1.0],
    "linear_probe.inverse_penalties": [0.1],
    "fine_tune.tasks": ["ptbxl-super"],
    "fine_tune.epochs": 1,
    "fine_tune.supervised_epochs": 1,
    "identify.seconds": {"ptbxl": 4.0},
    "identify.epochs": 2,
    "retrieval.sets": ["ptbxl"],
    "caption.sets": ["ptbxl"],
    "caption.limit": 2,
    "caption.max_tokens": 4,
    "distribution.sets": ["ptbxl"],
    "distribution.records": 8,
    "distribution.permutations": 9,
}


def rows() -> list[dict[str, Any]]:
    """Normal ECGs and infarctions, one a subject; two test subjects have two recordings."""
    findings = {"NORM": "normal ECG", "IMI": "inferior myocardial infarction"}
    made = []
    for number, split in enumerate(SPLITS):
        code = "NORM" if number % 2 else "IMI"
        subject = f"s{number - 2 if number in (28, 29) else number}"
        made.append(row(number, split=split, codes=[code], statements=[findings[code]], window=0, subject_id=subject))
    return made


def write_project(folder: Path, **settings: Any) -> None:
    """params.yaml, tables, pairs, descriptions and statements. settings: by dotted name, with __ for the dots."""
    write_set(folder / "data/ecg", rows())
    pairs = pl.DataFrame([item for item in rows() if item["split"] == "train"]).select(
        "dataset", "record_id", "subject_id", "split"
    )
    texts = {"findings": pl.lit("Findings: normal ECG."), "descriptions": pl.lit("Normal waves.")}
    write_table(folder / "data/pairs/pairs.parquet", pairs.with_columns(**texts).to_arrow())
    described = {"statement": ["normal ECG"], "description": ["Normal waves."]}
    write_table(folder / "data/descriptions.parquet", pl.DataFrame(described).to_arrow())
    statements = {"statement": ["normal ECG", "inferior myocardial infarction"], "kind": ["finding", "finding"]}
    write_table(folder / "data/statements.parquet", pl.DataFrame(statements).to_arrow())
    (folder / "data/embeddings").mkdir(parents=True)
    yaml = YAML()
    content = yaml.load((ROOT / "params.yaml").read_text())
    content["tasks"] = {"ptbxl-super": content["tasks"]["ptbxl-super"]}
    given = {name.replace("__", "."): value for name, value in settings.items()}
    tiny.apply(content, SETTINGS | {"score.encoder": str(mini_bert(folder / "bert"))} | given)
    yaml.dump(content, folder / "params.yaml")


def signal_model() -> SignalModel:
    """A signal encoder alone, as a method without texts exports it."""
    signal = Signal(rate=100, highpass_hz=0.5)
    config = EncoderConfig(method="simclr", signal=signal, leads=tuple(LEADS), signal_encoder="nano")
    return SignalModel.fresh(config, seed=0)
