"""The benchmark of the simulator: its figures follow from one another, and the parts make up the whole."""

from __future__ import annotations

import pytest

from benchmarks import simulate
from esi.simulate.releases.batches import BATCH


def test_figures_follow_from_one_another() -> None:
    figures = simulate.measure(BATCH + 1, "mimic")
    assert figures["records"] == 2 * BATCH
    assert figures["ms_a_record"] == pytest.approx(1000 / figures["records_a_second"], rel=0.01)
    assert 0 <= figures["memory_growth_mb"] < figures["peak_memory_mb"]


def test_parts_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "PROFILED", 2)
    parts = simulate.parts("ptbxl")
    whole = parts.pop("all")
    assert {"draw_noise", "draw_rhythm", "apply"} <= set(parts)
    assert 0.6 * whole < sum(parts.values()) < whole + 0.01, "subjects, conditions and the written signal are the rest"
