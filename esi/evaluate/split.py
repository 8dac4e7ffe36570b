"""Records of one split that a task asks about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """N records with the labels of K classes."""

    records: list[str]
    subjects: list[str]
    labels_NK: np.ndarray  # bool
