"""Ten folds for releases that publish none: by subject, stratified, and the same on every machine."""

from __future__ import annotations

import hashlib

import polars as pl

FOLDS = 10


def assign_folds(entries: pl.DataFrame) -> pl.Series:
    """The fold (1..10) of each entry as int16: the release's own where it has one, otherwise stratified by the subject's
    rarest label.

    Subjects are grouped by the label (code, else statement) of theirs that is rarest in the set (by records; the first by
    name of equally rare ones), ordered inside a group by the hash of their id, and dealt out one by one, so that each fold
    gets its share of every group; subjects without a label come last. The order of the records does not matter.
    """
    if entries["fold"].null_count() == 0:
        return entries["fold"]
    labels = pl.when(pl.col("codes").list.len() > 0).then("codes").otherwise("statements").list.unique()
    labelled = entries.lazy().select("subject_id", label=labels).explode("label").drop_nulls("label")
    ranks = labelled.group_by("label").len().sort("len", "label").with_row_index("rank").select("label", "rank")
    rarest = labelled.join(ranks, on="label").group_by("subject_id").agg(pl.col("rank").min())
    subjects = entries.lazy().select(pl.col("subject_id").unique()).join(rarest, on="subject_id", how="left").collect()
    digests = [hashlib.sha256(subject.encode()).digest() for subject in subjects["subject_id"]]
    dealt = (
        subjects.with_columns(digest=pl.Series(digests, dtype=pl.Binary))
        .sort("rank", "digest", nulls_last=True)
        .select("subject_id", dealt=(pl.int_range(pl.len()) % FOLDS + 1).cast(pl.Int16))
    )
    joined = entries.select("subject_id", "fold").join(dealt, on="subject_id", how="left", maintain_order="left")
    return joined.select(fold=pl.col("fold").fill_null(pl.col("dealt")))["fold"]
