"""From scores to decisions and probabilities, by what the validation records say: never the test records.

Legend: N records, K classes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

STEPS = 50  # of Newton's method; 5 to 8 are usual
HALVINGS = 30  # of one step, at most
ROUNDING = 1e-12  # relative; a loss that changes by less has not changed


def best_thresholds(labels_NK: np.ndarray, scores_NK: np.ndarray) -> np.ndarray:
    """For each class the score from which on (>=) calling it gives the best F1; of equally good ones the highest [K].

    Infinite, so that the class is never called, where the records hold none of it.
    """
    thresholds_K = np.full(labels_NK.shape[1], np.inf)
    for k in np.flatnonzero(labels_NK.any(axis=0)):
        order = np.argsort(-scores_NK[:, k], kind="stable")
        scores, hits = scores_NK[order, k], np.cumsum(labels_NK[order, k])
        f1 = 2 * hits / (np.arange(1, len(scores) + 1) + hits[-1])
        last_of_its_score = np.r_[scores[1:] != scores[:-1], True]
        thresholds_K[k] = scores[np.argmax(np.where(last_of_its_score, f1, -1))]
    return thresholds_K


def platt(labels_NK: np.ndarray, scores_NK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset [K] of each class, so that expit(slope x score + offset) is its probability (Platt 1999).

    Cosines are no log-odds: this makes them some. With n positives and m negatives the targets are not 1 and 0 but
    (n + 1) / (n + 2) and 1 / (m + 2), Platt's own regularisation: a class that its scores separate, or one that the records
    hold none of, gets a finite slope and no probability of 0 or 1.
    """
    mean_K, sd_K = scores_NK.mean(axis=0), scores_NK.std(axis=0)
    sd_K = np.where(np.ptp(scores_NK, axis=0) > 0, sd_K, 1)  # equal scores have an sd of 1e-17, not of 0
    x_NK = (scores_NK - mean_K) / sd_K
    positives_K, n = labels_NK.sum(axis=0), len(labels_NK)
    target_NK = np.where(labels_NK, (positives_K + 1) / (positives_K + 2), 1 / (n - positives_K + 2))

    def loss(slope_K: np.ndarray, offset_K: np.ndarray) -> np.ndarray:
        z_NK = slope_K * x_NK + offset_K
        return (np.logaddexp(0, z_NK) - target_NK * z_NK).sum(axis=0)

    slope_K, offset_K = np.zeros(len(sd_K)), logit(target_NK.mean(axis=0))
    loss_K = loss(slope_K, offset_K)
    for _ in range(STEPS):
        p_NK = expit(slope_K * x_NK + offset_K)
        residual_NK, weight_NK = p_NK - target_NK, p_NK * (1 - p_NK)
        # Newton's step of each class: its 2 x 2 system by Cramer's rule. The ridge only keeps equal scores solvable
        xx_K, x_K, one_K = ((weight_NK * x_NK**power).sum(axis=0) + 1e-9 * (power != 1) for power in (2, 1, 0))
        g_slope_K, g_offset_K = (residual_NK * x_NK).sum(axis=0), residual_NK.sum(axis=0)
        determinant_K = xx_K * one_K - x_K**2
        step_slope_K = (one_K * g_slope_K - x_K * g_offset_K) / determinant_K
        step_offset_K = (xx_K * g_offset_K - x_K * g_slope_K) / determinant_K
        size_K = np.ones(len(sd_K))
        for _ in range(HALVINGS):
            new_K = loss(slope_K - size_K * step_slope_K, offset_K - size_K * step_offset_K)
            worse_K = new_K > loss_K * (1 + ROUNDING)
            if not worse_K.any():
                break
            size_K = np.where(worse_K, size_K / 2, size_K)
        size_K = np.where(worse_K, 0, size_K)
        slope_K, offset_K = slope_K - size_K * step_slope_K, offset_K - size_K * step_offset_K
        gained_K, loss_K = loss_K - np.where(worse_K, loss_K, new_K), np.where(worse_K, loss_K, new_K)
        if (gained_K <= ROUNDING * loss_K).all():
            break
    return slope_K / sd_K, offset_K - slope_K * mean_K / sd_K
