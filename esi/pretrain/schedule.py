"""The learning rate as a pure function of the step (paper section 4.1)."""

from __future__ import annotations

import math

from esi.settings.learning import Train


def learning_rate(step: int, steps_per_epoch: int, epochs: int, train: Train) -> float:
    """The rate of step 0, 1, 2...: linear warm-up to `train.lr` over whole epochs, times what `train.schedule` says.

    `step`: times `decay_factor` after every `decay_every` epochs, counted from the start, warm-up included: with 10 the rate
    falls at epochs 10 and 20. `cosine`: half a cosine (Loshchilov and Hutter 2017, without restarts) from the end of the
    warm-up down to 0 at the last step of `epochs`.
    """
    warmup, total = train.warmup_epochs * steps_per_epoch, epochs * steps_per_epoch
    if train.schedule == "cosine":
        decay = 1.0 if step < warmup else (1 + math.cos(math.pi * (step + 1 - warmup) / (total - warmup))) / 2
    else:
        decay = train.decay_factor ** (step // steps_per_epoch // train.decay_every)
    return train.lr * (min(1.0, (step + 1) / warmup) if warmup else 1.0) * decay
