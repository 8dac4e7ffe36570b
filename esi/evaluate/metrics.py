"""AUROC and its bootstrap interval over subjects, for multi-label scores.

Legend: N records, K classes, R resamples, S subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esi.errors import EsiError

RESAMPLES_AT_ONCE = 100  # bounds memory at 100 x N x 8 bytes a class


@dataclass(frozen=True)
class MacroAuroc:
    """Macro AUROC with a bootstrap interval, and what it is made of."""

    macro: float
    ci_low: float  # 2.5 % quantile over resamples of the subjects
    ci_high: float  # 97.5 %
    by_class: dict[str, float]
    undefined: list[str]  # classes without positives or without negatives: named, not averaged in


def auroc(labels_N: np.ndarray, scores_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """Weighted AUROC of one class under many weightings at once (Mann-Whitney; ties count one half).

    Args:
        labels_N: bool. scores_N: any order-giving scores.
        weights_RN: how often each record counts in each resample.

    Returns:
        AUROC [R]; NaN where a resample holds no positive or no negative.
    """
    order = np.argsort(scores_N, kind="stable")
    ordered = scores_N[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])  # of the runs of equal scores
    weights = weights_RN[:, order]
    positive = np.add.reduceat(weights * labels_N[order], starts, axis=1)
    negative = np.add.reduceat(weights * ~labels_N[order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    total = positive.sum(axis=1) * negative.sum(axis=1)
    return np.divide(wins, total, out=np.full(len(total), np.nan), where=total > 0)


def macro_auroc(
    labels_NK: np.ndarray, scores_NK: np.ndarray, classes: list[str], subjects: list[str], resamples: int, seed: int
) -> MacroAuroc:
    """Macro AUROC with a 95 % percentile bootstrap interval over subjects (all records of a drawn subject come along).

    A class that a resample leaves without positives or negatives is left out of that resample's mean.

    Args:
        labels_NK: bool. scores_NK: float. classes: K names. subjects: N subject ids. resamples, seed: of the bootstrap.

    Raises:
        EsiError: no class has both positives and negatives, or a score is not finite.
    """
    if not np.isfinite(scores_NK).all():
        raise EsiError(f"{int((~np.isfinite(scores_NK)).sum())} of {scores_NK.size} scores are not finite")
    once = np.ones((1, len(labels_NK)))
    point_K = np.array([auroc(labels_NK[:, k], scores_NK[:, k], once)[0] for k in range(len(classes))])
    defined = np.flatnonzero(~np.isnan(point_K))
    if not len(defined):
        raise EsiError(f"none of the classes {classes} has both positive and negative records among {len(labels_NK)}")
    _, subject_N = np.unique(subjects, return_inverse=True)
    n_subjects = int(subject_N.max()) + 1
    random = np.random.default_rng(seed)
    macros = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        many = min(RESAMPLES_AT_ONCE, resamples - start)
        weights_RS = random.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=many)
        weights_RN = weights_RS[:, subject_N].astype(np.float64)
        by_class_KR = np.stack([auroc(labels_NK[:, k], scores_NK[:, k], weights_RN) for k in defined])
        usable = ~np.isnan(by_class_KR).all(axis=0)  # a tiny set's resample may hold one subject only
        macros.append(np.nanmean(by_class_KR[:, usable], axis=0))
    low, high = np.quantile(np.concatenate(macros), [0.025, 0.975])
    return MacroAuroc(
        macro=float(point_K[defined].mean()),
        ci_low=float(low),
        ci_high=float(high),
        by_class={classes[k]: float(point_K[k]) for k in defined},
        undefined=[classes[k] for k in np.flatnonzero(np.isnan(point_K))],
    )
