"""Ten folds for releases that publish none: by subject, stratified, and the same on every machine."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from esi.ecg.entries import Entry

FOLDS = 10


def assign_folds(entries: Sequence[Entry]) -> list[int]:
    """The fold (1..10) of each entry: the release's own where it has one, otherwise stratified by the subject's rarest
    label.

    Subjects are grouped by the label (code, else statement) of theirs that is rarest in the set, ordered inside a group by
    the hash of their id, and dealt out one by one, so that each fold gets its share of every group. The order of the files
    does not matter.
    """
    labels = [entry.codes or entry.statements for entry in entries]
    counts = Counter(label for record in labels for label in set(record))
    rarest: dict[str, tuple[int, str]] = {}
    for entry, record in zip(entries, labels, strict=True):
        candidates = [(counts[label], label) for label in record]
        if entry.subject_id in rarest:
            candidates.append(rarest[entry.subject_id])
        rarest[entry.subject_id] = min(candidates, default=(len(entries) + 1, ""))
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for subject, group in rarest.items():
        groups[group].append(subject)
    order = [
        subject
        for group in sorted(groups)
        for subject in sorted(groups[group], key=lambda subject: hashlib.sha256(subject.encode()).digest())
    ]
    dealt = {subject: position % FOLDS + 1 for position, subject in enumerate(order)}
    return [dealt[entry.subject_id] if entry.fold is None else entry.fold for entry in entries]
