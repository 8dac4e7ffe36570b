"""How often each label of a data set occurs: its codes, and its statements in their normal wording."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl

from esi.datasheet.counts import SPLITS, read_columns
from esi.ecg.reference import scp_statements, snomed_descriptions
from esi.ecg.statements.kinds import kind_of
from esi.ecg.statements.wording import normalise

COLUMNS = ("type", "label", "name", "records", "share", *SPLITS)


def label_frequencies(folder: Path) -> pl.DataFrame:
    """The labels of an ingested data set, codes first, the commonest first, equal ones by label.

    Returns:
        One row a label: type ("code", or the kind of a statement: "finding", "remark", ...), label, name (of a code;
        null where the code tables lack it, and for statements, which are their own), records, share (of all records) and
        the records of each split.
    """
    records = read_columns(folder, ["split", "codes", "statements"]).filter("first_of_record").with_row_index("record")
    wordings = records.select(text=pl.col("statements").explode()).drop_nulls().unique().collect(engine="streaming")["text"]
    normal = pl.LazyFrame(
        {"text": wordings, "label": [normalise(text) for text in wordings]}, {"text": pl.String, "label": pl.String}
    ).filter(pl.col("label") != "")
    codes = records.select("record", "split", label="codes").explode("label").drop_nulls("label")
    statements = records.select("record", "split", text="statements").explode("text").join(normal, on="text")
    total = records.select(pl.len()).collect(engine="streaming").item()
    return (
        pl.concat(
            [
                _by_split(codes).with_columns(type=pl.lit("code"), name=_mapped(_code_name)),
                _by_split(statements).with_columns(type=_mapped(kind_of), name=pl.lit(None, pl.String)),
            ],
            how="diagonal",
        )
        .with_columns(share=(pl.col("records") / total).round(6))
        .sort([pl.col("type") != "code", pl.col("records"), pl.col("label")], descending=[False, True, False])
        .select(COLUMNS)
    )


def unlabelled(folder: Path) -> int:
    """How many records have neither a code nor a statement."""
    empty = (pl.col("codes").list.len() == 0) & (pl.col("statements").list.len() == 0)
    records = read_columns(folder, ["codes", "statements"]).filter("first_of_record")
    return int(records.select(empty.sum()).collect(engine="streaming").item())


def shown(labels: pl.DataFrame) -> pl.DataFrame:
    """The labels that the page and the picture show: the set's codes, or its findings where it has no codes.

    The statements of a set with codes are the codes' own descriptions.
    """
    codes = labels.filter(pl.col("type") == "code")
    return codes if len(codes) else labels.filter(pl.col("type") == "finding")


def _by_split(long: pl.LazyFrame) -> pl.DataFrame:
    """Records by label: in all, and in each split. A record that has a label twice counts once."""
    once = long.with_columns(pl.col("label").cast(pl.Categorical)).unique(["record", "label"])
    return (
        once.group_by("label")
        .agg(records=pl.len(), **{split: (pl.col("split") == split).sum().cast(pl.UInt32) for split in SPLITS})
        .collect(engine="streaming")
        .with_columns(pl.col("label").cast(pl.String))
    )


def _mapped(name: Callable[[str], str | None]) -> pl.Expr:
    return pl.col("label").map_elements(name, return_dtype=pl.String)


@cache
def _code_name(code: str) -> str | None:
    scp = scp_statements().get(code)
    return scp.description if scp else snomed_descriptions().get(code)
