"""Texts of different lengths side by side in the rows of one batch, so that padding is hardly computed.

Legend: B texts, U distinct texts, L tokens of the longest, R rows, W their width (= L).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Packed:
    """R rows that hold U distinct texts, and where each of them lies."""

    ids_RW: Tensor  # int64
    positions_RW: Tensor  # int64, counted from each text's own beginning
    text_RW: Tensor  # int64, which distinct text a place belongs to; -1 where none
    place_UL: Tensor  # int64, place of each token in the rows one after the other; 0 where the mask is False
    mask_UL: Tensor  # bool, True where real
    text_of_B: Tensor  # int64, the distinct text that each text is

    def attends(self) -> Tensor:
        """Which place sees which: those of its own text, bool [R, 1, W, W]."""
        return self.text_RW[:, None, :, None] == self.text_RW[:, None, None, :]


def pack(ids_BL: Tensor, mask_BL: Tensor, padding_id: int) -> Packed:
    """Lay texts out in as few rows as fit them: the longest first, each in the first row with room.

    One call of the network reads them all. A call for each of a few lengths would be as fast on a CPU, but sharded training
    needs the same number of calls in every process.

    Args:
        ids_BL: int64, padded on the right. mask_BL: bool, True where real; at least one in each row.
        padding_id: what to put where no text is.
    """
    device = ids_BL.device
    ids, mask = ids_BL.cpu().numpy(), mask_BL.cpu().numpy()
    distinct, text_of_B = np.unique(np.where(mask, ids, -1), axis=0, return_inverse=True)
    mask_UL = distinct >= 0
    length_U = mask_UL.sum(axis=1)
    width = int(length_U.max())
    start_U, rows = _starts(length_U, width)
    place_UL = np.where(mask_UL, start_U[:, None] + np.arange(ids.shape[1]), 0)[:, :width]
    mask_UL = mask_UL[:, :width]

    packed = np.full((3, rows * width), [[padding_id], [0], [-1]])
    text_of_token, position = np.nonzero(mask_UL)
    packed[:, place_UL[mask_UL]] = distinct[mask_UL.nonzero()], position, text_of_token
    tensors = [*packed.reshape(3, rows, width), place_UL, mask_UL, text_of_B.reshape(-1)]
    return Packed(*(torch.from_numpy(part).to(device) for part in tensors))


def _starts(length_U: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """First place of each text in rows of `width` places, and the number of rows (first fit, decreasing)."""
    start_U = np.zeros(len(length_U), np.int64)
    used: list[int] = []
    for text in np.argsort(-length_U, kind="stable"):
        length = int(length_U[text])
        row = next((row for row, taken in enumerate(used) if taken + length <= width), len(used))
        if row == len(used):
            used.append(0)
        start_U[text] = row * width + used[row]
        used[row] += length
    return start_U, len(used)
