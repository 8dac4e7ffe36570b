"""The losses against analytic values, slow references and PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.pretrain import losses


def unit(rows: int, seed: int, dim: int = 8) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


def slow_contrastive(ecg: torch.Tensor, text: torch.Tensor, group: list[int], scale: float) -> float:
    """Paper section 3.2.1, pair by pair, halved; a pair's positives share its target."""
    total, n = 0.0, len(group)
    for i in range(n):
        positives = [j for j in range(n) if group[j] == group[i]]
        for one, others in ((ecg, text), (text, ecg)):
            scores = [math.exp(scale * float(one[i] @ others[j])) for j in range(n)]
            total -= sum(math.log(scores[j] / sum(scores)) for j in positives) / len(positives)
    return total / n / 2


@settings(max_examples=30, deadline=None)
@given(group=st.lists(st.integers(0, 4), min_size=1, max_size=7), seed=st.integers(0, 99), scale=st.floats(0.1, 50))
def test_contrastive_equals_the_slow_reference(group: list[int], seed: int, scale: float) -> None:
    ecg, text = unit(len(group), seed), unit(len(group), seed + 100)
    loss = losses.contrastive(ecg, text, torch.tensor(group), torch.tensor(scale, dtype=torch.float64))
    assert loss.item() == pytest.approx(slow_contrastive(ecg, text, group, scale), rel=1e-9)


def test_contrastive_is_plain_infonce_when_all_groups_differ() -> None:
    ecg, text, labels = unit(6, 0), unit(6, 1), torch.arange(6)
    logits = 14.3 * ecg @ text.T
    expected = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(losses.contrastive(ecg, text, torch.tensor([7, 3, 9, 1, 0, 5]), torch.tensor(14.3)), expected)


@pytest.mark.parametrize("n", [1, 2, 48])
def test_contrastive_is_ln_n_at_chance(n: int) -> None:
    same = unit(1, 0).expand(n, -1)
    assert losses.contrastive(same, same, torch.arange(n), torch.tensor(14.3)).item() == pytest.approx(math.log(n), abs=1e-9)


def test_contrastive_least_value_is_the_log_of_the_group_size() -> None:
    ecg = torch.eye(8, dtype=torch.float64)[[0, 0, 0, 1, 1, 1]]
    loss = losses.contrastive(ecg, ecg, torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor(100.0))
    assert loss.item() == pytest.approx(math.log(3), abs=1e-9)


def test_pairs_that_say_the_same_do_not_repel() -> None:
    """Two alike ECGs, one finding in two wordings: as negatives they are torn apart, as positives they are treated alike."""
    ecg = unit(3, 0)[[0, 0, 1]]
    text = F.normalize(ecg + 0.1 * unit(3, 5), dim=1)
    gradients = {}
    for name, group in (("positives", [0, 0, 1]), ("negatives", [0, 1, 2])):
        learnt = ecg.clone().requires_grad_()
        losses.contrastive(learnt, text, torch.tensor(group), torch.tensor(14.3)).backward()
        gradients[name] = learnt.grad
    torch.testing.assert_close(gradients["positives"][0], gradients["positives"][1])
    assert (gradients["negatives"][0] - gradients["negatives"][1]).norm() > 0.1


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 20), seed=st.integers(0, 99))
def test_captioning_equals_pytorch_with_gradients(n: int, seed: int) -> None:
    torch.manual_seed(seed)
    states, weight, target = torch.randn(n, 6), torch.randn(11, 6), torch.randint(11, (n,))
    chunk, losses.CHUNK = losses.CHUNK, 7  # several chunks, the last not full
    try:
        ours = [part.clone().requires_grad_() for part in (states, weight)]
        loss = losses.captioning(*ours, target)
        (3 * loss).backward()
    finally:
        losses.CHUNK = chunk
    theirs = [part.clone().requires_grad_() for part in (states, weight)]
    expected = F.cross_entropy(theirs[0] @ theirs[1].T, target, reduction="sum")
    (3 * expected).backward()
    torch.testing.assert_close(loss, expected)
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, two.grad)


def test_captioning_at_chance_is_ln_v_a_position() -> None:
    loss = losses.captioning(torch.zeros(5, 4), torch.randn(30522, 4), torch.arange(5))
    assert loss.item() / 5 == pytest.approx(math.log(30522), rel=1e-6)


def test_captioning_survives_large_logits_and_no_positions() -> None:
    states, weight = torch.full((2, 4), 1e4, requires_grad=True), torch.eye(4).requires_grad_()
    loss = losses.captioning(states, weight, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(2 * math.log(4), rel=1e-5)
    none = losses.captioning(states[:0], weight, torch.zeros(0, dtype=torch.int64))
    none.backward()
    assert none.item() == 0
    assert not weight.grad.any()


def test_captioning_in_bf16_is_close() -> None:
    torch.manual_seed(0)
    states, weight, target = torch.randn(300, 64), 0.05 * torch.randn(500, 64), torch.randint(500, (300,))
    low, high = (losses.captioning(states, weight, target, dtype) for dtype in (torch.bfloat16, torch.float32))
    assert low.item() == pytest.approx(high.item(), rel=2e-3)
