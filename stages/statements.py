"""Collect every distinct statement of the ingested data sets, in its canonical wording, and what it says."""

from __future__ import annotations

import sys

import polars as pl
import pyarrow as pa

from esi import params
from esi.command import run
from esi.ecg.statements.folding import count_statements, fold, write_folding, write_unmapped
from esi.ecg.statements.share import refuse_foreign, unmapped_share
from esi.ecg.tables import table_paths
from esi.files import write_json, write_table
from esi.paths import ECG, METRICS, STATEMENTS

SCHEMA = pa.schema(
    [
        ("statement", pa.string()),
        ("kind", pa.string()),
        ("count", pa.int64()),
        ("sources", pa.list_(pa.string())),
        ("wordings", pa.list_(pa.string())),
        ("concepts", pa.list_(pa.string())),  # that it says for sure; probably; possibly
        ("probable", pa.list_(pa.string())),
        ("possible", pa.list_(pa.string())),
    ]
)


def main() -> None:
    settings = params.load()
    sets = settings.statements.sets
    paths = [path for name in sets for path in table_paths(ECG / name)]
    wordings = pl.scan_parquet(paths).select("dataset", "statements").explode("statements").drop_nulls()
    counted = wordings.group_by("dataset", "statements").len().collect(engine="streaming")
    statements = fold(counted.iter_rows())
    for dataset in sets:
        own = fold(counted.filter(pl.col("dataset") == dataset).iter_rows())
        refuse_foreign(dataset, own, settings.ingest[dataset].label_map is not None)
        if said := unmapped_share(own):
            print(f"statements: {dataset}: {said}", file=sys.stderr)
    write_table(STATEMENTS, pa.Table.from_pylist([each.row for each in statements], SCHEMA))
    write_json(METRICS / "statements.json", count_statements(statements))
    write_folding(METRICS / "statements/folding.csv", statements)
    write_unmapped(METRICS / "statements/unmapped.csv", statements)


if __name__ == "__main__":
    run(main)
