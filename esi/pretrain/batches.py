"""Pairs -> batches of tensors: text views, tokens, known texts, lost leads, and the next batch made while one is computed.

Shapes: B batch, C leads, T samples, L tokens, H text tower's dimension, K the largest number of findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from esi.ecg.leads import LEADS
from esi.model.lead_subsets import apply, random_lead_mask
from esi.model.text_tower import TextTower
from esi.pretrain.known_texts import KnownTexts

MASKING = 3  # tells these draws from the sampler's and the steps', which have the same seed

Item = TypeVar("Item")


class Batches:
    """Batches of one split.

    Args:
        data: pairs (`esi.pairs.dataset.PairData`).
        views: the texts a pair can have.
        tower: for its tokenizer.
        tokens: whether batches hold tokens (captions, or a tower that learns).
        known: vectors of a frozen tower's texts, or None.
        mask_leads: share of the ECGs that lose leads; 0 for validation.
        seed: of which ECGs lose which leads.
    """

    def __init__(
        self,
        data: Any,
        views: Sequence[str],
        tower: TextTower,
        tokens: bool,
        known: KnownTexts | None,
        mask_leads: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.data, self.views, self.tower, self.tokens, self.known = data, list(views), tower, tokens, known
        self.mask_leads, self.seed = mask_leads, seed

    def batch(self, rows: Tensor, view_of_row: np.ndarray, epoch: int = 0) -> dict[str, Tensor]:
        """The tensors of some pairs, each with the text of the view that `view_of_row` [n] names by number.

        A pure function: the leads that a pair loses follow from the seed, the epoch and the pair alone, so they are the same
        in any batch and for any number of processes.

        Returns:
            ecg_BCT float32 millivolts, valid_B, number_B (int64 row numbers) and findings_BK (int32, -1 where none); ids_BL
            and mask_BL with `tokens`; text_BH with `known`.
        """
        ecg_BCT, valid_B = self.data.ecg(rows)
        if self.mask_leads > 0:
            ecg_BCT = apply(ecg_BCT, kept_leads(rows, self.seed, epoch, self.mask_leads))
        batch = {"ecg_BCT": ecg_BCT, "valid_B": valid_B, "number_B": rows, "findings_BK": self.data.findings[rows]}
        texts = [""] * len(rows)
        for number, view in enumerate(self.views):
            places = np.flatnonzero(view_of_row[rows.numpy()] == number)
            if len(places):
                for place, text in zip(places, self.data.texts(view, rows[torch.from_numpy(places)]), strict=True):
                    texts[place] = text
        if self.tokens:
            batch["ids_BL"], batch["mask_BL"] = self.tower.tokenize(texts)
        if self.known is not None:
            batch["text_BH"] = self.known(texts)
        return batch


def kept_leads(rows: Tensor, seed: int, epoch: int, share: float) -> Tensor:
    """Which leads pairs keep in an epoch, [B, C] bool, each pair by a draw of its own."""
    draws = [random_lead_mask(1, [seed, epoch, row, MASKING], share, LEADS) for row in rows.tolist()]
    return torch.cat(draws)


def ahead(made: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made in another thread while the one before is in use."""
    source = iter(made)
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(next, source, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, source, None)
            yield item
