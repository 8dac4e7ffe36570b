"""The limb leads that a device does not store, because they follow from those that it does.

Einthoven (1913): III = II - I. Goldberger (1942): aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2. Any two of the
six give the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esi.ecg.leads import LEADS, LIMB_LEADS

FROM_I_AND_II = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])  # in the order of LIMB_LEADS


def with_limb_leads(signal_PT: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """All twelve leads [12, T].

    Args:
        signal_PT: the leads that are there, all chest leads and at least two limb leads among them.
        rows: which of `LEADS` they are, ascending.
    """
    absent = [row for row in range(len(LIMB_LEADS)) if row not in rows]
    signal_CT = np.empty((len(LEADS), signal_PT.shape[1]))
    signal_CT[list(rows)] = signal_PT
    if absent:
        weights = FROM_I_AND_II[absent] @ np.linalg.inv(FROM_I_AND_II[list(rows[:2])])
        signal_CT[absent] = weights @ signal_PT[:2]
    return signal_CT
