"""Padding on the way into a signal encoder and out of it."""

from __future__ import annotations

import pytest
import torch

from esi.model.valid_lengths import outputs, real_part, real_tokens


def test_what_is_padding_for_all_is_cut_off_and_the_rest_zeroed() -> None:
    ecg = torch.ones(2, 1, 20)
    cut, lengths = real_part(ecg, torch.tensor([9, 5]), leads=1, multiple=4)
    assert cut.shape == (2, 1, 12)
    assert cut.sum(dim=2).flatten().tolist() == [9, 5]
    assert (cut[0, 0, :9] == 1).all()
    assert lengths is not None
    assert lengths.tolist() == [9, 5]


@pytest.mark.parametrize("valid", [None, torch.tensor([20, 20])])
def test_equal_lengths_need_no_mask(valid: torch.Tensor | None) -> None:
    cut, lengths = real_part(torch.ones(2, 1, 20), valid, leads=1, multiple=8)
    assert cut.shape == (2, 1, 24)
    assert (cut[:, :, 20:] == 0).all()
    assert lengths is None


def test_nothing_in_the_padding_gets_through() -> None:
    ecg = torch.full((2, 1, 6), torch.nan)
    ecg[0, 0, :2] = ecg[1, 0, :4] = 1.0
    assert torch.isfinite(real_part(ecg, torch.tensor([2, 4]), leads=1)[0]).all()


def test_a_token_is_real_if_any_of_its_samples_is() -> None:
    mask = real_tokens(torch.tensor([1, 8, 9]), stride=4, length=3, device=torch.device("cpu"))
    assert mask.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_outputs_leave_padding_out_of_the_mean() -> None:
    x = torch.tensor([[[1.0], [3.0], [50.0]], [[1.0], [2.0], [6.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    tokens, real, pooled = outputs(x, mask)
    assert tokens.flatten().tolist() == [1, 3, 0, 1, 2, 6]
    assert torch.equal(real, mask)
    assert pooled.flatten().tolist() == [2, 3]
    assert outputs(x[1:], None)[2].item() == 3
