"""The reference tables in data/reference: what each code means."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "reference"
DATA_FILES = ("../../data/reference/*",)  # for `esi.closure`


@dataclass(frozen=True)
class ScpStatement:
    """One row of PTB-XL's statement table (Wagner et al. 2020, table 5)."""

    code: str
    description: str
    diagnostic: bool
    form: bool
    rhythm: bool
    superclass: str  # "" for statements that are not diagnostic
    subclass: str


@dataclass(frozen=True)
class CpscClass:
    """One of the nine classes of CPSC2018 (ICBEB)."""

    number: int
    code: str
    snomed: str
    description: str


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def scp_statements() -> dict[str, ScpStatement]:
    """PTB-XL's 71 statements by code."""
    return {
        row["code"]: ScpStatement(
            code=row["code"],
            description=row["description"],
            diagnostic=row["diagnostic"] == "1",
            form=row["form"] == "1",
            rhythm=row["rhythm"] == "1",
            superclass=row["superclass"],
            subclass=row["subclass"],
        )
        for row in _rows("scp_statements.csv")
    }


@cache
def snomed_descriptions() -> dict[str, str]:
    """Descriptions of the Challenge's and Chapman's SNOMED CT codes."""
    return {row["code"]: row["description"] for row in _rows("snomed_statements.csv")}


@cache
def cpsc_classes() -> dict[str, CpscClass]:
    """CPSC2018's nine classes by SNOMED CT code."""
    return {
        row["snomed"]: CpscClass(int(row["number"]), row["code"], row["snomed"], row["description"])
        for row in _rows("cpsc_classes.csv")
    }
