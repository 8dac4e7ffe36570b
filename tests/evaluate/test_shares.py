from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from esi.evaluate.shares import draw_share
from esi.evaluate.split import Split


def split_of(subjects: list[int]) -> Split:
    records = [f"r{row}" for row in range(len(subjects))]
    return Split(records, [f"s{subject}" for subject in subjects], np.arange(len(subjects))[:, None] % 3 == 0)


SUBJECTS = st.lists(st.integers(0, 30), min_size=1, max_size=60)


@given(SUBJECTS, st.floats(0.001, 1.0), st.floats(0.001, 1.0), st.integers(0, 5))
def test_subjects_are_whole_counted_and_part_of_a_larger_share(
    subjects: list[int], one: float, other: float, seed: int
) -> None:
    split = split_of(subjects)
    small, large = (draw_share(split, share, seed) for share in sorted((one, other)))
    assert set(small.records) <= set(large.records)
    assert len(set(small.subjects)) == math.ceil(min(one, other) * len(set(subjects)))
    rows = [int(record[1:]) for record in small.records]
    assert rows == [row for row, subject in enumerate(split.subjects) if subject in small.subjects]  # whole, in order
    np.testing.assert_array_equal(small.labels_NK, split.labels_NK[rows])


def test_all_labels_are_the_split_itself() -> None:
    split = split_of([0, 1, 1, 2])
    assert draw_share(split, 1.0, 3).records == split.records


def test_a_subject_does_not_change_whether_another_comes_first_and_seeds_differ() -> None:
    split = split_of(list(range(100)))
    backwards = Split(split.records[::-1], split.subjects[::-1], split.labels_NK[::-1])
    drawn = [set(draw_share(split, 0.1, seed).subjects) for seed in range(5)]
    assert drawn[0] == set(draw_share(backwards, 0.1, 0).subjects)
    assert len({frozenset(subjects) for subjects in drawn}) == 5
