"""The learning rate as a pure function of the step (paper section 4.1)."""

from __future__ import annotations


def learning_rate(
    step: int, steps_per_epoch: int, lr: float, warmup_epochs: int, decay_every: int, decay_factor: float
) -> float:
    """The rate of step 0, 1, 2...: linear warm-up to `lr` over whole epochs, times `decay_factor` after every `decay_every`.

    Epochs are counted from the start, warm-up included: with decay_every 10 the rate falls at epochs 10 and 20.
    """
    warmup = warmup_epochs * steps_per_epoch
    ramp = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return lr * ramp * decay_factor ** (step // steps_per_epoch // decay_every)
