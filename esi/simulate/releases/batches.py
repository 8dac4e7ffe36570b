"""The records of one set, drawn a batch at a time so that a large cohort needs little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.priors import SETTINGS, SetName
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record.draw import Drawn, draw_records
from esi.simulate.record.findings import Frequencies, draw_conditions, frequencies

BATCH = 64  # records; 15 MB of signal


@dataclass(frozen=True)
class Batch:
    """Some records of a set."""

    numbers: list[int]  # of the records, from 0
    owners: NDArray[np.int64]  # the subject of each
    seconds: NDArray[np.float64]
    drawn: Drawn


def draw_owners(rng: np.random.Generator, records: int, name: SetName) -> NDArray[np.int64]:
    """The subject of each record, 0, 1, 2 ...; some have several, one after the other."""
    again = rng.random(records) < SETTINGS[name].more_records
    again[0] = False
    return np.cumsum(~again) - 1


def draw_batches(
    rng: np.random.Generator,
    subjects: Subjects,
    owners: NDArray[np.int64],
    which: Frequencies | SetName,
    seconds: NDArray[np.float64],
) -> Iterator[Batch]:
    """Draw all records of a set, those of like length together; its name stands for its own frequencies."""
    which = which if isinstance(which, Frequencies) else frequencies(which)
    order = np.argsort(seconds, kind="stable")
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH]
        people = subjects.take(owners[numbers])
        drawn = draw_records(rng, people, draw_conditions(rng, people, which), which.name, seconds[numbers])
        yield Batch([int(number) for number in numbers], owners[numbers], seconds[numbers], drawn)
