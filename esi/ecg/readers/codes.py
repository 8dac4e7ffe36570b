"""From a release's codes to statements, by the reference tables in data/reference."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl


def with_statements(entries: pl.DataFrame, descriptions: Mapping[str, str], table: str, root: Path) -> pl.DataFrame:
    """The entries with the description of each code as a statement.

    A code that the table does not know stays among the codes and gives no statement; how many records that concerns is
    said on stderr.

    Args:
        entries: a table of entries.
        descriptions: of the known codes.
        table: the name of the table that they come from, for the message.
        root: the data set's folder, for the message.
    """
    known = pl.element().replace_strict(dict(descriptions), default=None, return_dtype=pl.String)
    entries = entries.with_columns(statements=pl.col("codes").list.eval(known.drop_nulls()))
    unknown = (
        entries.lazy()
        .select(code=pl.col("codes").list.unique())
        .explode("code")
        .filter(pl.col("code").is_not_null() & ~pl.col("code").is_in(list(descriptions)))
        .group_by("code")
        .len()
        .sort("len", "code", descending=[True, False])
        .collect()
    )
    if unknown.height:
        examples = ", ".join(f"{code} ({count} records)" for code, count in unknown.head(5).iter_rows())
        print(
            f"{root}: {unknown.height} codes are not in data/reference/{table} and give no statement, the commonest: "
            f"{examples}; they stay in the codes of their records",
            file=sys.stderr,
        )
    return entries
