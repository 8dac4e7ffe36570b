"""Captions that cost no captioner: what everybody has, and what the nearest pretraining ECG has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from esi.errors import EsiError
from esi.evaluate.pretraining_sample import PretrainingSample
from esi.model.ecg_model import EcgModel
from esi.settings.data import Signal

POOL = 5_000  # pretraining pairs that are candidates for the nearest: they are encoded for this alone


def commonest_findings(pairs: Path) -> str:
    """The findings sentence that most training pairs have; of equals, the first by the alphabet.

    Args:
        pairs: data/pairs/pairs.parquet.

    Raises:
        EsiError: there is no training pair.
    """
    counts = pl.scan_parquet(pairs).filter(pl.col("split") == "train").group_by("findings").len()
    first = counts.sort(["len", "findings"], descending=[True, False]).head(1).collect()
    if first.is_empty():
        raise EsiError(f"{pairs} has no training pair: run the pairs stage again")
    return str(first["findings"][0])


class NearestText:
    """Captioning by retrieval: the text, without age and sex, of the training pair with the nearest ECG.

    Of 660,000 pairs at most POOL are candidates, one a subject, drawn by the hashes of their names.

    Args:
        pairs: data/pairs/pairs.parquet. ecg_folder: data/ecg.
        batch_size: records that are encoded at a time.
    """

    def __init__(self, pairs: Path, ecg_folder: Path, signal: Signal, batch_size: int) -> None:
        self._sample = PretrainingSample(pairs, ecg_folder, signal, POOL, batch_size)
        key = ["dataset", "record_id"]
        texts = pl.scan_parquet(pairs).select(*key, "findings", "descriptions")
        self._pool = self._sample.records.lazy().join(texts, on=key, how="left", maintain_order="left").collect()

    def __call__(self, model: EcgModel, key: str, z_NE: np.ndarray) -> list[str]:
        """A text for each ECG of a test set, by its embedding. model, key: of a candidate, that gave the embeddings."""
        nearest_N = (z_NE @ self._sample.encode(model, key).z_NE.T).argmax(axis=1)
        chosen = self._pool[nearest_N]
        return [f"{named} {body}".strip() for named, body in chosen.select("findings", "descriptions").iter_rows()]
