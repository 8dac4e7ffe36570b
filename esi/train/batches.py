"""What a step learns from, and the next step's made while one is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """One process's share of a step's batch.

    Attributes:
        parts: the tensors, in parts that are computed one after the other; most often one.
        rows: the numbers of its records.
        counts: how many samples, and what else is worth a speed, such as tokens.
    """

    parts: list[dict[str, Tensor]]
    rows: Tensor
    counts: Mapping[str, int]


class Batches(Protocol):
    """All batches of a run: pure functions of the step, so that a resumed run needs no state of theirs."""

    per_epoch: int  # steps

    def batch(self, step: int) -> Batch:
        """This process's share of the batch of step 0, 1, 2..."""

    def names(self, rows: Tensor) -> list[str]:
        """What to call records by, for an error."""


def ahead(made: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made in another thread while the one before is in use."""
    source = iter(made)
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(next, source, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, source, None)
            yield item
