"""Maximum mean discrepancy of two samples of features, with a permutation test (Gretton et al. 2012, JMLR 13).

Legend: N records of both samples, X of pretraining, Y of test, D features, P permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

ROUNDING = 1e-12  # two sums of the same kernel values in another order


@dataclass(frozen=True)
class Discrepancy:
    """Two samples, compared."""

    pretraining_records: int
    test_records: int
    bandwidth: float
    mmd2: float  # unbiased: below 0 by chance where the distributions are the same; at most 2
    p_value: float


def discrepancy(pretraining_XD: np.ndarray, test_YD: np.ndarray, permutations: int, seed: int) -> Discrepancy:
    """Compare two samples of features, two records or more of either.

    Every feature is standardised over both samples, so that neither its unit nor one loud feature decides, and the figures
    of two encoders, or of two spaces, are on one scale. Gaussian kernel exp(-d^2 / (2 s^2)) with s the median distance
    between two records of the pooled sample (Gretton et al. 2012, JMLR 13, section 8). Both are blind to which sample a
    record is from, so that the permutation test stays exact. 500 records of either, 512 features, 500 permutations: 0.1 s;
    memory grows with the square of the records.
    """
    first, second = len(pretraining_XD), len(test_YD)
    distances = pdist(_standardised(np.concatenate([pretraining_XD, test_YD])))
    bandwidth = float(np.median(distances))
    kernel_NN = gaussian_kernel(squareform(distances), bandwidth)
    chosen_PN = _splits(first + second, first, permutations, seed)
    observed, *permuted = mmd2(kernel_NN, chosen_PN)
    as_large = int(np.count_nonzero(np.array(permuted) >= observed - ROUNDING))
    return Discrepancy(first, second, bandwidth, float(observed), (1 + as_large) / (1 + permutations))


def gaussian_kernel(distances_NN: np.ndarray, bandwidth: float) -> np.ndarray:
    """Kernel values [N, N]; where the bandwidth is 0 (most records are the same) the limit: 1 for equal records, else 0."""
    if bandwidth == 0:
        return (distances_NN == 0).astype(float)
    kernel_NN: np.ndarray = np.exp(-np.square(distances_NN / bandwidth) / 2)
    return kernel_NN


def mmd2(kernel_NN: np.ndarray, chosen_PN: np.ndarray) -> np.ndarray:
    """Unbiased squared MMD [P] (Gretton et al. 2012, lemma 6) for many ways to split the pooled sample in two.

    Args:
        chosen_PN: 1.0 for records of the first sample, 0.0 for those of the second; either has two or more in each row.
    """
    off_NN = kernel_NN - np.diag(np.diag(kernel_NN))  # a record is not compared with itself
    x, n = chosen_PN.sum(axis=1), len(kernel_NN)
    y = n - x
    within_first = np.einsum("pn,pn->p", chosen_PN @ off_NN, chosen_PN)
    with_all = chosen_PN @ off_NN.sum(axis=1)
    between = with_all - within_first
    within_second = off_NN.sum() - with_all - between
    values: np.ndarray = within_first / (x * (x - 1)) + within_second / (y * (y - 1)) - 2 * between / (x * y)
    return values


def _splits(n: int, first: int, permutations: int, seed: int) -> np.ndarray:
    """The observed split, then as many random ones [1 + P, N]."""
    chosen = np.zeros((1 + permutations, n))
    chosen[:, :first] = 1
    np.random.default_rng(seed).permuted(chosen[1:], axis=1, out=chosen[1:])
    return chosen


def _standardised(features_ND: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 a feature, in float64; a constant feature becomes 0."""
    centred = features_ND.astype(np.float64) - features_ND.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    constant = deviation <= 1e-6 * np.abs(features_ND).max(axis=0)  # float32 noise around a constant
    centred[:, constant] = 0
    return centred / np.where(constant, 1, deviation)
