"""The labels that each public data set would give to a simulated record: SCP codes, SNOMED CT numbers, CPSC2018 classes,
statements.

Legend: C conditions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.ecg.reference import scp_statements
from esi.simulate.conditions.catalogue import (
    CONDITIONS,
    CPSC_CLASSES,
    ECTOPY,
    NORMAL_SNOMED,
    RHYTHMS,
)
from esi.simulate.conditions.priors import denies_normal, likelihood

Bools = NDArray[np.bool_]


# What denies that an ECG is normal.
ABNORMAL = [
    number
    for number, condition in enumerate(CONDITIONS)
    if denies_normal(condition.name) or (condition.scp and denies_normal(condition.scp))
]


# What a cart calls borderline where it stands alone.
BORDERLINE = {
    "SR", "SBRAD", "STACH", "SARRH", *ECTOPY, "LPR", "VCLVH", "HVOLT", "LVOLT", "ABQRS", "IRBBB", "ERV", "NST_", "NDT",
    "NT_", "LOWT", "TAB_",
}  # fmt: skip


def is_normal(present: Bools) -> bool:
    """Whether a record [C] shows no diagnosis in a rhythm with sinus P waves; form statements may stand beside NORM."""
    return not present[ABNORMAL].any()


def scp_codes(rng: np.random.Generator, present: Bools, severity: NDArray[np.float64]) -> dict[str, float]:
    """PTB-XL's `scp_codes` of a record: likelihoods in per cent, 0 for unknown, findings before rhythm.

    Args:
        present: conditions [C].
        severity: [C] in 0..1; of a mild finding the likelihood is lower.
    """
    codes: dict[str, float] = {}
    if is_normal(present):
        codes["NORM"] = likelihood("NORM", rng.random())
    for number in sorted(np.flatnonzero(present), key=lambda number: CONDITIONS[number].name in RHYTHMS):
        code = CONDITIONS[number].scp
        if code:
            codes[code] = max(likelihood(code, severity[number]), codes.get(code, 0.0))
    return codes


def superclasses(codes: dict[str, float]) -> list[str]:
    """PTB-XL's diagnostic superclasses of some SCP codes, sorted."""
    return sorted({scp_statements()[code].superclass for code in codes} - {""})


def chapman_codes(rng: np.random.Generator, present: Bools) -> list[str]:
    """SNOMED CT numbers as Chapman-Shaoxing-Ningbo lists them: the rhythm first."""
    codes: list[str] = []
    for number in np.flatnonzero(present):
        if CONDITIONS[number].snomed:
            codes += str(rng.choice(CONDITIONS[number].snomed)).split(",")
    return list(dict.fromkeys(codes))


def cpsc_codes(present: Bools) -> list[str]:
    """SNOMED CT numbers of CPSC2018's nine classes; a record that shows none of the other eight is normal."""
    classes = dict.fromkeys(CONDITIONS[number].cpsc for number in np.flatnonzero(present))
    return [CPSC_CLASSES[each] for each in classes if each] or [NORMAL_SNOMED]


def mimic_statements(rng: np.random.Generator, present: Bools) -> list[str]:
    """A machine report: the rhythm, extra beats, findings, and the summary that carts close with."""
    statements = [str(rng.choice(CONDITIONS[number].mimic)) for number in np.flatnonzero(present)]
    shown = {CONDITIONS[number].name for number in np.flatnonzero(present)}
    if is_normal(present) and shown <= {"SR", "SARRH"}:
        closing = ("Normal ECG", "Normal ECG", "Summary: NORMAL ECG")
    elif shown <= BORDERLINE:
        closing = ("Borderline ECG", "Borderline ECG", "Summary: BORDERLINE ECG")
    else:
        closing = ("Abnormal ECG", "Abnormal ECG", "Summary: ABNORMAL ECG")
    return [*statements, str(rng.choice(closing))]


def german_report(present: Bools) -> str:
    """PTB-XL's `report` column."""
    phrases = [CONDITIONS[number].report for number in np.flatnonzero(present)]
    return " ".join([*phrases, "normales ekg"] if is_normal(present) else phrases)
