"""The losses against analytic values, slow references and PyTorch's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from esi.pretrain import losses, positives


def unit(rows: int, seed: int, dim: int = 8) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


def identical(groups: list[int]) -> torch.Tensor:
    """1 where two pairs are of one group."""
    group = torch.tensor(groups)
    return (group[:, None] == group[None, :]).float()


def jaccard(sets: list[set[int]]) -> torch.Tensor:
    return torch.tensor([[len(one & other) / len(one | other) for other in sets] for one in sets])


def slow_infonce(ecg: torch.Tensor, text: torch.Tensor, affinity: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Paper section 3.2.1, pair by pair, halved; a pair's positives share its target."""
    n = len(ecg)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(n):
        mass = sum(float(affinity[i, j]) for j in range(n))
        for one, others in ((ecg, text), (text, ecg)):
            scores = [torch.exp(scale * sum(one[i, e] * others[j, e] for e in range(ecg.shape[1]))) for j in range(n)]
            for j in range(n):
                total = total - float(affinity[i, j]) / mass * torch.log(scores[j] / sum(scores))
    return total / n / 2


def slow_siglip(
    ecg: torch.Tensor, text: torch.Tensor, affinity: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Zhai et al. 2023, algorithm 1, pair by pair; a soft label is a mixture of the two signs."""
    n = len(ecg)
    total = torch.zeros((), dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            logit = scale * sum(ecg[i, e] * text[j, e] for e in range(ecg.shape[1])) + bias
            for sign, weight in ((1, float(affinity[i, j])), (-1, 1 - float(affinity[i, j]))):
                total = total - weight * torch.log(1 / (1 + torch.exp(-sign * logit)))
    return total / n


def with_gradients(loss: Callable[..., torch.Tensor], *values: torch.Tensor) -> list[torch.Tensor]:
    """The loss of (ecg, text, affinity, scalars...) and its gradients by all but the affinity."""
    ecg, text, affinity, *scalars = values
    leaves = [part.clone().requires_grad_() for part in (ecg, text, *scalars)]
    value = loss(leaves[0], leaves[1], affinity, *leaves[2:])
    return [value.detach(), *torch.autograd.grad(value, leaves)]


SETS = st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=5)
exactly = settings(max_examples=25, deadline=None)


@exactly
@given(sets=SETS, soft=st.booleans(), seed=st.integers(0, 99), scale=st.floats(0.1, 50))
def test_infonce_and_its_gradients_equal_the_slow_reference(
    sets: list[set[int]], soft: bool, seed: int, scale: float
) -> None:
    affinity = jaccard(sets).double()
    affinity = affinity if soft else (affinity == 1).double()
    values = (unit(len(sets), seed, 3), unit(len(sets), seed + 100, 3), affinity, torch.tensor(scale, dtype=torch.float64))
    for ours, slow in zip(with_gradients(losses.infonce, *values), with_gradients(slow_infonce, *values), strict=True):
        torch.testing.assert_close(ours, slow, rtol=1e-8, atol=1e-10)


@exactly
@given(sets=SETS, soft=st.booleans(), seed=st.integers(0, 99), scale=st.floats(0.1, 20), bias=st.floats(-10, 10))
def test_siglip_and_its_gradients_equal_the_slow_reference(
    sets: list[set[int]], soft: bool, seed: int, scale: float, bias: float
) -> None:
    affinity = jaccard(sets).double()
    affinity = affinity if soft else (affinity == 1).double()
    scalars = (torch.tensor(value, dtype=torch.float64) for value in (scale, bias))
    values = (unit(len(sets), seed, 3), unit(len(sets), seed + 100, 3), affinity, *scalars)
    for ours, slow in zip(with_gradients(losses.siglip, *values), with_gradients(slow_siglip, *values), strict=True):
        torch.testing.assert_close(ours, slow, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("parts", [2, 3])
def test_the_mean_over_processes_is_the_joint_loss(parts: int) -> None:
    """Loss and gradients, where each process holds its rows of the affinity and the vectors of all."""
    affinity = jaccard([{0}, {0, 1}, {2}, {1}, {0}, {2, 3}])
    values = (unit(6, 0), unit(6, 1), affinity, torch.tensor(9.0).double(), torch.tensor(-4.0).double())
    rows = torch.arange(6).chunk(parts)

    def parted_infonce(ecg: torch.Tensor, text: torch.Tensor, affinity: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return torch.stack([losses.infonce(ecg[own], text[own], affinity[own], scale, ecg, text) for own in rows]).mean()

    def parted_siglip(
        ecg: torch.Tensor, text: torch.Tensor, affinity: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        return torch.stack([losses.siglip(ecg[own], text[own], affinity[own], scale, bias, text) for own in rows]).mean()

    torch.testing.assert_close(with_gradients(parted_infonce, *values[:4]), with_gradients(losses.infonce, *values[:4]))
    torch.testing.assert_close(with_gradients(parted_siglip, *values), with_gradients(losses.siglip, *values))


def test_the_order_of_the_pairs_does_not_matter() -> None:
    ecg, text, affinity = unit(6, 0), unit(6, 1), jaccard([{0}, {0, 1}, {2}, {1}, {0}, {2, 3}])
    scale, bias = torch.tensor(9.0), torch.tensor(-4.0)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    moved = ecg[order], text[order], affinity[order][:, order], scale
    torch.testing.assert_close(losses.infonce(*moved), losses.infonce(ecg, text, affinity, scale))
    torch.testing.assert_close(losses.siglip(*moved, bias), losses.siglip(ecg, text, affinity, scale, bias))
    other = ecg[order], text, affinity, scale
    assert not torch.isclose(losses.infonce(*other), losses.infonce(ecg, text, affinity, scale))
    assert not torch.isclose(losses.siglip(*other, bias), losses.siglip(ecg, text, affinity, scale, bias))


def test_infonce_is_plain_where_each_pair_is_its_own_positive() -> None:
    ecg, text, labels = unit(6, 0), unit(6, 1), torch.arange(6)
    logits = 14.3 * ecg @ text.T
    expected = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(losses.infonce(ecg, text, torch.eye(6), torch.tensor(14.3)), expected)


@pytest.mark.parametrize("n", [1, 2, 48])
def test_infonce_is_ln_n_at_chance(n: int) -> None:
    same = unit(1, 0).expand(n, -1)
    for affinity in (torch.eye(n), identical([row % 3 for row in range(n)])):
        assert losses.infonce(same, same, affinity, torch.tensor(14.3)).item() == pytest.approx(math.log(n), abs=1e-6)


def test_siglip_at_its_start_and_at_chance() -> None:
    """With all vectors alike the logit is scale + bias: M - 1 negatives and one positive; M ln 2 where that is 0."""
    same = unit(1, 0).expand(48, -1)
    loss = losses.siglip(same, same, torch.eye(48), torch.tensor(10.0), torch.tensor(-10.0))
    assert loss.item() == pytest.approx(48 * math.log(2))
    loss = losses.siglip(same, same, torch.eye(48), torch.tensor(10.0), torch.tensor(-7.0))
    assert loss.item() == pytest.approx(math.log1p(math.exp(-3)) + 47 * math.log1p(math.exp(3)))


def test_perfect_alignment_reaches_the_least_value() -> None:
    """0 with own positives; the log of the group's size, or the labels' entropy, where positives are several or soft."""
    eye, scale, bias = torch.eye(8, dtype=torch.float64), torch.tensor(100.0), torch.tensor(-50.0)
    assert losses.infonce(eye, eye, torch.eye(8), scale).item() == pytest.approx(0, abs=1e-9)
    assert losses.siglip(eye, eye, torch.eye(8), scale, bias).item() == pytest.approx(0, abs=1e-9)
    grouped, affinity = eye[[0, 0, 0, 1, 1, 1]], identical([0, 0, 0, 1, 1, 1])
    assert losses.infonce(grouped, grouped, affinity, scale).item() == pytest.approx(math.log(3), abs=1e-9)
    assert losses.siglip(grouped, grouped, affinity, scale, bias).item() == pytest.approx(0, abs=1e-9)
    # Two pairs of affinity 1/2: targets (2/3, 1/3), at cosines of 1 and 1/2 with scale 2 ln 2; labels (1, 1/2).
    halves = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)]], dtype=torch.float64)
    soft = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    entropy = math.log(3) - 2 / 3 * math.log(2)
    assert losses.infonce(halves, halves, soft, torch.tensor(2 * math.log(2))).item() == pytest.approx(entropy)
    at_bound = losses.siglip(halves, halves, soft, torch.tensor(100.0), torch.tensor(-50.0))
    assert at_bound.item() == pytest.approx(math.log(2), abs=1e-9)


def test_the_gradient_of_the_scale() -> None:
    """Two right pairs at right angles: the loss is ln(1 + exp(-s)), its slope -1 / (1 + exp(s)); 0 where all are alike."""
    eye = torch.eye(2, dtype=torch.float64)
    for s in (0.5, 3.0):
        scale = torch.tensor(s, dtype=torch.float64, requires_grad=True)
        loss = losses.infonce(eye, eye, torch.eye(2), scale)
        loss.backward()
        assert loss.item() == pytest.approx(math.log1p(math.exp(-s)))
        assert scale.grad is not None
        assert scale.grad.item() == pytest.approx(-1 / (1 + math.exp(s)))
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    same = unit(1, 0).expand(4, -1)
    losses.infonce(same, same, torch.eye(4), scale).backward()
    assert scale.grad is not None
    assert scale.grad.item() == pytest.approx(0, abs=1e-12)


def test_pairs_that_say_the_same_do_not_repel() -> None:
    """Two alike ECGs, one finding in two wordings: as negatives they are torn apart, as positives they are treated alike."""
    ecg = unit(3, 0)[[0, 0, 1]]
    text = F.normalize(ecg + 0.1 * unit(3, 5), dim=1)
    for loss, scalars in ((losses.infonce, (14.3,)), (losses.siglip, (14.3, -10.0))):
        gradients = {}
        for name, affinity in (("positives", identical([0, 0, 1])), ("negatives", torch.eye(3))):
            learnt = ecg.clone().requires_grad_()
            loss(learnt, text, affinity, *(torch.tensor(value) for value in scalars)).backward()
            assert learnt.grad is not None
            gradients[name] = learnt.grad
        torch.testing.assert_close(gradients["positives"][0], gradients["positives"][1])
        assert (gradients["negatives"][0] - gradients["negatives"][1]).norm() > 0.1


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operation makes, backward pass included."""

    elements = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        parts = out if isinstance(out, (tuple, list)) else (out,)
        self.elements = max([self.elements, *(part.numel() for part in parts if isinstance(part, torch.Tensor))])
        return out


@pytest.mark.parametrize("kind", ["own", "identical", "overlapping"])
def test_nothing_is_larger_than_this_processs_rows_of_the_joint_batch(kind: Any) -> None:
    """B x M, never M x M: what a process holds does not grow with the square of the processes."""

    def largest(own: int, everywhere: int) -> int:
        ecg, text = (unit(everywhere, seed, 3).requires_grad_() for seed in (0, 1))
        number, findings = torch.arange(everywhere), torch.arange(everywhere)[:, None].expand(-1, 2) % 5
        scale, bias = (torch.tensor(value, requires_grad=True) for value in (9.0, -4.0))
        with Largest() as seen:
            affinity = positives.affinity(kind, number[:own], findings[:own], number, findings)
            (
                losses.infonce(ecg[:own], text[:own], affinity, scale, ecg, text)
                + losses.siglip(ecg[:own], text[:own], affinity, scale, bias, text)
            ).backward()
        return seen.elements

    assert largest(8, 64) == 8 * 64
    assert largest(64, 64) == 64 * 64


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
