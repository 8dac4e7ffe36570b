"""The release that the data benchmarks read: a simulated MIMIC-IV-ECG set, all of it for training."""

from __future__ import annotations

from pathlib import Path

from esi.settings.data import Folds, MimicRelease

FOLDS = Folds(train=list(range(1, 11)), validation=[], test=[])


def mimic_release(root: Path) -> MimicRelease:
    """The settings of a set that `simulate_cohort` wrote to `root`."""
    patients = Path("patients.csv")
    return MimicRelease(format="mimic", root=root, watch=".", windows="first", folds=FOLDS, patients=patients)
