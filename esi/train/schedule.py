"""The learning rate as a pure function of the step 0, 1, 2..."""

from __future__ import annotations

import math


def cosine(step: int, steps: int, warmup: float, lr: float) -> float:
    """Linear up to `lr` over `warmup` steps, then half a cosine to 0 at the last of `steps` (Loshchilov and Hutter 2017,
    without restarts).
    """
    if step < warmup:
        return lr * _risen(step, warmup)
    return lr * (1 + math.cos(math.pi * (step + 1 - warmup) / (steps - warmup))) / 2


def steps_down(step: int, every: int, factor: float, warmup: float, lr: float) -> float:
    """Linear up to `lr` over `warmup` steps, and times `factor` after `every` steps, the warm-up's among them."""
    return lr * _risen(step, warmup) * factor ** (step // every)


def _risen(step: int, warmup: float) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0
