"""Which pairs of a batch are positives of one another, and how much.

Many ECGs of a batch say the same: as negatives of one another they would be torn apart for what they share.

Legend: B pairs of this process, M pairs of all processes, K findings of a pair, U distinct findings of the batch.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

NONE = -1  # pads the findings of a pair


def affinity(
    kind: Literal["own", "identical", "overlapping"],
    number_B: Tensor,
    findings_BK: Tensor,
    all_number_M: Tensor,
    all_findings_MK: Tensor,
) -> Tensor:
    """How far each pair of all processes is a positive of each of this process's, [B, M] float32 in 0..1.

    Args:
        kind: `own`: the pair itself alone, 1 (the paper). `identical`: every pair with the same set of findings, 1.
            `overlapping`: each by the Jaccard index of the two sets, shared findings over all findings of the two.
        number_B: the pairs' numbers in the data, by which a pair knows itself; it is always a positive of itself.
        findings_BK: numbers of their findings, in any order, padded with -1. A pair without findings has itself alone.
        all_*: the same of all processes, this one's among them.
    """
    own_BM = (number_B[:, None] == all_number_M[None, :]).float()
    if kind == "own":
        return own_BM
    mine_BU, all_MU = _memberships(findings_BK, all_findings_MK)
    shared_BM = mine_BU @ all_MU.T
    union_BM = mine_BU.sum(dim=1)[:, None] + all_MU.sum(dim=1)[None, :] - shared_BM
    if kind == "identical":
        alike_BM = ((shared_BM == union_BM) & (union_BM > 0)).float()
    else:
        alike_BM = shared_BM / union_BM.clamp(min=1)
    return torch.maximum(own_BM, alike_BM)


def _memberships(findings_BK: Tensor, all_findings_MK: Tensor) -> tuple[Tensor, Tensor]:
    """Sets as rows of 0 and 1 over the batch's distinct findings, [B, U] and [M, U]: their products count exactly."""
    distinct, place = torch.cat([findings_BK, all_findings_MK]).unique(return_inverse=True)
    member = torch.zeros(len(place), len(distinct), device=place.device).scatter_(1, place, 1.0)
    member = member * (distinct != NONE)
    return member[: len(findings_BK)], member[len(findings_BK) :]
