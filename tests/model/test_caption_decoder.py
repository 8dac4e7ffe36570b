"""The caption decoder cannot peek, and sees where in the ECG something happens."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from esi.model.caption_decoder import CaptionDecoder, positions
from esi.model.convnext1d import SIZES, ConvNeXt1d

V, D, S, L = 50, 24, 6, 9


def decoder(seed: int = 0) -> CaptionDecoder:
    torch.manual_seed(seed)
    return CaptionDecoder(V, ecg_dim=D, dim=32, heads=4, layers=2)


def ecg_tokens(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(batch, S, D), torch.ones(batch, S, dtype=torch.bool)


@pytest.mark.parametrize("changed", range(L))
def test_a_token_changes_no_logit_before_it(changed: int) -> None:
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.randint(V, (2, L))
    other = ids.clone()
    other[:, changed] = (other[:, changed] + 1) % V
    one, two = (model.logits(model(x, tokens, mask)) for x in (ids, other))
    assert torch.equal(one[:, :changed], two[:, :changed])
    assert (one[:, changed:] - two[:, changed:]).abs().amax(dim=(0, 2)).min() > 1e-6


def test_predictions_are_shifted_by_one_and_skip_padding() -> None:
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.tensor([[2, 11, 12, 3], [2, 13, 3, 0]])
    real = ids != 0
    states, targets = model.predictions(ids, real, tokens, mask)
    assert targets.tolist() == [11, 12, 3, 13, 3]
    all_states = model(ids, tokens, mask)
    torch.testing.assert_close(
        states, torch.stack([all_states[0, 0], all_states[0, 1], all_states[0, 2], all_states[1, 0], all_states[1, 1]])
    )


def test_fresh_random_captions_cannot_be_learnt() -> None:
    """With nothing to know about the next token, no loss below ln V is honest: the published code reached far below."""
    model = decoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(150):
        ids = torch.randint(V, (32, 12), generator=generator)
        tokens, mask = ecg_tokens(32)
        states, targets = model.predictions(ids, torch.ones_like(ids, dtype=torch.bool), tokens, mask)
        loss = F.cross_entropy(model.logits(states), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    late = sum(losses[-50:]) / 50
    assert late > math.log(V) - 0.03
    assert late < math.log(V) + 0.2  # it did learn what there is: that all tokens are equally likely


def test_learnable_captions_are_learnt() -> None:
    """The control of the test above: what does follow from the ECG and the earlier tokens falls far below ln V."""
    model = decoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    loss = torch.tensor(9.0)
    for _ in range(150):
        kind = torch.randint(2, (32,), generator=generator)
        tokens, mask = torch.randn(32, S, D, generator=generator), torch.ones(32, S, dtype=torch.bool)
        tokens[:, :, 0] += 4.0 * kind[:, None]
        ids = (kind[:, None] * 20 + torch.arange(12)[None]) % V
        ids[:, 0] = 2  # as [CLS]: the same for both kinds
        states, targets = model.predictions(ids, torch.ones_like(ids, dtype=torch.bool), tokens, mask)
        loss = F.cross_entropy(model.logits(states), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3


def test_order_of_ecg_tokens_matters() -> None:
    """Without positions, cross-attention is a bag of tokens: permuting them would change nothing."""
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.randint(V, (2, L))
    one = model(ids, tokens, mask)
    two = model(ids, tokens[:, torch.arange(S - 1, -1, -1)], mask)
    assert (one - two).abs().max() > 1e-3


def test_repeating_the_pooled_vector_would_be_seen() -> None:
    """The published code's "image tokens" were one vector repeated: then attention to them is a constant. Ours is not."""
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.randint(V, (2, L))
    one = model(ids, tokens, mask)
    two = model(ids, tokens.mean(1, keepdim=True).expand_as(tokens), mask)
    assert (one - two).abs().max() > 1e-3


def test_output_depends_on_where_an_event_is() -> None:
    """A bump moved by whole tokens leaves the encoder's tokens alike but for their place, which the decoder must tell."""
    torch.manual_seed(0)
    encoder = ConvNeXt1d(SIZES["nano"]).eval()
    model = CaptionDecoder(V, encoder.dim, dim=32, heads=4, layers=2)
    bump = torch.exp(-0.5 * ((torch.arange(2048) - 640) / 6.0) ** 2).expand(1, 12, 2048)
    early, late = encoder(bump), encoder(bump.roll(768, dims=2))
    torch.testing.assert_close(early[0][0, 20], late[0][0, 44], atol=2e-3, rtol=0)
    ids = torch.randint(V, (1, L))
    one, two = (model.logits(model(ids, tokens, mask)) for tokens, mask, _ in (early, late))
    assert (one - two).abs().max() > 1e-4
    pooled = (early[2] - late[2]).abs().max()
    assert (one - two).abs().max() > 5 * pooled  # nothing that the pooled vector could tell


def test_padded_ecg_tokens_are_not_seen() -> None:
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.randint(V, (2, L))
    longer = torch.cat([tokens, 100 * torch.randn(2, 3, D)], dim=1)
    longer_mask = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(model(ids, longer, longer_mask), model(ids, tokens, mask), atol=1e-5, rtol=1e-4)


def test_bf16_attention_path_agrees_with_float32() -> None:
    model, (tokens, mask) = decoder(), ecg_tokens()
    ids = torch.randint(V, (2, L))
    with torch.autocast("cpu", torch.bfloat16):
        low = model(ids, tokens, mask)
    torch.testing.assert_close(low.float(), model(ids, tokens, mask), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("dim", [2, 7, 32])
def test_positions_differ_and_start_at_cosine_one(dim: int) -> None:
    table = positions(40, dim, torch.device("cpu"))
    assert table.shape == (40, dim)
    assert torch.cdist(table, table).fill_diagonal_(1).min() > 1e-3
