from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.ecg.entries import entry_table
from esi.ecg.folds import assign_folds

Row = dict[str, Any]


def row(
    number: int,
    subject: str | None = None,
    codes: Sequence[str] = (),
    statements: Sequence[str] = (),
    fold: int | None = None,
) -> Row:
    return {
        "record_id": str(number), "subject_id": subject or str(number), "path": "x.hea",
        "codes": list(codes), "statements": list(statements), "fold": fold,
    }  # fmt: skip


def folds_of(rows: Sequence[Row]) -> list[int]:
    return assign_folds(entry_table(rows)).to_list()


def dealt_one_by_one(rows: Sequence[Row]) -> list[int]:
    """The slow reference: plain loops over records, subjects and labels."""
    labels = [set(item["codes"] or item["statements"]) for item in rows]
    records_with = Counter(label for found in labels for label in found)
    subjects = {item["subject_id"] for item in rows}
    order = []
    for subject in subjects:
        own = {label for item, found in zip(rows, labels, strict=True) if item["subject_id"] == subject for label in found}
        group = min(((records_with[label], label) for label in own), default=(len(rows) + 1, ""))
        order.append((group, hashlib.sha256(subject.encode()).digest(), subject))
    dealt = {subject: place % 10 + 1 for place, (_, _, subject) in enumerate(sorted(order))}
    return [dealt[item["subject_id"]] if item["fold"] is None else item["fold"] for item in rows]


def cohort() -> list[Row]:
    drawn = random.Random(1)
    return [
        row(i, f"s{drawn.randrange(600)}", drawn.sample(["AF", "RBBB", "PVC", "NSR"], drawn.randint(1, 2)))
        for i in range(1000)
    ]


LABELS = st.lists(st.sampled_from(["AF", "af", "ä", "é", "z", "Z", "1", "10", "\U0001f493", "\uffee"]), max_size=4)
ROWS = st.lists(
    st.tuples(st.integers(0, 15), LABELS, LABELS, st.none() | st.integers(1, 10)).map(
        lambda drawn: row(0, f"s{drawn[0]}", drawn[1], drawn[2], drawn[3])
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_as_the_slow_reference(rows: list[Row]) -> None:
    assert folds_of(rows) == dealt_one_by_one(rows)


def test_as_the_slow_reference_on_a_cohort() -> None:
    rows = cohort()
    assert folds_of(rows) == dealt_one_by_one(rows)


def test_the_folds_of_a_release_never_change() -> None:
    """Results are compared across versions: these came from the first version of the algorithm."""
    rows = [row(i, codes=("rare",) if i % 7 == 0 else ("common",)) for i in range(20)]
    assert assign_folds(entry_table(rows)).dtype == pl.Int16
    assert folds_of(rows) == [1, 4, 7, 10, 9, 10, 9, 2, 5, 4, 8, 2, 3, 6, 3, 8, 6, 7, 1, 5]


def test_a_subject_is_in_one_fold_and_folds_are_even() -> None:
    rows = cohort()
    of_subject: dict[str, set[int]] = {}
    for item, fold in zip(rows, folds_of(rows), strict=True):
        of_subject.setdefault(item["subject_id"], set()).add(fold)
    assert all(len(found) == 1 for found in of_subject.values())
    sizes = Counter(next(iter(found)) for found in of_subject.values())
    assert set(sizes) == set(range(1, 11))
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_order_of_the_records_does_not_matter() -> None:
    rows = cohort()
    folds = dict(zip((item["record_id"] for item in rows), folds_of(rows), strict=True))
    random.Random(2).shuffle(rows)
    assert folds == dict(zip((item["record_id"] for item in rows), folds_of(rows), strict=True))


def test_every_fold_gets_its_share_of_a_rare_label() -> None:
    rows = [row(i, codes=("rare",) if i % 50 == 0 else ("common",)) for i in range(1000)]
    rare = Counter(fold for item, fold in zip(rows, folds_of(rows), strict=True) if item["codes"] == ["rare"])
    assert rare == dict.fromkeys(range(1, 11), 2)


def test_fold_ten_of_cpsc2018_has_687_records_and_a_tenth_of_every_class() -> None:
    """The counts are those of the public release's 6,877 records by first label. The paper's fold had 689."""
    counts = {1: 918, 2: 1098, 3: 704, 4: 207, 5: 1695, 6: 574, 7: 653, 8: 826, 9: 202}
    labels = [str(label) for label, count in counts.items() for _ in range(count)]
    random.Random(3).shuffle(labels)
    folds = folds_of([row(i, f"A{i + 1:04}", (label,)) for i, label in enumerate(labels)])
    assert sorted(Counter(folds).values()) == [687] * 3 + [688] * 7
    ten = Counter(int(label) for label, fold in zip(labels, folds, strict=True) if fold == 10)
    assert ten.total() == 687
    assert all(abs(ten[label] - count / 10) < 1 for label, count in counts.items())
    names = " ".join(f"A{i + 1:04}" for i, fold in enumerate(folds) if fold == 10)
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "84366760e02cc3ee"


def test_published_folds_stay_and_the_rest_is_dealt() -> None:
    assert folds_of([row(i, fold=7) for i in range(5)]) == [7] * 5
    mixed = [row(i, codes=("AF",), fold=9 if i % 2 else None) for i in range(40)]
    assert [fold for item, fold in zip(mixed, folds_of(mixed), strict=True) if item["fold"]] == [9] * 20
    assert folds_of(mixed)[::2] == dealt_one_by_one(mixed)[::2]
