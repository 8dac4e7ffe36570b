"""The figures of one model on one task.

Legend: N records, K classes, R resamples after a first value that is the plain figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from esi.evaluate.metrics import auroc, average_precision, brier, calibration_error, f1, macro
from esi.evaluate.results.decisions import best_thresholds, platt
from esi.evaluate.results.models import Model, Run

PLAIN = ("auprc", "f1", "brier", "ece")  # what stands beside AUROC, without an interval


@dataclass(frozen=True)
class Figures:
    """Of one model, as means over its runs: of every class, and of every resample, the runs' values are averaged first and
    the interval is that of the average, so that it says how sure the mean is about these subjects. How much a run differs
    from the next is auroc_sd.
    """

    model: Model
    metric: str  # auroc, auprc or f1: the task's
    metric_KR: np.ndarray  # NaN where a resample holds no positive or no negative of the class
    auroc_KR: np.ndarray
    auroc_sd: float  # of the macro AUROC over runs; NaN of one run
    by_class: dict[str, np.ndarray]  # PLAIN and threshold, each [K]; NaN of a class without positives or negatives

    @property
    def defined(self) -> np.ndarray:
        """Which classes have positives and negatives among the test records [K]."""
        return ~np.isnan(self.auroc_KR[:, 0])

    @property
    def metric_R(self) -> np.ndarray:
        return macro(self.metric_KR)

    @property
    def auroc_R(self) -> np.ndarray:
        return macro(self.auroc_KR)

    def plain(self, key: str) -> float:
        """Macro mean of one of PLAIN, without classes that have no positives or no negatives."""
        return float(macro(self.by_class[key][:, None])[0])


def score_model(model: Model, metric: str, weights_RN: np.ndarray) -> Figures:
    """Score a model's test records.

    Thresholds and, for cosines, probabilities come from its validation records (esi.evaluate.results.decisions); log-odds
    become probabilities by the logistic function.

    Args:
        metric: auroc, auprc or f1. weights_RN: of subject_weights, for the test records.
    """
    runs = [_run(run, metric, weights_RN) for run in model.runs]
    macros = [macro(run["auroc"])[0] for run in runs]
    auroc_KR = np.mean([run["auroc"] for run in runs], axis=0)
    return Figures(
        model,
        metric,
        auroc_KR if metric == "auroc" else np.mean([run[f"{metric}_KR"] for run in runs], axis=0),
        auroc_KR,
        float(np.std(macros, ddof=1)) if len(runs) > 1 else np.nan,
        {key: np.mean([run[key] for run in runs], axis=0) for key in (*PLAIN, "threshold")},
    )


def probabilities(run: Run) -> np.ndarray:
    """Of the test records [N, K]. A model that saw no labels gives cosines, any other log-odds."""
    if run.test.share > 0:
        return expit(run.test.scores_NK.astype(np.float64))
    slope_K, offset_K = platt(run.validation.split.labels_NK, run.validation.scores_NK.astype(np.float64))
    return expit(slope_K * run.test.scores_NK + offset_K)


def _run(run: Run, metric: str, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    labels_NK, scores_NK = run.test.split.labels_NK, run.test.scores_NK
    threshold_K = best_thresholds(run.validation.split.labels_NK, run.validation.scores_NK)
    probability_NK = probabilities(run)
    many = labels_NK.shape[1]
    values = {key: np.full(many, np.nan) for key in (*PLAIN, "threshold")}
    values |= {key: np.full((many, len(weights_RN)), np.nan) for key in ("auroc", f"{metric}_KR")}
    once = weights_RN[:1]
    for k in np.flatnonzero(labels_NK.any(axis=0) & ~labels_NK.all(axis=0)):
        labels_N, scores_N, called_N = labels_NK[:, k], scores_NK[:, k], scores_NK[:, k] >= threshold_K[k]
        values["threshold"][k] = threshold_K[k]
        values["auroc"][k] = auroc(labels_N, scores_N, weights_RN)
        values["auprc"][k] = average_precision(labels_N, scores_N, once)[0]
        values["f1"][k] = f1(labels_N, called_N, once)[0]
        values["brier"][k] = brier(labels_N, probability_NK[:, k], once)[0]
        values["ece"][k] = calibration_error(labels_N, probability_NK[:, k], once)[0]
        match metric:
            case "auprc":
                values[f"{metric}_KR"][k] = average_precision(labels_N, scores_N, weights_RN)
            case "f1":
                values[f"{metric}_KR"][k] = f1(labels_N, called_N, weights_RN)
    return values
