"""Test records of one data set, what each captioner wrote of them, and the tables that say how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from esi.evaluate.captions.scores import Captions, Similarity, caption_scores
from esi.evaluate.captions.statement_finder import StatementFinder
from esi.evaluate.metrics import subject_weights
from esi.evaluate.models.registry import EVALUATED, MODELS, RANDOM, Ability
from esi.files import write_json, write_table, write_text

CAPTIONERS = [name for name, one in MODELS.items() if Ability.CAPTION in one.abilities]
METRIC = "label F1"
SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("subject_id", pa.string()),
        ("reference", pa.string()),
        ("caption", pa.string()),
        ("reference_statements", pa.list_(pa.string())),
        ("caption_statements", pa.list_(pa.string())),
    ]
)


class CaptionedSet:
    """Args: dataset: its name. records: those to caption, of `record_texts`."""

    def __init__(self, dataset: str, records: pl.DataFrame) -> None:
        self.dataset, self.records = dataset, records
        self.references = records["text"].to_list()  # what captions are compared with, as the captioner spells it
        self._written: dict[str, list[list[str]]] = {name: [] for name in CAPTIONERS}

    def add(self, captioner: str, captions: Sequence[str]) -> None:
        """What one run of a captioner wrote of the records: the random encoders have one run a seed."""
        self._written[captioner].append(list(captions))

    def score(self, find: StatementFinder, similarity: Similarity, resamples: int, seed: int) -> list[dict[str, Any]]:
        """The rows of metrics/details/captions/<set>.csv, one a captioner.

        Args:
            resamples, seed: of the bootstrap over subjects.
        """
        captioners = {
            name: [Captions(texts, [find(text) for text in texts]) for texts in runs]
            for name, runs in self._written.items()
            if runs  # what nobody wrote has no row
        }
        truth = Captions(self.references, self.records["statements"].to_list())
        return caption_scores(
            captioners, truth, subject_weights(self.records["subject_id"].to_list(), resamples, seed), similarity
        )

    def write(
        self,
        predictions: Path,
        metrics: Path,
        details: Path,
        find: StatementFinder,
        rows: list[dict[str, Any]],
        said: Mapping[str, str] | None = None,
    ) -> None:
        """Write the model's captions, the figures and the table, each into its folder.

        Args:
            rows: of `score`. said: of `remarks`.
        """
        written = self._written[EVALUATED][0]
        columns = {
            "record_id": self.records["record_id"].to_list(),
            "subject_id": self.records["subject_id"].to_list(),
            "reference": self.records["text"].to_list(),
            "caption": written,
            "reference_statements": self.records["statements"].to_list(),
            "caption_statements": [find(text) for text in written],
        }
        write_table(predictions / f"{self.dataset}.parquet", pa.table(columns, schema=SCHEMA))
        table = pl.DataFrame(rows, infer_schema_length=None)
        write_text(details / f"{self.dataset}.csv", table.write_csv(float_precision=6))
        by_name = {row["model"]: row for row in rows}
        ours = by_name[EVALUATED]
        ends = {"value": ours["label_f1"], "low": ours["label_f1_low"], "high": ours["label_f1_high"]}
        random = {RANDOM: by_name[RANDOM]["label_f1"]} if RANDOM in by_name else {}
        scores = {key: round(score, 6) for key, score in (ends | random).items()}
        content = {"metric": METRIC, **scores, "n_test": self.records.height}
        write_json(metrics / f"{self.dataset}.json", content | dict(said or {}))
