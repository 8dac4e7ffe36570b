"""Beam search finds what it promises: against all texts, a slow search, and written-out cases."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.model.caption_decoder import CaptionDecoder
from esi.model.generation import Task, beam, greedy
from tests.model.untrained import END, START, decoder, likelihoods, one, task, text


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_one_beam_is_greedy(seed: int, penalty: float) -> None:
    model, given = decoder(seed=seed), task(6, 15, seed)
    found, expected = beam(model, given, 1, penalty), greedy(model, given)
    assert [text(found, row) for row in range(6)] == [text(expected, row) for row in range(6)]
    torch.testing.assert_close(found.log_likelihood_B, expected.log_likelihood_B, atol=1e-3, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), beams=st.integers(2, 6), penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]))
def test_a_beam_is_never_worse_than_greedy_and_reports_its_true_score(seed: int, beams: int, penalty: float) -> None:
    model, given = decoder(seed=seed), task(5, 8, seed)
    found, plain = beam(model, given, beams, penalty), greedy(model, given)
    assert (found.worth(penalty) >= plain.worth(penalty) - 1e-5).all()
    for row in range(5):
        ids = text(found, row)
        assert END not in ids[:-1]
        assert ids[-1] == END or len(ids) == 8
        total = likelihoods(model, one(given, row), torch.tensor([ids])).sum().item()
        assert found.log_likelihood_B[row].item() == pytest.approx(total, abs=1e-3)
        assert text(beam(model, one(given, row), beams, penalty), 0) == ids


def slow_beam(model: CaptionDecoder, alone: Task, beams: int, penalty: float) -> list[int]:
    """One ECG's beam search by lists, to the end: those that ended keep their places, the best of the others fill up."""
    kept: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(alone.max_tokens):
        ended, live = ([item for item in kept if (item[1][-1:] == [END]) == whether] for whether in (True, False))
        if not live:
            break
        texts = torch.tensor([[START, *ids] for _, ids in live])
        with torch.no_grad():
            states = model(texts, alone.tokens_BSD.expand(len(live), -1, -1), alone.mask_BS.expand(len(live), -1))[:, -1]
            steps = model.logits(states).log_softmax(1).tolist()
        longer = [
            (total + log_p, [*ids, token])
            for (total, ids), step in zip(live, steps, strict=True)
            for token, log_p in enumerate(step)
        ]
        kept = ended + sorted(longer, reverse=True)[: beams - len(ended)]
    kept += [(likelihoods(model, alone, plain.ids_BL).sum().item(), text(plain, 0)) for plain in [greedy(model, alone)]]
    return max(kept, key=lambda item: item[0] / len(item[1]) ** penalty)[1]


@pytest.mark.parametrize(("vocabulary", "beams"), [(3, 4), (4, 3), (4, 6), (12, 3)])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
def test_a_beam_is_the_slow_search(vocabulary: int, beams: int, penalty: float) -> None:
    for seed in range(10):
        model, given = decoder(vocabulary, seed), task(4, 10, seed)
        found = beam(model, given, beams, penalty)
        slow = [slow_beam(model, one(given, row), beams, penalty) for row in range(4)]
        assert [text(found, row) for row in range(4)] == slow


class Scripted:
    """A decoder (and its own cache) whose next token's shares are a function of the tokens before it."""

    def __init__(self, shares: Callable[[tuple[int, ...]], list[float]]) -> None:
        self.shares = shares
        self.texts: list[tuple[int, ...]] = []

    def start(self, tokens_BSD: torch.Tensor, mask_BS: torch.Tensor) -> Scripted:
        return Scripted(self.shares)

    def step(self, ids_R: torch.Tensor, cache: Scripted) -> torch.Tensor:
        before = cache.texts or [()] * len(ids_R)
        cache.texts = [(*text, token) for text, token in zip(before, ids_R.tolist(), strict=True)]
        return torch.tensor([self.shares(text[1:]) for text in cache.texts]).log()

    def take(self, rows_R: torch.Tensor) -> None:
        self.texts = [self.texts[row] for row in rows_R.tolist()]

    @staticmethod
    def logits(states: torch.Tensor) -> torch.Tensor:
        return states


def test_a_text_that_ended_keeps_its_place() -> None:
    """At the second token two others are likelier, at the third none is any more."""
    flat = [1 / 12] * 12
    script = {(): [0.8, 0, 0.2] + [0] * 9, (0,): [0.5, 0.5] + [0] * 10}
    model = Scripted(lambda text: script.get(text, flat))
    found = beam(model, task(2, 6), 2, 0.0)
    assert [text(found, row) for row in range(2)] == [[END], [END]]


def test_beams_that_do_not_exist_yet_take_no_place() -> None:
    """Ten beams, three texts after the first token, nine after the second: the least likely of the nine is the best."""
    flat = [1 / 4] * 4
    second = {0: [0.34, 0.33, 1e-6, 0.33], 1: [0.34, 0.33, 1e-6, 0.33], 3: [0.37, 0.35, 1e-6, 0.28]}

    def shares(text: tuple[int, ...]) -> list[float]:
        if len(text) < 2:
            return second.get(text[0], flat) if text else [0.4, 0.3, 0.01, 0.29]
        return [0, 0, 1, 0] if text == (3, 3) else flat

    assert text(beam(Scripted(shares), task(1, 6), 10, 0.0), 0) == [3, 3, END]


def test_a_wider_beam_finds_better_texts_than_greedy() -> None:
    """The control of the test above: that greedy is also written there must not be all that helps."""
    better = sum(
        int((beam(model, given, 6, 0.0).worth(0.0) > greedy(model, given).worth(0.0) + 1e-3).sum())
        for model, given in ((decoder(seed=seed), task(5, 8, seed)) for seed in range(6))
    )
    assert better > 5


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 3.0])
@pytest.mark.parametrize(("vocabulary", "length"), [(4, 4), (6, 3)])
def test_a_beam_as_wide_as_all_texts_finds_the_best_of_all(vocabulary: int, length: int, penalty: float) -> None:
    for seed in range(3):
        model, given = decoder(vocabulary, seed), task(2, length, seed)
        texts = {
            tuple(itertools.takewhile(lambda token: token != END, ids)) + ((END,) if END in ids else ())
            for ids in itertools.product(range(vocabulary), repeat=length)
        }
        found = beam(model, given, vocabulary**length, penalty)
        for row in range(2):
            alone = one(given, row)
            worth = {ids: likelihoods(model, alone, torch.tensor([ids])).sum().item() / len(ids) ** penalty for ids in texts}
            best = max(worth, key=lambda ids: worth[ids])
            assert tuple(text(found, row)) == best
            assert found.worth(penalty)[row].item() == pytest.approx(worth[best], abs=1e-4)


def test_a_length_penalty_makes_texts_longer() -> None:
    model, given = decoder(seed=3), task(12, 12, 3)
    mean = [beam(model, given, 6, penalty).length_B.float().mean().item() for penalty in (0.0, 1.0, 3.0)]
    assert mean[0] < mean[1] < mean[2]
