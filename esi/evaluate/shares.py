"""A share of the training labels: which subjects are seen when labels are few."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from esi.evaluate.split import Split


def draw_share(split: Split, share: float, seed: int) -> Split:
    """The records of `share` (above 0, at most 1) of a split's subjects, rounded up.

    Subjects go by the hash of seed and id: a smaller share of a seed is part of a larger one, on every machine.
    """
    subjects = sorted(set(split.subjects), key=lambda subject: hashlib.sha256(f"{seed}/{subject}".encode()).digest())
    chosen = set(subjects[: math.ceil(share * len(subjects))])
    rows = np.flatnonzero([subject in chosen for subject in split.subjects])
    return Split([split.records[row] for row in rows], [split.subjects[row] for row in rows], split.labels_NK[rows])
