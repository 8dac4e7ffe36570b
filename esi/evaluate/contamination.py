"""No test on what the model was trained on: folds may have been changed, or a set added, since it was pretrained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from esi.ecg.signal_shape import same_recordings
from esi.ecg.tables import identified
from esi.errors import EsiError
from esi.model.ecg_model import EcgModel
from esi.model.manifest import SHAPE, SIGNAL, SUBJECT, among, by_release, keys, of

HELD_OUT = ("test", "validation")  # thresholds and penalties are chosen on validation records


class ContaminationError(EsiError):
    """The model was trained on what it is to be evaluated on, or does not say what it was trained on."""


def unproven(model: EcgModel, folder: Path | str) -> str | None:
    """Why nobody knows what a model was trained on, in words; None where its manifest says it."""
    if model.trained_on is None:
        return f"{folder} does not say whose ECGs it was trained on"
    if not by_release(model.trained_on):
        return f"{folder} says whose ECGs it was trained on by the names of the data sets alone, as an earlier version did"
    return None


def refuse_contaminated(model: EcgModel, folder: Path | str, dataset: str, records: pl.DataFrame) -> None:
    """Stop where a model has seen a subject or a very signal of a data set's test or validation records.

    Both are recognised under whatever name, in whatever layout and at whatever rate they were trained on: a subject by its
    release (`esi.ecg.identity`), a signal by its hash or its shape (`esi.ecg.signal_shape`).

    Args:
        model: the pretrained model. folder: where it lies, for the message.
        dataset: whose records these are. records: columns record_id, subject_id, people, signal_hash, signal_shapes, split.

    Raises:
        ContaminationError: it has, or the model has no manifest or one of an earlier version.
    """
    if reason := unproven(model, folder):
        raise ContaminationError(
            f"{reason}, so that nobody knows whether {dataset} is a fair test: pretrain it anew with this version "
            "(dvc repro -f pretrain), which writes training.parquet beside the weights"
        )
    assert model.trained_on is not None
    shapes = of(model.trained_on, SHAPE).to_pylist()
    records = identified(records.with_columns(dataset=pl.lit(dataset)))
    for split in HELD_OUT:
        held_out = records.filter(pl.col("split") == split)
        people = held_out.select("people").with_row_index().explode("people")
        of_known = people.filter(pl.Series(among(model.trained_on, SUBJECT, keys(people["people"])), dtype=pl.Boolean))
        signals = np.array(among(model.trained_on, SIGNAL, keys(held_out["signal_hash"])), bool)
        signals |= same_recordings(shapes, held_out["signal_shapes"].to_list())[1]
        seen = held_out.with_columns(
            person=pl.int_range(pl.len()).is_in(of_known["index"].unique().implode()), signal=pl.Series(signals)
        ).filter(pl.col("person") | pl.col("signal"))
        if seen.height:
            subjects, heard = seen.filter("person")["subject_id"].n_unique(), seen.filter("signal").height
            raise ContaminationError(
                f"{folder} was trained on {subjects} subjects and {heard} signals of {dataset}'s {split} "
                f"records (record {seen['record_id'][0]}, for example), so that its figures there would prove nothing: "
                f"pretrain it anew with these folds, or set ingest.{dataset}.folds back to those that it was trained with; "
                f"if they are other people whose ids agree by chance, give ingest.{dataset}.release a name of its own"
            )
