"""No test on what the model was trained on: folds may have been changed, or a set added, since it was pretrained."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from esi.errors import EsiError
from esi.model.esi import ESI
from esi.model.manifest import SIGNAL, SUBJECT, among, signal_keys, subject_keys

HELD_OUT = ("test", "validation")  # thresholds and penalties are chosen on validation records


class ContaminationError(EsiError):
    """The model was trained on what it is to be evaluated on, or does not say what it was trained on."""


def refuse_contaminated(model: ESI, folder: Path, dataset: str, records: pl.DataFrame) -> None:
    """Stop where a model has seen a subject or a very signal of a data set's test or validation records.

    A signal is recognised in whatever data set it was trained on, if ingest read it at the same rate; a subject within the
    data set of the same name alone.

    Args:
        model: the pretrained model. folder: where it lies, for the message.
        dataset: whose records these are. records: columns record_id, subject_id, signal_hash, split.

    Raises:
        ContaminationError: it has, or the model has no manifest.
    """
    if model.trained_on is None:
        raise ContaminationError(
            f"{folder} does not say whose ECGs it was trained on, so that nobody knows whether {dataset} is a fair test: "
            "pretrain it anew with this version (dvc repro -f pretrain), which writes training.parquet beside the weights"
        )
    for split in HELD_OUT:
        held_out = records.filter(pl.col("split") == split)
        names = held_out["subject_id"].to_list()
        seen = held_out.with_columns(
            person=pl.Series(
                among(model.trained_on, SUBJECT, subject_keys([dataset] * len(names), names)), dtype=pl.Boolean
            ),
            signal=pl.Series(among(model.trained_on, SIGNAL, signal_keys(held_out["signal_hash"])), dtype=pl.Boolean),
        ).filter(pl.col("person") | pl.col("signal"))
        if seen.height:
            people, signals = seen.filter("person")["subject_id"].n_unique(), seen.filter("signal").height
            raise ContaminationError(
                f"{folder} was trained on {people} subjects and {signals} signals of {dataset}'s {split} "
                f"records (record {seen['record_id'][0]}, for example), so that its figures there would prove nothing: "
                f"pretrain it anew with these folds, or set ingest.{dataset}.folds back to those that it was trained with"
            )
