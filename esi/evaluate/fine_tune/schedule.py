"""Learning rate and batches of a step, as pure functions: resuming needs no state of either."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from esi.errors import EsiError


def learning_rate(step: int, steps: int, warmup: float, lr: float) -> float:
    """The rate of step 0, 1, 2...: linear up to `lr` over `warmup` steps, then half a cosine to 0 at the last of `steps`
    (Loshchilov and Hutter 2017, without restarts).
    """
    if step < warmup:
        return lr * min(1.0, (step + 1) / warmup)
    return lr * (1 + math.cos(math.pi * (step + 1 - warmup) / (steps - warmup))) / 2


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Batches that n records make; all count."""
    return math.ceil(n / batch_size)


def batch_shares(
    n: int, batch_size: int, seed: int, epoch: int, rank: int = 0, world: int = 1
) -> list[tuple[Tensor, float]]:
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
    for batch in np.array_split(order, steps_per_epoch(n, batch_size)):
        if len(batch) < world:
            raise EsiError(
                f"{n} training records in batches of at most {batch_size} give a batch of {len(batch)}, too few for {world} "
                "processes: start fewer, or set a larger batch_size"
            )
        share = np.array_split(batch, world)[rank]
        made.append((torch.from_numpy(share), len(share) * world / len(batch)))
    return made
