"""Pairs -> batches of tensors: text views, tokens, texts known in advance, and loading the next batch while one is computed.

Shapes: B batch, C leads, T samples, L tokens, H text tower's dimension, U distinct texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from esi.model.text_tower import TextTower
from esi.pretrain.gather import gather_rows, processes

ENCODE_BATCH = 64

Item = TypeVar("Item")


class KnownTexts:
    """Pooled vectors of all texts of a frozen tower, computed once (LiT, Zhai et al. 2022): it then costs nothing a step.

    Texts are shared out over the processes, and each batch holds texts of about the same length.
    """

    def __init__(self, texts: Iterable[str], tower: TextTower, bf16: bool, rank: int) -> None:
        device = next(tower.parameters()).device
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        self.row_of = {text: row for row, text in enumerate(distinct)}
        world = processes()
        share = -(-len(distinct) // world)
        mine = distinct[rank * share : (rank + 1) * share]
        vectors = torch.zeros(share, tower.dim, device=device)
        bar = tqdm(total=len(mine), desc="encoding texts", unit="text", disable=rank > 0, mininterval=1)
        with bar, torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            for start in range(0, len(mine), ENCODE_BATCH):
                chunk = mine[start : start + ENCODE_BATCH]
                ids_BL, mask_BL = tower.tokenize(chunk)
                vectors[start : start + len(chunk)] = tower(ids_BL.to(device), mask_BL.to(device))
                bar.update(len(chunk))
        self.vectors_UH = gather_rows(vectors)[: len(distinct)].cpu()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """[B, H] of texts among those given at the start."""
        return self.vectors_UH[[self.row_of[text] for text in texts]]


class Batches:
    """Batches of one split.

    Args:
        data: pairs (`esi.pairs.dataset.PairData`).
        views: the texts a pair can have.
        tower: for its tokenizer.
        tokens: whether batches hold tokens (captions, or a tower that learns).
        known: vectors of a frozen tower's texts, or None.
    """

    def __init__(self, data: Any, views: Sequence[str], tower: TextTower, tokens: bool, known: KnownTexts | None) -> None:
        self.data, self.views, self.tower, self.tokens, self.known = data, list(views), tower, tokens, known

    def batch(self, rows: Tensor, view_of_row: np.ndarray) -> dict[str, Tensor]:
        """The tensors of some pairs, each with the text of the view that `view_of_row` [n] names by number."""
        ecg_BCT, valid_B = self.data.ecg(rows)
        batch = {"ecg_BCT": ecg_BCT, "valid_B": valid_B, "group_B": self.data.groups[rows]}
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


def all_texts(data: Any, views: Sequence[str]) -> list[str]:
    """Every text that `views` of the pairs can give."""
    rows = torch.arange(data.n)
    return [text for view in views for text in data.texts(view, rows)]


def ahead(made: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made in another thread while the one before is in use."""
    source = iter(made)
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(next, source, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, source, None)
            yield item
