"""What `esi.pairs.dataset.PairData` offers, with more texts than findings: some pairs share a text, some views too."""

from __future__ import annotations

import torch

FINDINGS = ["sinus rhythm", "atrial fibrillation", "left bundle branch block with old inferior infarction"]


class TextPairs:
    """n pairs; the full text of a pair names its number modulo 7, so that texts repeat."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.keys = [f"made-up/{row}" for row in range(n)]
        self.findings = torch.tensor([[row % 3, -1] for row in range(n)], dtype=torch.int32).reshape(n, 2)
        self.fingerprint = str(n)
        self.read = 0

    def ecg(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Every sample is the pair's number plus one."""
        return (rows + 1.0)[:, None, None].expand(-1, 12, 40).clone(), torch.full((len(rows),), 40)

    def texts(self, view: str, rows: torch.Tensor) -> list[str]:
        self.read += len(rows)
        head = "a man of {}. " if view == "full" else ""
        return [head.format(row % 7) + FINDINGS[row % 3] for row in rows.tolist()]
