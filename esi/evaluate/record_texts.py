"""The texts of evaluated records, which retrieval looks for and captions are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from esi.errors import EsiError
from esi.model import export
from esi.model.config import Config
from esi.pairs.text import compose, distinct_findings
from esi.pairs.tokens import token_counter

SCHEMA = {
    "record_id": pl.String(),
    "subject_id": pl.String(),
    "text": pl.String(),
    "statements": pl.List(pl.String()),
}


def record_texts(records: pl.DataFrame, descriptions: Mapping[str, str], model: Path | str) -> pl.DataFrame:
    """The records that have a finding, each with its text and all of its canonical findings.

    Texts are composed as pretraining texts are, within the tokens that the model reads, but without age and sex: a text
    that begins with "A 63-year-old male." is found by the man's age, whatever the ECG shows, and hardly any two texts
    would be the same.

    Args:
        records: of `EcgSet.of`.
        descriptions: by normalised statement; empty where pretraining had none.
        model: folder of an export, or its id on the Hub, for its tokenizer and its longest text.

    Returns:
        record_id, subject_id, text, statements; in the order of the records.

    Raises:
        EsiError: no record has a finding, or the model reads no texts.
    """
    folder = export.located(model)
    config = export.read_config(folder)
    if not isinstance(config, Config):
        raise export.of_another_class(folder, config, "one that reads texts")
    longest = config.max_tokens
    count_tokens = token_counter(str(folder / export.TEXT))
    rows = []
    for record, subject, statements in records.select("record_id", "subject_id", "statements").iter_rows():
        text = compose(None, None, statements, descriptions, count_tokens, longest).text
        if text:
            rows.append((record, subject, text, distinct_findings(statements)))
    if not rows:
        raise EsiError(
            f"none of {records.height} test records has a finding, and so none has a text: give the set test folds "
            "(ingest.<set>.folds.test in params.yaml), or take it out of retrieval.sets and caption.sets"
        )
    return pl.DataFrame(rows, SCHEMA, orient="row")
