"""Every SCP statement that is not a rhythm has a condition of its name, a rule, and a shape that is not the healthy one."""

from __future__ import annotations

import numpy as np
import pytest

from esi.ecg.reference import scp_statements
from esi.simulate.conditions.catalogue import CONDITIONS, HIDES, INDEX
from esi.simulate.heart import beat
from esi.simulate.heart.morphology import RULES, sinus_beats
from esi.simulate.heart.subjects import draw_subjects

STATEMENTS = [row.code for row in scp_statements().values() if not row.rhythm]
ELSEWHERE = {"NORM", "PAC", "PVC", "PRC(S)", "2AVB", "3AVB"}  # nothing to show, or what `rhythm` draws


def test_a_condition_and_a_rule_for_each_statement() -> None:
    for code in set(STATEMENTS) - ELSEWHERE:
        assert CONDITIONS[INDEX[code]].scp == code
    assert set(STATEMENTS) - ELSEWHERE <= set(RULES) <= set(INDEX)
    assert {name for one, others in HIDES for name in (one, *others)} <= set(INDEX)


@pytest.mark.parametrize("name", list(RULES))
def test_a_rule_changes_its_own_rows_and_no_other(name: str) -> None:
    subjects = draw_subjects(np.random.default_rng(0), 12, "ptbxl")
    subjects.shape[:, INDEX[name], 0] = 0.7
    present = np.zeros((12, len(CONDITIONS)), bool)
    healthy = sinus_beats(subjects, present)
    present[::2, INDEX[name]] = True
    shaped = sinus_beats(subjects, present)
    for each in (healthy, shaped):
        beat.calibrate(each, subjects.leads)
    fields = ("time", "rise", "fall", "vector")
    assert all(np.isfinite(getattr(shaped, field)).all() for field in fields)
    assert (shaped.rise > 0).all()
    assert (shaped.fall > 0).all()
    for row in range(12):
        same = all(np.array_equal(getattr(healthy, field)[row], getattr(shaped, field)[row]) for field in fields)
        assert same == bool(row % 2)
