"""ECG tables and descriptions in, one row a training pair out, with the proof that no evaluated record is among them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from tqdm import tqdm

from esi.ecg.tables import table_paths
from esi.errors import EsiError
from esi.pairs.text import CountTokens, compose
from esi.settings.pairs import Pairs

SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("record_id", pa.string()),
        ("subject_id", pa.string()),
        ("signal_hash", pa.string()),
        ("split", pa.string()),  # train, validation
        ("text", pa.string()),
        ("demographics", pa.string()),
        ("findings", pa.string()),
        ("descriptions", pa.string()),
        ("truncated", pa.bool_()),
    ]
)
HELD_OUT = ("validation", "test")  # the splits that evaluation reads


class LeakError(EsiError):
    """A record, subject or signal that an evaluation reads is among the pretraining pairs."""


def read_records(ecg_folder: Path, sets: Iterable[str]) -> pl.DataFrame:
    """All ingested records of the named data sets, without their signals."""
    paths = [path for name in sets for path in table_paths(ecg_folder / name)]
    return pl.scan_parquet(paths).drop("signal").collect()


def build_pairs(
    records: pl.DataFrame, descriptions: Mapping[str, str], settings: Pairs, count_tokens: CountTokens
) -> tuple[pa.Table, dict[str, Any]]:
    """The pretraining pairs of the train split.

    A training record whose very signal is also in a held-out split is left out and counted (public sets hold a few
    duplicates).

    Args:
        records: `read_records` of every set, the evaluated ones included: the proof needs them.
        descriptions: description by normalised statement.
        settings: which sets, which parts.
        count_tokens: the text tower's token count.

    Returns:
        The table of pairs and plain figures for the metrics.

    Raises:
        LeakError: a subject is in the pairs and in a held-out split.
    """
    held_out = records.filter(pl.col("split").is_in(HELD_OUT))
    train = records.filter((pl.col("split") == "train") & pl.col("dataset").is_in(settings.sets))
    clean = train.filter(~pl.col("signal_hash").is_in(held_out["signal_hash"].implode()))
    known = descriptions if settings.descriptions else {}
    rows = []
    for record in tqdm(clean.iter_rows(named=True), total=clean.height, desc="pairs", unit="pair"):
        age, sex = (record["age"], record["sex"]) if settings.demographics else (None, None)
        text = compose(age, sex, record["statements"], known, count_tokens, settings.max_tokens)
        if text.findings:
            rows.append(
                {name: record[name] for name in ("dataset", "record_id", "subject_id", "signal_hash")}
                | {"split": _split(record["dataset"], record["subject_id"], settings.validation_share)}
                | vars(text)
            )
    if not rows:
        raise EsiError(
            f"no record of {settings.sets} has a train fold and a finding: check ingest folds and pairs.sets in params.yaml"
        )
    pairs = pl.from_dicts(rows, schema_overrides={"truncated": pl.Boolean})
    leaks = count_leaks(pairs, held_out)
    if any(leaks.values()):
        raise LeakError(
            f"pretraining pairs share {leaks} with validation or test splits: "
            "give all records of a subject to one fold (ingest folds in params.yaml)"
        )
    figures = {
        "pairs": pairs.height,
        "train": pairs.filter(pl.col("split") == "train").height,
        "validation": pairs.filter(pl.col("split") == "validation").height,
        **{f"pairs_{name}": pairs.filter(pl.col("dataset") == name).height for name in settings.sets},
        "distinct_findings": pairs["findings"].n_unique(),
        "truncated": int(pairs["truncated"].sum()),
        "without_findings": clean.height - pairs.height,
        "duplicates_of_held_out": train.height - clean.height,
        **{f"leaked_{what}": count for what, count in leaks.items()},
    }
    return pairs.select(SCHEMA.names).to_arrow().cast(SCHEMA), figures


def count_leaks(pairs: pl.DataFrame, held_out: pl.DataFrame) -> dict[str, int]:
    """How many records, subjects and signals stand both in the pairs and in held-out splits; all must be 0."""
    record, subject = ["dataset", "record_id"], ["dataset", "subject_id"]
    return {
        "records": pairs.join(held_out.select(record).unique(), on=record, how="semi").height,
        "subjects": pairs.join(held_out.select(subject).unique(), on=subject, how="semi").height,
        "signals": pairs.join(held_out.select("signal_hash").unique(), on="signal_hash", how="semi").height,
    }


def _split(dataset: str, subject: str, validation_share: float) -> str:
    """Train or validation by the subject's hash: the same for all records of a subject, whatever else is in the cohort."""
    digest = hashlib.sha256(f"{dataset}/{subject}".encode()).digest()
    return "validation" if int.from_bytes(digest[:8], "big") < validation_share * 2**64 else "train"
