"""Pairs -> batches of tensors: text views, tokens, known texts, lost leads.

Legend: B batch, C leads, T samples, L tokens, H text tower's dimension, K the largest number of findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esi.ecg.leads import LEADS
from esi.model.lead_subsets import apply, random_lead_mask
from esi.model.text_tower import TextTower
from esi.pretrain.known_texts import KnownTexts
from esi.settings.learning import Train
from esi.train import sampler
from esi.train.batches import Batch
from esi.train.launch import Launch

MASKING = 3  # tells these draws from the sampler's and the steps', which have the same seed


class PairTensors:
    """Pairs of one split as tensors.

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


class TrainingShares:
    """What every method's batches have in common: whose rows are in this process's share of a step's batch.

    Args:
        data: pairs (`esi.pairs.dataset.PairData`).
        train: batch_size, accumulate, seed.
        launch: which share is this process's.

    Raises:
        EsiError: the batch cannot be shared evenly.
    """

    def __init__(self, data: Any, train: Train, launch: Launch) -> None:
        self.data, self.train = data, train
        self._rank, self._world = launch.rank, launch.world
        self.per_epoch = sampler.steps_per_epoch(data.n, train.batch_size)
        self.rows(0, 0)

    def rows(self, epoch: int, inner: int) -> Tensor:
        """The rows of this process's share, of a step of an epoch."""
        train = self.train
        return sampler.batch_rows(
            self.data.n, train.batch_size, train.seed, epoch, inner, self._rank, self._world, train.accumulate
        )

    def names(self, rows: Tensor) -> list[str]:
        return [self.data.keys[row] for row in rows.tolist()]


class PairBatches(TrainingShares):
    """The batches of ECGs and texts.

    Args:
        tensors: what makes tensors of rows.
    """

    def __init__(self, tensors: PairTensors, train: Train, launch: Launch) -> None:
        super().__init__(tensors.data, train, launch)
        self._tensors = tensors
        self._views = (-1, views_of(0, 1, train.seed, 0))  # of an epoch

    def batch(self, step: int) -> Batch:
        epoch, inner = divmod(step, self.per_epoch)
        if self._views[0] != epoch:
            self._views = (epoch, views_of(self.data.n, len(self.train.text_views), self.train.seed, epoch))
        rows = self.rows(epoch, inner)
        parts = [self._tensors.batch(part, self._views[1], epoch) for part in rows.chunk(self.train.accumulate)]
        tokens = sum(int(part["mask_BL"].sum()) for part in parts if "mask_BL" in part)
        return Batch(parts, rows, {"samples": len(rows), "tokens": tokens})


def kept_leads(rows: Tensor, seed: int, epoch: int, share: float) -> Tensor:
    """Which leads pairs keep in an epoch, [B, C] bool, each pair by a draw of its own."""
    draws = [random_lead_mask(1, [seed, epoch, row, MASKING], share, LEADS) for row in rows.tolist()]
    return torch.cat(draws)


def views_of(n: int, views: int, seed: int, epoch: int) -> np.ndarray:
    """Which of `views` texts each of n pairs uses in an epoch, int64 [n]."""
    return np.random.default_rng([seed, epoch, 1]).integers(views, size=n)
