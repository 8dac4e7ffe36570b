"""Two looks at one ECG for methods without texts: random resized crop and time-out (Mehari and Strodthoff 2022).

Legend: B batch, C leads, T samples.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

VIEWS = 2
DRAWS = 4  # tells these draws from the sampler's and the steps', which have the same seed


def augmented(
    ecg_BCT: Tensor, valid_B: Tensor, rows: Tensor, view: int, seed: int, epoch: int, min_crop: float, max_time_out: float
) -> Tensor:
    """One view of each record, [B, C, T]; what lies beyond its valid samples is as it was.

    A part of the record, at least `min_crop` of it, is stretched to its whole length, all leads alike; then a run of
    samples, at most `max_time_out` of them, is set to zero. A pure function: what happens to a record follows from the seed,
    the epoch, its row and the view alone, so it is the same in any batch and for any number of processes.

    Args:
        ecg_BCT: millivolts. valid_B: real samples of each. rows: int64 [B], the records' numbers.
        view: 0 or 1.
    """
    out_BCT = ecg_BCT.clone()
    for place, (row, valid) in enumerate(zip(rows.tolist(), valid_B.tolist(), strict=True)):
        crop, start, gap, gap_start = np.random.default_rng([seed, epoch, row, DRAWS, view]).random(4)
        length = min(valid, max(2, round((min_crop + (1 - min_crop) * crop) * valid)))
        first = round(start * (valid - length))
        part_1CL = ecg_BCT[place : place + 1, :, first : first + length]
        out_BCT[place, :, :valid] = F.interpolate(part_1CL, size=valid, mode="linear", align_corners=True)[0]
        silent = round(gap * max_time_out * valid)
        silent_from = round(gap_start * (valid - silent))
        out_BCT[place, :, silent_from : silent_from + silent] = 0.0
    return out_BCT


def both_views(
    ecg_BCT: Tensor, valid_B: Tensor, rows: Tensor, seed: int, epoch: int, min_crop: float, max_time_out: float
) -> Tensor:
    """The first views of all records, then the second ones, [2 * B, C, T]."""
    views = [augmented(ecg_BCT, valid_B, rows, view, seed, epoch, min_crop, max_time_out) for view in range(VIEWS)]
    return torch.cat(views)
