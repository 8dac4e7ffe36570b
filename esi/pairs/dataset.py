"""The pairs as training reads them: signals out of memory maps, texts by view, all by row number.

Legend: N pairs, B batch, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch

from esi.files import content_hash, json_hash
from esi.pairs.store import SignalStore, open_store
from esi.settings.data import Signal

MILLIVOLTS = 1e-3  # of the stored microvolts


class PairData:
    """All pairs of one split."""

    def __init__(self, pairs: pl.DataFrame, stores: dict[str, SignalStore], signal: Signal):
        """pairs: rows of data/pairs in their order; stores: the signals by data set."""
        self.n = pairs.height
        self.keys = [f"{dataset}/{record}" for dataset, record in pairs.select("dataset", "record_id").iter_rows()]
        # Pairs with the same findings are positives of one another in the contrastive loss, whoever the subject is.
        numbers = {text: number for number, text in enumerate(pairs["findings"].unique(maintain_order=True))}
        self.groups = torch.tensor([numbers[text] for text in pairs["findings"]], dtype=torch.int64)
        self._texts = {
            "full": pairs["text"].to_list(),
            "findings": pairs["findings"].to_list(),
            "descriptions": [body or found for body, found in pairs.select("descriptions", "findings").iter_rows()],
        }
        self._stores = stores
        self._places = [
            (dataset, stores[dataset].row_of[record]) for dataset, record in pairs.select("dataset", "record_id").iter_rows()
        ]
        self.fingerprint = content_hash(
            json_hash(signal.model_dump()), *(store.key for store in stores.values()), *self.keys, *self._texts["full"]
        )

    def ecg(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Signals of the rows: float32 millivolts [B, 12, T] and their valid samples [B]."""
        return gather_signals(
            [(self._stores[dataset], row) for dataset, row in (self._places[index] for index in rows.tolist())]
        )

    def texts(self, view: str, rows: torch.Tensor) -> list[str]:
        """Texts of the rows in one view: "full", "findings", or "descriptions" (findings where a pair has none)."""
        texts = self._texts[view]
        return [texts[row] for row in rows.tolist()]


def gather_microvolts(places: Sequence[tuple[SignalStore, int]]) -> np.ndarray:
    """Records out of their stores: int16 microvolts [B, 12, T], as stored."""
    first = places[0][0].signals_NCT
    signals_BCT = np.empty((len(places), *first.shape[1:]), first.dtype)
    for place, (store, row) in enumerate(places):
        signals_BCT[place] = store.signals_NCT[row]
    return signals_BCT


def gather_signals(places: Sequence[tuple[SignalStore, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Records out of their stores: float32 millivolts [B, 12, T] and valid samples [B]."""
    valid = torch.tensor([int(store.valid_N[row]) for store, row in places])
    return torch.from_numpy(gather_microvolts(places)) * MILLIVOLTS, valid


def load_pairs(pairs_folder: Path, ecg_folder: Path, split: str, signal: Signal) -> PairData:
    """The pairs of one split ("train", "validation") with their signals.

    Args:
        pairs_folder: data/pairs. ecg_folder: data/ecg, with one folder a data set.
        split: which pairs. signal: rate and filter of the signals.
    """
    pairs = pl.read_parquet(pairs_folder / "pairs.parquet").filter(pl.col("split") == split)
    stores = {name: open_store(ecg_folder / name, signal) for name in pairs["dataset"].unique().sort()}
    return PairData(pairs, stores, signal)
