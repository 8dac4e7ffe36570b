"""ECG tables and descriptions in, one row a training pair out, with the proof that no evaluated record is among them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from tqdm import tqdm

from esi.ecg.signal_shape import same_recordings
from esi.ecg.tables import SCHEMA as TABLES
from esi.ecg.tables import identified, table_paths
from esi.errors import EsiError
from esi.pairs.text import CountTokens, compose
from esi.settings.pairs import Pairs

KEYS = ("dataset", "record_id", "subject_id", "people", "signal_hash", "signal_shapes")
TEXTS = pa.schema(  # all that a pair says; what shuffling exchanges
    [
        ("text", pa.string()),
        ("demographics", pa.string()),
        ("findings", pa.string()),
        ("descriptions", pa.string()),
        ("statements", pa.list_(pa.string())),  # the canonical findings one by one
        ("descriptions_truncated", pa.bool_()),
        ("findings_truncated", pa.bool_()),
    ]
)
SCHEMA = pa.schema(
    [
        *((name, TABLES.field(name).type) for name in KEYS),
        ("split", pa.string()),  # train, validation
        *TEXTS,
        ("shuffled", pa.bool_()),  # whether the texts are another pair's
    ]
)
HELD_OUT = ("validation", "test")  # the splits that evaluation reads
SLICE = 50_000  # records whose rows are Python objects at one time
SHUFFLE_SEED = 0


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

    A training record whose recording is also in a held-out split, at whatever rate or scale (`signal_shape`), is left out
    and counted: public sets hold a few duplicates.

    Args:
        records: `read_records` of the sets, the evaluated ones included: the proof needs them.
        descriptions: description by normalised statement.
        settings: which sets, which parts, how many pairs (`limit`), how many of them with another's text (`shuffle`).
        count_tokens: the text tower's token count.

    Returns:
        The table of pairs and plain figures for the metrics.

    Raises:
        LeakError: a subject is in the pairs and in a held-out split, be it of another set of the same release.
    """
    records = identified(records)
    held_out = records.filter(pl.col("split").is_in(HELD_OUT))
    train = records.filter((pl.col("split") == "train") & pl.col("dataset").is_in(settings.sets))
    clean = train.filter(~pl.Series(_held_out_signals(train, held_out)))
    composed = _compose(clean, descriptions if settings.descriptions else {}, settings, count_tokens)
    named = composed.filter(pl.col("findings") != "")
    if not named.height:
        raise EsiError(
            f"no record of {settings.sets} has a train fold and a finding: check ingest folds and pairs.sets in params.yaml"
        )
    pairs = shuffle(limit(named, settings.limit), settings.shuffled)
    leaks = count_leaks(pairs, held_out)
    if any(leaks.values()):
        raise LeakError(
            f"pretraining pairs share {leaks} with validation or test splits: "
            "give all records of a subject to one fold (ingest folds in params.yaml), the same in every set of one release; "
            "if two sets of your own name different people alike, give each an ingest.<set>.release of its own"
        )
    too_long = composed.filter((pl.col("findings") == "") & pl.col("findings_truncated")).height
    figures = {
        "pairs": pairs.height,
        "train": pairs.filter(pl.col("split") == "train").height,
        "train_before_limit": named.filter(pl.col("split") == "train").height,
        "validation": pairs.filter(pl.col("split") == "validation").height,
        **{f"pairs_{name}": pairs.filter(pl.col("dataset") == name).height for name in settings.sets},
        "shuffled": int(pairs["shuffled"].sum()),
        "distinct_findings": pairs["findings"].n_unique(),
        "truncated": pairs.filter(pl.col("descriptions_truncated") | pl.col("findings_truncated")).height,
        "truncated_descriptions": int(pairs["descriptions_truncated"].sum()),
        "truncated_findings": int(pairs["findings_truncated"].sum()),
        "without_findings": composed.height - named.height - too_long,
        "findings_too_long": too_long,
        "duplicates_of_held_out": train.height - clean.height,
        **{f"leaked_{what}": count for what, count in leaks.items()},
    }
    return pairs.select(SCHEMA.names).to_arrow().cast(SCHEMA), figures


def _compose(
    records: pl.DataFrame, descriptions: Mapping[str, str], settings: Pairs, count_tokens: CountTokens
) -> pl.DataFrame:
    """The records' keys, splits and texts; `findings` is "" where a record has none or not even the first one fits."""
    names = [*KEYS, "split", *TEXTS.names]
    parts = []
    with tqdm(total=records.height, desc="pairs", unit="pair") as bar:
        for part in records.iter_slices(SLICE):
            rows: list[tuple[Any, ...]] = []
            for record in part.iter_rows(named=True):
                age, sex = (record["age"], record["sex"]) if settings.demographics else (None, None)
                text = compose(age, sex, record["statements"], descriptions, count_tokens, settings.max_tokens)
                split = _split(record["dataset"], record["subject_id"], settings.validation_share)
                rows.append((*(record[name] for name in KEYS), split, *(getattr(text, name) for name in TEXTS.names)))
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            parts.append(pa.table(columns, pa.schema([SCHEMA.field(name) for name in names])))
            bar.update(part.height)
    empty = pa.schema([SCHEMA.field(name) for name in names]).empty_table()
    frame = pl.from_arrow(pa.concat_tables([empty, *parts]))
    assert isinstance(frame, pl.DataFrame)
    return frame


def limit(pairs: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """At most so many training pairs, those whose records have the lowest hashes, so that a smaller number is part of a
    larger (Fig. 5), whatever else is in the cohort. Validation pairs and the order of rows stay.
    """
    train = np.flatnonzero((pairs["split"] == "train").to_numpy())
    if most is None or most >= len(train):
        return pairs
    chosen = pairs[train].select("dataset", "record_id").iter_rows()
    order = np.argsort([hashlib.sha256(f"{dataset}/{record}".encode()).hexdigest() for dataset, record in chosen])
    left_out = np.zeros(pairs.height, bool)
    left_out[train[order[most:]]] = True
    return pairs.filter(pl.Series(~left_out))


def shuffle(pairs: pl.DataFrame, share: float) -> pl.DataFrame:
    """Exchange the texts of a share of the training pairs among them (Fig. 7): a random cycle, so that none keeps its own.

    The column `shuffled` marks them. Two records with the same findings may give each other the same text. Validation
    pairs stay true.
    """
    train = np.flatnonzero((pairs["split"] == "train").to_numpy())
    count = round(share * len(train))
    chosen = np.random.default_rng(SHUFFLE_SEED).permutation(train)[: count if count > 1 else 0]
    source = np.arange(pairs.height)
    source[chosen] = np.roll(chosen, 1)
    return pairs.with_columns(
        *pairs.select(TEXTS.names)[source].get_columns(), shuffled=pl.Series(source != np.arange(pairs.height))
    )


def count_leaks(pairs: pl.DataFrame, held_out: pl.DataFrame) -> dict[str, int]:
    """How many records, subjects and signals stand both in the pairs and in held-out splits; all must be 0."""
    record = ["dataset", "record_id"]
    people = held_out.select("people").explode("people").unique()
    return {
        "records": pairs.join(held_out.select(record).unique(), on=record, how="semi").height,
        "subjects": pairs.select("people")
        .with_row_index()
        .explode("people")
        .join(people, on="people", how="semi")["index"]
        .n_unique(),
        "signals": int(_held_out_signals(pairs, held_out).sum()),
    }


def _held_out_signals(records: pl.DataFrame, held_out: pl.DataFrame) -> np.ndarray:
    """Which records' recordings are held out, bool [N]: the very signal, or one of the same shape."""
    very = records["signal_hash"].is_in(held_out["signal_hash"].implode()).to_numpy()
    alike, _ = same_recordings(records["signal_shapes"].to_list(), held_out["signal_shapes"].to_list())
    return np.asarray(very | alike)


def _split(dataset: str, subject: str, validation_share: float) -> str:
    """Train or validation by the subject's hash: the same for all records of a subject, whatever else is in the cohort."""
    digest = hashlib.sha256(f"{dataset}/{subject}".encode()).digest()
    return "validation" if int.from_bytes(digest[:8], "big") < validation_share * 2**64 else "train"
