"""Which pairs, in which order, with which text: pure functions of (seed, epoch, step, rank), so resuming needs no state."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from esi.errors import EsiError


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Whole batches in n pairs; a batch that is not full is dropped, unless it is the only one."""
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
        raise EsiError(f"train.batch_size ({batch_size}) cannot be shared evenly by {among}: make it a multiple of {shares}")
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


def views_of(n: int, views: int, seed: int, epoch: int) -> np.ndarray:
    """Which of `views` texts each of n pairs uses in an epoch, int64 [n]."""
    return np.random.default_rng([seed, epoch, 1]).integers(views, size=n)


def step_seed(seed: int, step: int, share: int) -> int:
    """Seed of all randomness inside one step (dropout, caption positions) of one share: rank * parts + part."""
    return int(np.random.SeedSequence([seed, step, share, 2]).generate_state(1, np.uint64)[0] >> 1)


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 0]).permutation(n)
