"""What the screen says of the records that cannot be used."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from esi.errors import shown

MOST_REASONS = 12
MESSAGE = 240  # characters


def summary(path: Path, usable: int) -> str:
    """How many ECGs cannot be used, and of each reason the number and the first record with its message; "" for none.

    Args:
        path: quarantine.parquet of an ingested set.
        usable: ECGs beside them.
    """
    rows = pl.read_parquet(path)
    reasons = rows.group_by("reason", maintain_order=True).agg(pl.len(), pl.first("record_id", "message"))
    reasons = reasons.sort("len", "reason", descending=[True, False])
    if reasons.is_empty():
        return ""
    lines = [f"{rows.height} ECGs cannot be used, beside {usable} that can (all of them in {path}):"]
    for reason, count, record, message in reasons.head(MOST_REASONS).iter_rows():
        lines.append(f"  {count} {shown(reason)}, first {shown(record)}: {shown(message, MESSAGE)}")
    if reasons.height > MOST_REASONS:
        lines.append(f"  and {reasons.height - MOST_REASONS} more reasons")
    return "\n".join(lines)
