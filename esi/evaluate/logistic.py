"""Many logistic regressions on the same features: several sets of training records, classes and penalties at once.

Apart from the encoders, so that a worker process starts without torch.

Legend: N training records, M scored records, K classes, D features, P penalties.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import joblib
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

SMALL = 128  # records, up to which Newton's method is twice as fast as L-BFGS; at 966 x 256 it is a third as fast
TOLERANCE = 1e-5  # of the mean loss's gradient
MAX_ITERATIONS = 5000
CONSTANT = 1e-5  # of its mean: a feature that varies less does so by float32's rounding, which must not be blown up
COPIES_BYTES = 4 << 30  # of training features in all worker processes


@dataclass(frozen=True)
class Question:
    """What is to be learned: some rows of the training features, and their labels."""

    rows_N: np.ndarray  # int, ascending
    labels_NK: np.ndarray  # bool


def fit_and_score(
    train_ND: np.ndarray,
    scored_MD: np.ndarray,
    questions: Sequence[Question],
    inverse_penalties: Sequence[float],
    processes: int | None = None,
) -> list[np.ndarray]:
    """Log-odds [P, M, K] float32 of the scored records, for each question and penalty (scikit-learn's C).

    Features are standardised by the question's own training rows. A class that these hold only one side of is scored 0. Each
    distinct column of labels of the same rows is fitted once, however many questions and classes ask for it: a subclass of
    one statement, say, is that statement.

    Args:
        train_ND, scored_MD: features. questions: what to learn. inverse_penalties: in any order.
        processes: None: one a core, as far as memory goes.
    """
    columns: dict[bytes, dict[bytes, np.ndarray]] = {}  # by rows, then by labels
    rows_of = {question.rows_N.tobytes(): question.rows_N for question in questions}
    for question in questions:
        of_rows = columns.setdefault(question.rows_N.tobytes(), {})
        of_rows |= {label_N.tobytes(): label_N for label_N in question.labels_NK.T if 0 < label_N.sum() < len(label_N)}
    if processes is None:
        processes = int(np.clip(COPIES_BYTES // train_ND.nbytes, 1, os.cpu_count() or 1))
    jobs = [
        (rows, keys)
        for rows, of_rows in columns.items()
        for keys in (list(of_rows)[part::processes] for part in range(processes))
        if keys
    ]
    jobs.sort(key=lambda job: -len(job[0]) * len(job[1]))  # the long ones first: no process is left with one at the end
    train_ND, scored_MD = np.asarray(train_ND, np.float32), np.asarray(scored_MD, np.float32)
    fitted = joblib.Parallel(n_jobs=processes)(
        joblib.delayed(_fit)(
            train_ND, rows_of[rows], np.stack([columns[rows][key] for key in keys], axis=1), scored_MD, inverse_penalties
        )
        for rows, keys in jobs
    )
    scores_PM = {
        (rows, key): scores_PMK[..., place]
        for (rows, keys), scores_PMK in zip(jobs, fitted, strict=True)
        for place, key in enumerate(keys)
    }
    untaught_PM = np.zeros((len(inverse_penalties), len(scored_MD)), np.float32)
    return [
        np.stack(
            [scores_PM.get((question.rows_N.tobytes(), label_N.tobytes()), untaught_PM) for label_N in question.labels_NK.T],
            axis=-1,
        )
        for question in questions
    ]


def _fit(
    train_ND: np.ndarray,
    rows_N: np.ndarray,
    labels_NK: np.ndarray,
    scored_MD: np.ndarray,
    inverse_penalties: Sequence[float],
) -> np.ndarray:
    """Log-odds [P, M, K] of classes that share their training rows."""
    train_ND = train_ND[rows_N]
    mean_D, deviation_D = train_ND.mean(axis=0), train_ND.std(axis=0)
    deviation_D[deviation_D <= CONSTANT * np.abs(mean_D)] = 1
    train_ND, scored_MD = (train_ND - mean_D) / deviation_D, (scored_MD - mean_D) / deviation_D
    if len(train_ND) < train_ND.shape[1]:
        # The solution lies in the span of the training records: N coordinates there say as much as D features.
        basis_DN, coordinates_NN = np.linalg.qr(train_ND.T)
        train_ND, scored_MD = np.ascontiguousarray(coordinates_NN.T), scored_MD @ basis_DN
    scores_PMK = np.zeros((len(inverse_penalties), len(scored_MD), labels_NK.shape[1]), np.float32)
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for k, label_N in enumerate(labels_NK.T):
            model = LogisticRegression(
                solver="newton-cholesky" if len(train_ND) <= SMALL else "lbfgs",
                tol=TOLERANCE,
                max_iter=MAX_ITERATIONS,
                warm_start=True,  # from one penalty to the next weaker one
            )
            for place in np.argsort(inverse_penalties):
                model.C = inverse_penalties[place]  # set_params inspects signatures for a tenth of a small fit's time
                model.fit(train_ND, label_N)
                scores_PMK[place, :, k] = model.decision_function(scored_MD)
    return scores_PMK
