"""Linear probe: one logistic regression a class on the frozen encoder's pooled features (paper, 4.2.2).

Legend: N records, K classes, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from esi.errors import EsiError
from esi.evaluate.metrics import auroc

MAX_ITERATIONS = 2000


@dataclass(frozen=True)
class Probe:
    scores_NK: np.ndarray  # log-odds of the test records
    inverse_penalty: float  # chosen on the validation records
    validation_auroc: float
    untrainable: list[int]  # classes that the training records hold only one side of: scored 0 throughout


def linear_probe(
    train_ND: np.ndarray,
    train_labels_NK: np.ndarray,
    validation_ND: np.ndarray,
    validation_labels_NK: np.ndarray,
    test_ND: np.ndarray,
    inverse_penalties: Sequence[float],
) -> Probe:
    """Fit on train, choose the penalty (scikit-learn's C) by macro AUROC on validation, score test. Test labels are not
    even an argument.
    """
    scaler = StandardScaler().fit(train_ND)
    train, validation, test = (scaler.transform(features) for features in (train_ND, validation_ND, test_ND))
    trainable = [k for k in range(train_labels_NK.shape[1]) if 0 < train_labels_NK[:, k].sum() < len(train)]
    best: Probe | None = None
    for penalty in inverse_penalties:
        validation_scores = np.zeros(validation_labels_NK.shape)
        test_scores = np.zeros((len(test), train_labels_NK.shape[1]))
        for k in trainable:
            model = LogisticRegression(C=penalty, max_iter=MAX_ITERATIONS).fit(train, train_labels_NK[:, k])
            validation_scores[:, k] = model.decision_function(validation)
            test_scores[:, k] = model.decision_function(test)
        macro = _macro(validation_labels_NK, validation_scores)
        if best is None or macro > best.validation_auroc:
            untrainable = [k for k in range(train_labels_NK.shape[1]) if k not in trainable]
            best = Probe(test_scores, penalty, macro, untrainable)
    assert best is not None, "inverse_penalties has at least one entry (esi/params.py checks it)"
    return best


def _macro(labels_NK: np.ndarray, scores_NK: np.ndarray) -> float:
    once = np.ones((1, len(labels_NK)))
    by_class = np.array([auroc(labels_NK[:, k], scores_NK[:, k], once)[0] for k in range(labels_NK.shape[1])])
    if np.isnan(by_class).all():
        raise EsiError("no class has both positive and negative validation records: use a larger validation fold")
    return float(np.nanmean(by_class))
