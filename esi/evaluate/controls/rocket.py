"""MiniRocket (Dempster et al. 2021): the shares of time at which fixed convolutions exceed thresholds.

It is what a user would take without pretraining. The thresholds are quantiles of the convolved training records, drawn once
for all shares of labels: no label is read.

Legend: N records, C leads, T samples, D features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import get_num_threads
from sktime.transformations.rocket import MiniRocketMultivariate
from tqdm import tqdm

from esi.ecg.signals import MILLIVOLTS, SignalStore

KERNELS = 10_000  # of which the method takes the next smaller multiple of 84: 9,996 features
SEED = 0
AT_ONCE = 1000  # records: 48 MB of signals at 100 Hz
LEARNED_FROM = 5000  # records at most: each threshold comes from one of them, and there are 9,996


def features(store: SignalStore, records: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    """Features [N, D] float32 of the records of each split. Padding counts as a flat signal, as it does for the encoder."""

    def signals_NCT(names: list[str]) -> np.ndarray:
        return store.signals_NCT[[store.row_of[name] for name in names]].astype(np.float32) * MILLIVOLTS

    # As many threads as numba may take (NUMBA_NUM_THREADS): with -1 the library asks for all cores, and numba refuses.
    rocket = MiniRocketMultivariate(KERNELS, n_jobs=get_num_threads(), random_state=SEED)
    rocket.fit(signals_NCT(records["train"][:: -(-len(records["train"]) // LEARNED_FROM)]))
    by_split = {}
    for split, names in records.items():
        starts = range(0, len(names), AT_ONCE)
        bar = tqdm(starts, desc=f"MiniRocket, {split}", unit="batch", leave=False, disable=len(starts) < 3)
        blocks = [rocket.transform(signals_NCT(names[start : start + AT_ONCE])).to_numpy(np.float32) for start in bar]
        by_split[split] = np.concatenate(blocks)
    return by_split
