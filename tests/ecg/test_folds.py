from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from esi.ecg.entries import Entry
from esi.ecg.folds import assign_folds


def cohort() -> list[Entry]:
    drawn = random.Random(1)
    return [
        Entry(
            str(i),
            f"s{drawn.randrange(600)}",
            Path("x.hea"),
            codes=tuple(drawn.sample(["AF", "RBBB", "PVC", "NSR"], drawn.randint(1, 2))),
        )
        for i in range(1000)
    ]


def test_a_subject_is_in_one_fold_and_folds_are_even() -> None:
    entries = cohort()
    folds = assign_folds(entries)
    of_subject: dict[str, set[int]] = {}
    for entry, fold in zip(entries, folds, strict=True):
        of_subject.setdefault(entry.subject_id, set()).add(fold)
    assert all(len(found) == 1 for found in of_subject.values())
    sizes = Counter(next(iter(found)) for found in of_subject.values())
    assert set(sizes) == set(range(1, 11))
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_order_of_the_records_does_not_matter() -> None:
    entries = cohort()
    folds = dict(zip((entry.record_id for entry in entries), assign_folds(entries), strict=True))
    random.Random(2).shuffle(entries)
    assert folds == dict(zip((entry.record_id for entry in entries), assign_folds(entries), strict=True))


def test_every_fold_gets_its_share_of_a_rare_label() -> None:
    entries = [Entry(str(i), str(i), Path("x.hea"), codes=("rare",) if i % 50 == 0 else ("common",)) for i in range(1000)]
    rare = Counter(fold for entry, fold in zip(entries, assign_folds(entries), strict=True) if entry.codes == ("rare",))
    assert rare == dict.fromkeys(range(1, 11), 2)


def test_published_folds_stay() -> None:
    entries = [Entry(str(i), str(i), Path("x.hea"), fold=7) for i in range(5)]
    assert assign_folds(entries) == [7] * 5
