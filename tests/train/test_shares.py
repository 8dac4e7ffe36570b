from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import EsiError
from esi.train.sampler import batch_shares, shares_per_epoch
from esi.train.schedule import cosine


def test_the_rate_rises_linearly_and_falls_to_zero_by_half_a_cosine() -> None:
    rates = [cosine(step, steps=12, warmup=4, lr=0.8) for step in range(12)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[7] == pytest.approx(0.4)  # half-way between the warm-up's end and the end
    assert rates[5] == pytest.approx(0.8 * (1 + math.sqrt(0.5)) / 2)
    assert rates[-1] == pytest.approx(0, abs=1e-15)


def test_part_of_a_step_of_warm_up_never_exceeds_the_rate() -> None:
    assert max(cosine(step, steps=3, warmup=0.5, lr=1.0) for step in range(3)) <= 1.0
    assert cosine(0, steps=4, warmup=0, lr=1.0) == pytest.approx((1 + math.sqrt(0.5)) / 2)


@given(n=st.integers(8, 200), batch_size=st.integers(8, 64), world=st.integers(1, 4), epoch=st.integers(0, 3))
def test_processes_share_the_batches_of_one(n: int, batch_size: int, world: int, epoch: int) -> None:
    """Each record once an epoch, and weighted means over the processes are the batch's mean."""
    alone = batch_shares(n, batch_size, seed=1, epoch=epoch)
    together = [batch_shares(n, batch_size, seed=1, epoch=epoch, rank=rank, world=world) for rank in range(world)]
    assert sorted(torch.cat([rows for rows, _ in alone]).tolist()) == list(range(n))
    assert len(alone) == shares_per_epoch(n, batch_size)
    sizes = [len(rows) for rows, _ in alone]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    for step, (rows, weight) in enumerate(alone):
        shares = [shares_of_rank[step] for shares_of_rank in together]
        assert weight == 1
        assert torch.equal(torch.cat([share for share, _ in shares]), rows)
        values = torch.sin(torch.arange(n, dtype=torch.float64))
        means = [values[share].mean() * weight for share, weight in shares]
        assert torch.stack(means).mean().item() == pytest.approx(values[rows].mean().item(), abs=1e-12)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [
        tuple(torch.cat([rows for rows, _ in batch_shares(50, 8, seed, epoch)]).tolist())
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(orders)) == 3


def test_more_processes_than_rows_are_refused() -> None:
    with pytest.raises(EsiError, match="5 training records .* give a batch of 2, too few for 3 processes"):
        batch_shares(5, 2 + 1, seed=0, epoch=0, rank=0, world=3)
