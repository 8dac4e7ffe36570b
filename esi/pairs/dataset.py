"""The pairs as training reads them: signals and texts out of memory maps, texts by view, all by row number.

Legend: N pairs, K the largest number of findings of one pair, B batch, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from esi.ecg.signals import SignalStore, gather_millivolts, open_store
from esi.files import content_hash, json_hash
from esi.pairs.columns import PairColumns
from esi.settings.data import Signal


class Keys:
    """dataset/record of each pair, by row number."""

    def __init__(self, dataset: pa.ChunkedArray, record: pa.ChunkedArray) -> None:
        self._dataset, self._record = dataset, record

    def __len__(self) -> int:
        return len(self._record)

    def __getitem__(self, row: int) -> str:
        return f"{self._dataset[row]}/{self._record[row]}"

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))


class PairData:
    """All pairs of one split.

    Attributes:
        n: how many. keys: dataset/record of each.
        findings: int32 [N, K], numbers of each pair's findings in ascending order, -1 behind them: pairs that share
            findings are no true negatives of one another, whoever the subject is.
        fingerprint: changes with anything that training reads.
    """

    def __init__(self, columns: PairColumns, stores: dict[str, SignalStore], signal: Signal) -> None:
        """columns: the rows of data/pairs in their order; stores: the signals by data set."""
        self.n = columns.n
        self.keys = Keys(columns["dataset"], columns["record_id"])
        self.findings = torch.from_numpy(columns.findings_NK)
        self.fingerprint = content_hash(
            json_hash(signal.model_dump()), *(f"{name} {store.key}" for name, store in stores.items()), columns.key
        )
        self._columns = columns
        names = list(stores)
        self._store_of_N, self._place_of_N = np.zeros(self.n, np.int16), np.zeros(self.n, np.int32)
        row = 0
        for datasets, records in zip(columns["dataset"].chunks, columns["record_id"].chunks, strict=True):
            for dataset, record in zip(datasets.to_pylist(), records.to_pylist(), strict=True):
                self._store_of_N[row], self._place_of_N[row] = names.index(dataset), stores[dataset].row_of[record]
                row += 1
        self._stores = [replace(store, row_of={}) for store in stores.values()]  # no process keeps 660,000 ids

    def ecg(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Signals of the rows: float32 millivolts [B, 12, T] and their valid samples [B]."""
        places = [(self._stores[self._store_of_N[row]], self._place_of_N[row]) for row in rows.tolist()]
        ecg_BCT, valid_B = map(torch.from_numpy, gather_millivolts(places))
        return ecg_BCT, valid_B

    def texts(self, view: str, rows: torch.Tensor) -> list[str]:
        """Texts of the rows in one view: "full", "findings", or "descriptions" (findings where a pair has none)."""
        texts = self._values("text" if view == "full" else view, rows.tolist())
        bare = [place for place, text in enumerate(texts) if not text]
        for place, found in zip(bare, self._values("findings", [int(rows[place]) for place in bare]), strict=True):
            texts[place] = found
        return texts

    def _values(self, name: str, rows: list[int]) -> list[str]:
        column = self._columns[name]
        if rows and rows == list(range(rows[0], rows[0] + len(rows))):
            return column.slice(rows[0], len(rows)).to_pylist()
        return [column[row].as_py() for row in rows]


def load_pairs(pairs: Path, ecg_folder: Path, split: str, signal: Signal) -> PairData:
    """The pairs of one split ("train", "validation") with their signals.

    Args:
        pairs: data/pairs/pairs.parquet. ecg_folder: data/ecg, with one folder a data set.
        split: which pairs. signal: rate and filter of the signals.
    """
    columns = PairColumns(pairs, split)
    stores = {name: open_store(ecg_folder / name, signal) for name in sorted(columns["dataset"].unique().to_pylist())}
    return PairData(columns, stores, signal)
