"""What models say on the records of one task, in one Parquet file: what every figure is computed from.

Scores and figures are apart: another bootstrap fits nothing anew, and two experiments are compared record by record.

Legend: N records, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esi.errors import EsiError
from esi.evaluate.split import Split
from esi.files import write_table

SCHEMA = pa.schema(
    [
        ("model", pa.string()),  # its name in esi.evaluate.models.registry
        ("variant", pa.string()),  # what else tells its figures apart: the kind of prompts; "" for those that count
        ("share", pa.float64()),  # of the training subjects whose labels it saw; 0: none
        ("seed", pa.int32()),
        ("split", pa.string()),  # validation (thresholds, calibration), test
        ("record_id", pa.string()),
        ("subject_id", pa.string()),
        ("labels", pa.list_(pa.bool_())),
        ("scores", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Prediction:
    """One model's scores for one split."""

    model: str
    split_name: str
    split: Split
    scores_NK: np.ndarray  # log-odds, or cosines of zero-shot
    share: float = 0.0
    seed: int = 0
    variant: str = ""


def write_predictions(path: Path, classes: Sequence[str], predictions: Sequence[Prediction]) -> None:
    """Write the predictions of one protocol and task: float32 scores, class names in the schema's metadata.

    Raises:
        EsiError: a score is not finite; it names the model and the record.
    """
    parts = []
    for item in predictions:
        n = len(item.split.records)
        bad_N = ~np.isfinite(item.scores_NK).all(axis=1)
        if bad_N.any():
            raise EsiError(
                f"{path.stem}: {item.model} gives scores that are not finite for {bad_N.sum()} of {n} {item.split_name} "
                f"records, first {item.split.records[int(bad_N.argmax())]}: look at its signal, or fit the model anew"
            )
        columns: dict[str, object] = {
            "model": [item.model] * n,
            "variant": [item.variant] * n,
            "share": [item.share] * n,
            "seed": [item.seed] * n,
            "split": [item.split_name] * n,
            "record_id": item.split.records,
            "subject_id": item.split.subjects,
            "labels": pa.ListArray.from_arrays(_offsets(item.split.labels_NK), pa.array(item.split.labels_NK.ravel())),
            "scores": pa.ListArray.from_arrays(_offsets(item.scores_NK), pa.array(item.scores_NK.ravel(), pa.float32())),
        }
        parts.append(pa.table(columns, schema=SCHEMA))
    write_table(path, pa.concat_tables(parts).replace_schema_metadata({"classes": json.dumps(list(classes))}))


def read_predictions(source: Path | pa.BufferReader) -> tuple[list[str], list[Prediction]]:
    """Class names and predictions of one file, in the order of writing."""
    table = pq.read_table(source)
    classes = json.loads(table.schema.metadata[b"classes"])
    keys = ["model", "variant", "share", "seed", "split"]
    columns = {key: np.asarray(table[key].to_pylist(), dtype=object) for key in keys}
    changes = [np.r_[True, values[1:] != values[:-1]] for values in columns.values()]
    starts = np.flatnonzero(np.logical_or.reduce(changes)) if len(table) else np.zeros(0, int)
    ends = [*starts[1:], len(table)] if len(table) else []
    predictions = []
    for start, end in zip(starts, ends, strict=True):
        rows = table.slice(start, end - start)
        labels_NK, scores_NK = (
            rows[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(rows), len(classes))
            for name in ("labels", "scores")
        )
        model, variant, share, seed, name = (columns[key][start] for key in keys)
        split = Split(rows["record_id"].to_pylist(), rows["subject_id"].to_pylist(), labels_NK)
        predictions.append(Prediction(model, name, split, scores_NK, share, seed, variant))
    return classes, predictions


def _offsets(values_NK: np.ndarray) -> pa.Array:
    n, k = values_NK.shape
    return pa.array(np.arange(n + 1) * k, pa.int32())
