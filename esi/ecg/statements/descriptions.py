"""The descriptions of statements, and the one place where a statement finds its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from esi.ecg.statements.wording import normalise


def read_descriptions(path: Path) -> dict[str, str]:
    """Description by canonical statement, of data/descriptions.parquet."""
    return dict(pl.read_parquet(path, columns=["statement", "description"]).iter_rows())


def described(statements: Iterable[str], descriptions: Mapping[str, str]) -> dict[str, str]:
    """Those of some statements, in any wording, that have a description, each with it: by canonical statement, in the order
    of the statements.

    Args:
        descriptions: of `read_descriptions`; empty for the ablation without CQA.
    """
    names = dict.fromkeys(map(normalise, statements))
    return {name: descriptions[name] for name in names if descriptions.get(name)}
