"""How good an identification is, from the likeness of every probe to every subject of the gallery.

Legend: P probes, G subjects in the gallery.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm, rankdata


def cosine(probes_PD: np.ndarray, gallery_GD: np.ndarray) -> np.ndarray:
    """Cosines [P, G] of features [P, D] and [G, D]; 0 where one of them is all zeros."""
    probes, gallery = (
        features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        for features in (probes_PD, gallery_GD)
    )
    return probes @ gallery.T


def first_rank(scores_PG: np.ndarray, place_P: np.ndarray) -> np.ndarray:
    """Which probes [P] have their own subject in front of every other; one that shares the first place has not."""
    own_P = np.take_along_axis(scores_PG, place_P[:, None], axis=1)
    return (scores_PG >= own_P).sum(axis=1) == 1


def macro_auc(scores_PG: np.ndarray, place_P: np.ndarray) -> float:
    """Area under the ROC curve, one subject against the rest, mean over the subjects that are probed.

    Every subject has one probe, so a subject's area is the share of the other probes that it scores below its own (a tie
    counts one half): the same figure as scikit-learn's `roc_auc_score(average="macro")` over one-hot labels.

    Args:
        scores_PG: likeness. place_P: each probe's subject, no two the same.
    """
    scores_PP = scores_PG[:, place_P]
    below_P = np.diagonal(rankdata(scores_PP, axis=0)) - 1
    return float(below_P.mean() / (len(scores_PP) - 1))


def wilson(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a share of n independent trials (Wilson 1927). Unlike a bootstrap's it is not of length 0 where all
    of them succeed.
    """
    z = float(norm.ppf(0.975))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
