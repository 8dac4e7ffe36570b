"""A row of the table of conditions (`conditions`): what it is called in each public data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One row of the table."""

    name: str
    scp: str | None  # PTB-XL's code; None: it has none
    snomed: tuple[str, ...]  # as Chapman-Shaoxing-Ningbo labels it; empty: that set has no label for it
    cpsc: str | None  # the class of CPSC2018
    mimic: tuple[str, ...]  # several wordings
    report: str  # PTB-XL's reports are mostly German
