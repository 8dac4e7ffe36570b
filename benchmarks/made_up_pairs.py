"""Made-up pairs of stated sizes for the speed of training: signals in a memory map as training reads them, texts of words.

Legend: N pairs, B batch, C leads, T samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esi.ecg.leads import LEADS
from esi.ecg.signals import SignalStore, gather_millivolts


class MadeUpPairs:
    """What `esi.pairs.dataset.PairData` offers. No two pairs say the same.

    Args:
        folder: where the memory map is written.
        n: pairs. samples: of each signal.
        tokenizer: each word of the texts is one token of it.
        tokens: fewest and most tokens of a text, [CLS] and [SEP] counted.
    """

    def __init__(self, folder: Path, n: int, samples: int, tokenizer: Any, tokens: tuple[int, int]) -> None:
        rng = np.random.default_rng(0)
        self.n = n
        self.keys = [f"made-up/{row}" for row in range(n)]
        self.findings = torch.arange(n, dtype=torch.int32)[:, None]
        self.fingerprint = f"made-up {n} {samples} {tokens}"
        path = folder / "signals.npy"
        signals_NCT = np.lib.format.open_memmap(path, "w+", "<i2", (n, len(LEADS), samples))
        for row in range(n):
            signals_NCT[row] = rng.integers(-1000, 1000, signals_NCT.shape[1:], np.int16)
        signals_NCT.flush()
        self._store = SignalStore(np.load(path, mmap_mode="r"), np.full(n, samples), {}, "made-up")
        words = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha() and word.islower())
        lengths = rng.integers(tokens[0] - 2, tokens[1] - 2, n, endpoint=True)
        self._texts = [" ".join(rng.choice(words, length)) for length in lengths]

    def ecg(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """float32 millivolts [B, C, T] and valid samples [B], out of the memory map."""
        ecg_BCT, valid_B = map(torch.from_numpy, gather_millivolts([(self._store, row) for row in rows.tolist()]))
        return ecg_BCT, valid_B

    def texts(self, view: str, rows: Tensor) -> list[str]:
        """The one text of each row, whatever the view."""
        return [self._texts[row] for row in rows.tolist()]
