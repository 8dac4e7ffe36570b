"""The caption of each of some records, written by a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl
import torch
from tqdm import tqdm

from esi.ecg.signals import SignalStore, gather_millivolts
from esi.model.esi import ESI
from esi.settings.evaluation import Caption


def draw_records(texts: pl.DataFrame, dataset: str, most: int | None) -> pl.DataFrame:
    """At most so many records with the lowest SHA-256 of "dataset/record_id", in their order: fewer are part of more.

    Args:
        texts: of `record_texts`. most: None for all of them.
    """
    hashes = pl.Series([hashlib.sha256(f"{dataset}/{record}".encode()).hexdigest() for record in texts["record_id"]])
    return texts.filter(hashes.rank("ordinal") <= (texts.height if most is None else most))


def write_captions(
    model: ESI, store: SignalStore, records: Sequence[str], settings: Caption, batch_size: int, seed: int
) -> list[str]:
    """A caption for each record, as the model's tokenizer spells it. seed: of nucleus sampling."""
    captions: list[str] = []
    for start in tqdm(range(0, len(records), batch_size), desc="captions", unit="batch", leave=False):
        some = records[start : start + batch_size]
        ecg_BCT, valid_B = map(torch.from_numpy, gather_millivolts([(store, store.row_of[record]) for record in some]))
        captions += model.generate(
            ecg_BCT,
            valid_B,
            method=settings.method,
            beams=settings.beams,
            max_tokens=settings.max_tokens,
            seed=seed + start,
        )
    return captions


def spelled(model: ESI, texts: Sequence[str]) -> list[str]:
    """Texts as the model's tokenizer would spell them, cut where the model's texts end: in lower case, say, and "st - t"."""
    return model.text.decode(model.text.tokenize(texts)[0])
