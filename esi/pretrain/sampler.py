"""Which pairs, in which order, with which text: pure functions of (seed, epoch, step, rank), so resuming needs no state."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from esi.errors import EsiError


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Whole batches in n pairs; a batch that is not full is dropped, unless it is the only one."""
    return max(1, n // batch_size)


def batch_rows(n: int, batch_size: int, seed: int, epoch: int, step: int, rank: int = 0, world: int = 1) -> torch.Tensor:
    """Row numbers int64 of one process's share of a batch.

    The global batch is the same for any number of processes; each takes a run of it.

    Args:
        n: pairs. batch_size: of all processes together. step: within the epoch.

    Raises:
        ValueError: the batch cannot be shared evenly, or the step is beyond the epoch.
    """
    if batch_size % world:
        raise ValueError(
            f"train.batch_size ({batch_size}) cannot be shared evenly by {world} processes: make it a multiple of {world}"
        )
    if not 0 <= step < steps_per_epoch(n, batch_size):
        steps = steps_per_epoch(n, batch_size)
        raise ValueError(f"step {step} is beyond the epoch: {n} pairs in batches of {batch_size} are {steps} steps")
    size = min(batch_size, n - n % world)
    if size == 0:
        raise EsiError(f"{n} pairs cannot be shared by {world} processes: give more pairs or fewer processes")
    share = size // world
    start = step * size + rank * share
    return torch.from_numpy(_order(n, seed, epoch)[start : start + share].copy())


def views_of(n: int, views: int, seed: int, epoch: int) -> np.ndarray:
    """Which of `views` texts each of n pairs uses in an epoch, int64 [n]."""
    return np.random.default_rng([seed, epoch, 1]).integers(views, size=n)


def step_seed(seed: int, step: int, rank: int) -> int:
    """Seed of all randomness inside one step (dropout, caption positions)."""
    return int(np.random.SeedSequence([seed, step, rank, 2]).generate_state(1, np.uint64)[0] >> 1)


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 0]).permutation(n)
