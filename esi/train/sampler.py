"""Which records, in which order: pure functions of (seed, epoch, step, rank), so resuming needs no state."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from esi.errors import EsiError


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Whole batches in n records; a batch that is not full is dropped, unless it is the only one."""
    return max(1, n // batch_size)


def batch_rows(
    n: int, batch_size: int, seed: int, epoch: int, step: int, rank: int = 0, world: int = 1, parts: int = 1
) -> torch.Tensor:
    """Row numbers int64 of one process's share of a batch.

    The global batch is the same for any number of processes and parts; each process takes a run of it, each part a run of
    that.

    Args:
        n: pairs. batch_size: of all processes together. step: within the epoch.
        parts: in which a process computes its share, one after the other (`train.accumulate`).

    Raises:
        EsiError: the batch cannot be shared evenly.
        ValueError: the step is beyond the epoch.
    """
    shares = world * parts
    if batch_size % shares:
        among = f"{world} processes" + (f" in {parts} parts each (train.accumulate)" if parts > 1 else "")
        raise EsiError(f"batch_size ({batch_size}) cannot be shared evenly by {among}: make it a multiple of {shares}")
    if not 0 <= step < steps_per_epoch(n, batch_size):
        steps = steps_per_epoch(n, batch_size)
        raise ValueError(f"step {step} is beyond the epoch: {n} pairs in batches of {batch_size} are {steps} steps")
    size = min(batch_size, n - n % shares)
    if size == 0:
        among = f"{world} processes" + (f" in {parts} parts each" if parts > 1 else "")
        raise EsiError(f"{n} pairs cannot be shared by {among}: give more pairs or fewer processes")
    share = size // world
    start = step * size + rank * share
    return torch.from_numpy(_order(n, seed, epoch)[start : start + share].copy())


def shares_per_epoch(n: int, batch_size: int) -> int:
    """Batches that n records make; all count."""
    return math.ceil(n / batch_size)


def batch_shares(
    n: int, batch_size: int, seed: int, epoch: int, rank: int = 0, world: int = 1
) -> list[tuple[torch.Tensor, float]]:
    """One process's rows of every batch of an epoch, and what to multiply its mean loss by.

    All records are drawn once an epoch, in batches that differ in size by one at most. The batches are the same for any
    number of processes. A process's share may be a row larger than another's: its mean loss times its weight, averaged over
    the processes, is the mean loss of the whole batch.

    Args:
        n: records. batch_size: of all processes together, at most.

    Raises:
        EsiError: a batch has fewer rows than there are processes.
    """
    order = np.random.default_rng([seed, epoch]).permutation(n)
    made = []
    for batch in np.array_split(order, shares_per_epoch(n, batch_size)):
        if len(batch) < world:
            raise EsiError(
                f"{n} training records in batches of at most {batch_size} give a batch of {len(batch)}, too few for {world} "
                "processes: start fewer, or set a larger batch_size"
            )
        share = np.array_split(batch, world)[rank]
        made.append((torch.from_numpy(share), len(share) * world / len(batch)))
    return made


def step_seed(seed: int, step: int, share: int) -> int:
    """Seed of all randomness inside one step (dropout, caption positions) of one share: rank * parts + part."""
    return int(np.random.SeedSequence([seed, step, share, 2]).generate_state(1, np.uint64)[0] >> 1)


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 0]).permutation(n)
