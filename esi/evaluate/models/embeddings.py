"""What somebody else's model makes of whole records: one Parquet file a model, its name that of the model.

Columns: record_id, embedding (as many numbers in every row) and, where two sets call records alike, dataset. A file is read
whole: 660,000 records of 768 numbers are 2 GB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from esi.errors import EsiError
from esi.evaluate.models.registry import MODELS

NAME = re.compile(r"[a-z][a-z0-9_-]*")
_METRIC_KEYS = {"metric", "value", "low", "high", "n_test"}  # of metrics/<protocol>/<task>.json
_COLUMNS = {"class", "positives", "threshold", "auroc", "auroc_low", "auroc_high", "auprc", "f1", "brier", "ece"}
RESERVED = {*_METRIC_KEYS, *_COLUMNS, *MODELS}  # what stands beside the models' names


class NotEmbedded(EsiError):
    """A file has not one record of a data set."""


class Embeddings:
    """One model's.

    Args:
        path: <name>.parquet.

    Raises:
        EsiError: its name is another model's or none, or the file lacks a column, holds one record twice, rows of different
            widths, or a number that is not finite.
    """

    def __init__(self, path: Path) -> None:
        self.name, self.path = path.stem, path
        if not NAME.fullmatch(self.name) or self.name in RESERVED:
            raise EsiError(
                f"{path}: a model of embeddings is called by its file's name, in small letters, digits, _ and -, and not "
                f"like another model or a figure ({', '.join(sorted(RESERVED))}): rename it"
            )
        table = self._read()
        self._keyed = "dataset" in table.columns
        keys = table.select("dataset", "record_id") if self._keyed else table.select("record_id")
        if keys.is_duplicated().any():
            first = "/".join(keys.filter(keys.is_duplicated()).row(0))
            raise EsiError(
                f"{path} holds record {first} twice: keep one row each, or add a column dataset that tells them apart"
            )
        self._row_of = {key: row for row, key in enumerate(keys.iter_rows())}
        self._set_of: dict[str, str] = {}  # where there is no column dataset: whose record each was taken for
        self._vectors_ND = self._vectors(table)

    def of(self, dataset: str, records: Sequence[str]) -> np.ndarray:
        """The embeddings [N, D] float32 of some records of a data set, in their order.

        Raises:
            NotEmbedded: it has none of them.
            EsiError: it lacks some, or has no column dataset and another set has a record that is called alike.
        """
        keys = [(dataset, record) if self._keyed else (record,) for record in records]
        absent = [record for record, key in zip(records, keys, strict=True) if key not in self._row_of]
        if records and len(absent) == len(records):
            raise NotEmbedded(f"{self.path} holds no record of {dataset}")
        if absent:
            raise EsiError(
                f"{self.path} lacks {len(absent)} of {len(records)} records of {dataset}, first {absent[0]}: embed "
                f"every record of data/ecg/{dataset}, or none of it; if the others are of another set, add a column dataset"
            )
        if not self._keyed:
            for record in records:
                other = self._set_of.setdefault(record, dataset)
                if other != dataset:
                    raise EsiError(
                        f"{self.path} has no column dataset, and record {record} is one of {other} and one of {dataset}: "
                        "add the column"
                    )
        return self._vectors_ND[[self._row_of[key] for key in keys]]

    def _read(self) -> pl.DataFrame:
        try:
            table = pl.read_parquet(self.path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise EsiError(f"{self.path} cannot be read as Parquet ({error}): write it again") from None
        absent = sorted({"record_id", "embedding"} - set(table.columns))
        if absent:
            raise EsiError(f"{self.path} has no column {', '.join(absent)}: it has {', '.join(table.columns)}")
        texts = [name for name in ("dataset", "record_id") if name in table.columns]
        nulls = [name for name in (*texts, "embedding") if table[name].null_count()]
        if nulls or not table.height:
            raise EsiError(f"{self.path} has {f'rows without {nulls[0]}' if nulls else 'no row'}: write it again")
        return table.with_columns(pl.col(texts).cast(pl.String))

    def _vectors(self, table: pl.DataFrame) -> np.ndarray:
        kind = table.schema["embedding"]
        if not isinstance(kind, pl.List | pl.Array) or not (kind.inner is not None and kind.inner.is_numeric()):
            raise EsiError(f"{self.path}: the column embedding holds {kind}, not lists of numbers: write it again")
        lists = table["embedding"].cast(pl.List(pl.Float32)) if isinstance(kind, pl.Array) else table["embedding"]
        widths = lists.list.len()
        if widths.n_unique() > 1 or not widths[0]:
            other = int((widths != widths[0]).arg_max() or 0)
            raise EsiError(
                f"{self.path}: record {table['record_id'][other]} has {widths[other]} numbers, the first one {widths[0]}: "
                "every embedding has the same width, above 0"
            )
        vectors_ND = lists.explode().cast(pl.Float32).fill_null(float("nan")).to_numpy().reshape(table.height, -1)
        bad_N = ~np.isfinite(vectors_ND).all(axis=1)
        if bad_N.any():
            first = table["record_id"][int(bad_N.argmax())]
            raise EsiError(f"{self.path}: {bad_N.sum()} embeddings are not finite, first that of record {first}: mend them")
        return vectors_ND


def read_embeddings(folder: Path) -> list[Embeddings]:
    """Those of every Parquet file in a folder (`evaluate.embeddings`), by name.

    Raises:
        EsiError: the folder is not there, or a file cannot be used.
    """
    if not folder.is_dir():
        raise EsiError(f"evaluate.embeddings: {folder} is no folder: make it, or set it back to data/embeddings")
    return [Embeddings(path) for path in sorted(folder.glob("*.parquet"))]


def unproven_embeddings(embeddings: Sequence[Embeddings]) -> dict[str, str]:
    """Why nobody knows whether their figures are those of a fair test, by name."""
    return {one.name: f"{one.path} does not say whose ECGs its model was trained on" for one in embeddings}
