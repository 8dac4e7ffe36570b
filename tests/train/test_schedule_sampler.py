"""What decides the order and the rate of training: pure functions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from esi.pretrain.batches import views_of
from esi.pretrain.run import learning_rate
from esi.settings.learning import Train
from esi.train.sampler import batch_rows, step_seed, steps_per_epoch
from tests.pretrain.tiny_run import TRAIN


def train(**changes: object) -> Train:
    return Train.model_validate(TRAIN | changes)


def test_the_papers_schedule() -> None:
    """5e-5, 5 of 30 epochs warm-up, x0.1 after every 10 (section 4.1), with 100 steps an epoch."""
    paper = train(lr=5e-5, schedule="step", warmup_epochs=5, decay_every=10, decay_factor=0.1)
    rates = [learning_rate(step, 100, 30, paper) for step in range(3000)]
    assert rates[0] == pytest.approx(5e-5 / 500)
    assert rates[249] == pytest.approx(2.5e-5)
    assert rates[499] == rates[999] == pytest.approx(5e-5)
    assert rates[1000] == rates[1999] == pytest.approx(5e-6)
    assert rates[2000] == rates[2999] == pytest.approx(5e-7)
    assert learning_rate(0, 100, 30, train(lr=1.0, warmup_epochs=0)) == 1.0


def test_the_cosine_schedule() -> None:
    """Up to the rate over the warm-up, half of it half-way down, 0 at the last step, and never up on the way down."""
    cosine = train(lr=2.0, schedule="cosine", warmup_epochs=2)
    rates = [learning_rate(step, 50, 10, cosine) for step in range(500)]
    assert rates[:100] == pytest.approx([2.0 * (step + 1) / 100 for step in range(100)])
    assert rates[299] == pytest.approx(1.0)
    assert rates[199] == pytest.approx(1 + math.cos(math.pi / 4))
    assert rates[499] == 0.0
    assert rates[498] > 0
    assert all(before >= after for before, after in pairwise(rates[99:]))


@given(
    schedule=st.sampled_from(["step", "cosine"]), warmup=st.integers(0, 4), epochs=st.integers(1, 4), each=st.integers(1, 9)
)
def test_rates_are_never_negative_nor_above_the_setting(schedule: str, warmup: int, epochs: int, each: int) -> None:
    """Also where the warm-up takes the whole run or more."""
    settings = train(lr=0.5, schedule=schedule, warmup_epochs=warmup)
    rates = [learning_rate(step, each, epochs, settings) for step in range(each * epochs)]
    assert all(0 <= rate <= 0.5 for rate in rates)
    assert all(before < after for before, after in pairwise(rates[: warmup * each]))
    if schedule == "cosine" and warmup < epochs:
        assert rates[-1] == 0.0


@given(
    n=st.integers(1, 200), share=st.integers(1, 8), world=st.integers(1, 4), seed=st.integers(0, 5), epoch=st.integers(0, 3)
)
def test_an_epoch_visits_each_pair_at_most_once_whatever_the_processes(
    n: int, share: int, world: int, seed: int, epoch: int
) -> None:
    size = share * world
    if n < world:
        return
    seen = []
    for step in range(steps_per_epoch(n, size)):
        parts = [batch_rows(n, size, seed, epoch, step, rank, world) for rank in range(world)]
        assert len({len(part) for part in parts}) == 1
        joint = torch.cat(parts)
        if n >= size:
            assert torch.equal(joint, batch_rows(n, size, seed, epoch, step))
        seen += joint.tolist()
    assert len(seen) == len(set(seen)) == (n // size * size or n - n % world)
    assert set(seen) <= set(range(n))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    orders = {tuple(batch_rows(50, 50, seed, epoch, 0).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert torch.equal(batch_rows(50, 10, 1, 2, 3), batch_rows(50, 10, 1, 2, 3))


def test_errors() -> None:
    with pytest.raises(
        ValueError, match=r"batch_size \(10\) cannot be shared evenly by 4 processes: make it a multiple of 4"
    ):
        batch_rows(100, 10, 0, 0, 0, 0, 4)
    with pytest.raises(ValueError, match="100 pairs in batches of 10 are 10 steps"):
        batch_rows(100, 10, 0, 0, 10)
    with pytest.raises(ValueError, match="1 pairs cannot be shared by 2 processes"):
        batch_rows(1, 2, 0, 0, 0, 0, 2)


def test_views_are_drawn_anew_every_epoch_and_evenly() -> None:
    first, second = views_of(30_000, 3, 0, 0), views_of(30_000, 3, 0, 1)
    assert np.array_equal(first, views_of(30_000, 3, 0, 0))
    assert abs(np.bincount(first) / 30_000 - 1 / 3).max() < 0.02
    assert abs((first == second).mean() - 1 / 3) < 0.02


def test_step_seeds_differ() -> None:
    seeds = {step_seed(seed, step, rank) for seed in range(3) for step in range(50) for rank in range(4)}
    assert len(seeds) == 600
    assert min(seeds) >= 0
