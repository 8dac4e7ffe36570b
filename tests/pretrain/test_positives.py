"""Which pairs are positives of one another, against Python's sets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.pretrain.positives import affinity

WIDTH = 6


def padded(lists: list[list[int]]) -> torch.Tensor:
    return torch.tensor([findings + [-1] * (WIDTH - len(findings)) for findings in lists], dtype=torch.int32)


FINDINGS = st.lists(st.lists(st.integers(0, 5), max_size=WIDTH), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(lists=FINDINGS, start=st.integers(0, 7), size=st.integers(1, 8))
def test_affinity_equals_pythons_sets(lists: list[list[int]], start: int, size: int) -> None:
    """For any run of rows as this process's; with repeated findings, other orders, and pairs without any."""
    own = list(range(len(lists)))[start % len(lists) :][:size]
    numbers = torch.arange(len(lists)) * 7 + 3
    findings = padded(lists)
    sets = [set(found) for found in lists]
    for kind in ("own", "identical", "overlapping"):
        given_BM = affinity(kind, numbers[own], findings[own], numbers, findings)  # type: ignore[arg-type]
        assert given_BM.dtype == torch.float32
        assert given_BM.shape == (len(own), len(lists))
        for row, i in enumerate(own):
            for j in range(len(lists)):
                expected = {
                    "own": float(i == j),
                    "identical": float(i == j or (bool(sets[i]) and sets[i] == sets[j])),
                    "overlapping": 1.0 if i == j else len(sets[i] & sets[j]) / max(1, len(sets[i] | sets[j])),
                }
                assert given_BM[row, j].item() == pytest.approx(expected[kind], rel=1e-6), (kind, i, j)


def test_an_example() -> None:
    numbers = torch.tensor([9, 4, 7, 1])
    findings = padded([[3, 8], [8, 3], [3], []])
    everything: Any = (numbers, findings, numbers, findings)
    assert torch.equal(affinity("own", *everything), torch.eye(4))
    assert affinity("identical", *everything).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert affinity("overlapping", *everything).tolist() == [[1, 1, 0.5, 0], [1, 1, 0.5, 0], [0.5, 0.5, 1, 0], [0, 0, 0, 1]]


def test_no_findings_anywhere() -> None:
    numbers, findings = torch.arange(3), torch.full((3, 2), -1, dtype=torch.int32)
    for kind in ("own", "identical", "overlapping"):
        assert torch.equal(affinity(kind, numbers, findings, numbers, findings), torch.eye(3))  # type: ignore[arg-type]
