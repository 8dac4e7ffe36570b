"""Written texts: the cached steps are the full forward pass, greedy and nucleus choose as they say, errors are sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.errors import EsiError
from esi.model import generation
from esi.model.generation import GenerationError, draw, greedy, nucleus
from tests.model.mini import mini_esi
from tests.model.untrained import END, START, decoder, enlarge, likelihoods, one, task, text


@pytest.mark.parametrize("length", [1, 2, 9, 30])
@pytest.mark.parametrize("padded", [False, True])
def test_cached_steps_are_the_full_forward_pass(length: int, padded: bool) -> None:
    model, given = decoder(), task(3, length, padded=padded)
    ids = torch.randint(12, (3, length), generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        full = model.logits(model(ids, given.tokens_BSD, given.mask_BS))
        cache = model.start(given.tokens_BSD, given.mask_BS)
        steps = torch.stack([model.logits(model.step(ids[:, place], cache)) for place in range(length)], dim=1)
    assert cache.length == length
    torch.testing.assert_close(steps, full, atol=2e-4, rtol=1e-5)
    assert (full[0] - full[1]).abs().amax() > 0.1  # there is something to tell apart


def test_several_texts_of_an_ecg_share_its_keys_and_values() -> None:
    model, given = decoder(), task(2, 5)
    ids = torch.randint(12, (6, 5), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = model(ids, given.tokens_BSD.repeat_interleave(3, 0), given.mask_BS.repeat_interleave(3, 0))
        cache = model.start(given.tokens_BSD, given.mask_BS)
        steps = torch.stack([model.step(ids[:, place], cache) for place in range(5)], dim=1)
    torch.testing.assert_close(steps, full, atol=2e-4, rtol=1e-5)
    assert {len(part) for pair in cache.ecg for part in pair} == {2}


def test_the_ecg_is_projected_once_a_text() -> None:
    model, given = decoder(), task(2, 12)
    calls: list[int] = []
    for block in model.blocks:
        block.cross_attention.key.register_forward_hook(lambda *_: calls.append(1))
    assert greedy(model, given).ids_BL.shape[1] > 2
    assert len(calls) == len(model.blocks)


def test_greedy_takes_the_likeliest_token_and_stops_at_the_end() -> None:
    model, given = decoder(), task(8, 25)
    texts = greedy(model, given)
    lengths = set(texts.length_B.tolist())
    assert len(lengths) > 2
    for row in range(8):
        ids, alone = text(texts, row), one(given, row)
        assert END not in ids[:-1]
        assert ids[-1] == END or len(ids) == 25
        assert (texts.ids_BL[row, len(ids) :] == END).all()
        whole = torch.tensor([[START, *ids[:-1]]])
        with torch.no_grad():
            full = model.logits(model(whole, alone.tokens_BSD, alone.mask_BS))[0]
        assert full.argmax(1).tolist() == ids
        assert texts.log_likelihood_B[row].item() == pytest.approx(
            likelihoods(model, alone, torch.tensor([ids])).sum().item(), abs=1e-3
        )
        assert text(greedy(model, alone), 0) == ids  # the batch's other ECGs do not matter


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), top_p=st.floats(0.01, 1.0), temperature=st.floats(0.1, 3.0))
def test_nothing_is_drawn_outside_the_nucleus(seed: int, top_p: float, temperature: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(7, generator=generator)
    uniform = torch.linspace(0, 1, 200, dtype=torch.float64)  # with 1, as rounding may have it
    drawn = set(draw(logits.expand(200, 7), top_p, temperature, uniform).tolist())
    share = [p.item() for p in torch.softmax(logits.double() / temperature, 0)]
    total, inside = 0.0, set()
    for token in sorted(range(7), key=lambda token: -share[token]):
        inside.add(token)
        total += share[token]
        if total >= top_p - 1e-12:
            break
    assert drawn <= inside
    assert {token for token in inside if share[token] > 0.02} <= drawn  # 200 even places miss no larger share


@pytest.mark.parametrize("top_p", [0.1, 0.6, 0.9, 1.0])
def test_sorting_only_the_likeliest_changes_no_draw(monkeypatch: pytest.MonkeyPatch, top_p: float) -> None:
    logits = 2 * torch.randn(300, 50, generator=torch.Generator().manual_seed(0))
    uniform = torch.rand(300, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = draw(logits, top_p, 1.0, uniform)
    for likeliest in (1, 5, 20):
        monkeypatch.setattr(generation, "LIKELIEST", likeliest)
        alone = [draw(logits[row : row + 1], top_p, 1.0, uniform[row : row + 1]) for row in range(300)]
        assert torch.equal(torch.cat(alone), expected)


def test_the_nucleus_is_drawn_by_its_shares() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(4000, 4)
    uniform = torch.rand(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts = draw(logits, 0.7, 1.0, uniform).bincount(minlength=4) / 4000
    torch.testing.assert_close(counts, torch.tensor([0.625, 0.375, 0.0, 0.0]), atol=0.03, rtol=0)
    hot = draw(logits, 1.0, 2.0, uniform).bincount(minlength=4) / 4000
    root = torch.tensor([0.5, 0.3, 0.15, 0.05]).sqrt()
    torch.testing.assert_close(hot, root / root.sum(), atol=0.03, rtol=0)


def test_a_seed_draws_the_same_texts_again() -> None:
    model, given = decoder(), task(6, 15)
    first, again, other = (nucleus(model, given, 0.95, 1.5, seed) for seed in (1, 1, 2))
    assert torch.equal(first.ids_BL, again.ids_BL)
    assert torch.equal(first.log_likelihood_B, again.log_likelihood_B)
    assert [text(first, row) for row in range(6)] != [text(other, row) for row in range(6)]
    state = torch.random.get_rng_state()
    nucleus(model, given, 0.95, 1.5, 1)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("top_p", "temperature"), [(1e-9, 1.0), (1.0, 1e-4)])
def test_a_nucleus_of_one_is_greedy(top_p: float, temperature: float) -> None:
    model, given = decoder(), task(6, 15)
    assert torch.equal(nucleus(model, given, top_p, temperature, 0).ids_BL, greedy(model, given).ids_BL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bert")


@pytest.mark.parametrize("method", ["greedy", "beam", "nucleus"])
def test_a_model_writes_texts_without_special_tokens(folder: Path, method: str) -> None:
    model = mini_esi(folder).eval()
    enlarge(model.decoder)
    torch.manual_seed(1)
    ecg = torch.randn(4, 12, 300)
    valid = torch.tensor([300, 200, 300, 120])
    texts = model.generate(ecg, valid, method=method, max_tokens=12)
    assert len(texts) == 4
    assert all(isinstance(item, str) and "[" not in item for item in texts)
    assert len(set(texts)) > 1
    assert model.generate(ecg, valid, method=method, max_tokens=12) == texts
    padded = torch.cat([ecg, torch.randn(4, 12, 64)], dim=2)
    assert model.generate(padded, valid, method=method, max_tokens=12) == texts
    assert 1 < max(len(item.replace(".", " . ").split()) for item in texts) <= 12


def test_a_learnt_text_is_written_by_every_method(folder: Path) -> None:
    """From the tokenizer to the search and back: what was learnt for each kind of ECG is what is said of it."""
    model = mini_esi(folder)
    torch.manual_seed(2)
    said = ["atrial fibrillation with left bundle branch block.", "sinus rhythm of a woman."]
    ids, mask = model.text.tokenize(said)
    ecg = torch.randn(2, 12, 200)
    valid = torch.tensor([200, 160])
    optimizer = torch.optim.AdamW(model.decoder.parameters(), lr=5e-3)
    for _ in range(60):
        out = model(ecg, valid, ids, mask)
        loss = torch.nn.functional.cross_entropy(model.decoder.logits(out["caption_states"]), out["caption_targets"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for method in ("greedy", "beam", "nucleus"):
        assert model.generate(ecg, valid, method=method) == said, method


def test_what_cannot_be_done_is_a_sentence(folder: Path) -> None:
    ecg = torch.randn(1, 12, 100)
    with pytest.raises(GenerationError, match=r"no caption decoder .*lambda_cap"):
        mini_esi(folder, captions=False).generate(ecg)
    model = mini_esi(folder)
    wrong = [
        ({"method": "guess"}, "no method 'guess': choose greedy, beam or nucleus"),
        ({"method": "beam", "beams": 0}, "beams is 0"),
        ({"method": "beam", "length_penalty": -1.0}, r"length_penalty -1\.0"),
        ({"method": "nucleus", "top_p": 0.0}, r"top_p is 0\.0"),
        ({"method": "nucleus", "top_p": 1.1}, r"top_p is 1\.1"),
        ({"method": "nucleus", "temperature": 0.0}, r"temperature is 0\.0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
    ]
    for arguments, message in wrong:
        with pytest.raises(EsiError, match=message):
            model.generate(ecg, **arguments)
