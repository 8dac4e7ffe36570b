"""Collect every distinct statement of the ingested data sets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow as pa

from esi import params
from esi.ecg.ingest import table_paths
from esi.ecg.statements import KINDS, distinct
from esi.errors import run
from esi.files import write_json, write_table

SCHEMA = pa.schema(
    [("statement", pa.string()), ("kind", pa.string()), ("count", pa.int64()), ("sources", pa.list_(pa.string()))]
)


def main() -> None:
    sets = params.load().statements.sets
    paths = [path for name in sets for path in table_paths(Path("data/ecg") / name)]
    records = pl.scan_parquet(paths).select("dataset", "statements").explode("statements").drop_nulls().collect()
    rows = distinct(records.iter_rows())
    write_table("data/statements.parquet", pa.Table.from_pylist(rows, SCHEMA))
    kinds = Counter(row["kind"] for row in rows)
    figures = {"wordings": records["statements"].n_unique(), "distinct": len(rows), **{kind: kinds[kind] for kind in KINDS}}
    write_json("metrics/statements.json", figures)


if __name__ == "__main__":
    run(main)
