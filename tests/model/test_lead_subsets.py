"""ECGs with fewer leads: placed by name, derived where they follow, masked in training as users' recorders lack them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.ecg.leads import LEADS
from esi.model.lead_subsets import LeadSubsetError, apply, place_leads, random_lead_mask

LIMB = LEADS[:6]


def twelve(seed: int = 0) -> torch.Tensor:
    """Leads from potentials of the four electrodes and Wilson's terminal: Einthoven and Goldberger hold by definition."""
    generator = torch.Generator().manual_seed(seed)
    right, left, foot = (torch.randn(2, 50, generator=generator, dtype=torch.float64) for _ in range(3))
    chest = torch.randn(2, 6, 50, generator=generator, dtype=torch.float64) - ((right + left + foot) / 3)[:, None]
    limb = [left - right, foot - right, foot - left]
    limb += [right - (left + foot) / 2, left - (right + foot) / 2, foot - (right + left) / 2]
    return torch.cat([torch.stack(limb, dim=1), chest], dim=1).float()


@pytest.mark.parametrize("pair", list(itertools.combinations(LIMB, 2)))
def test_any_two_limb_leads_give_all_six(pair: tuple[str, str]) -> None:
    ecg = twelve()
    placed, present = place_leads(ecg[:, [LEADS.index(name) for name in pair]], pair, LEADS)
    torch.testing.assert_close(placed[:, :6], ecg[:, :6], atol=1e-5, rtol=1e-5)
    assert present[:, :6].all()
    assert not present[:, 6:].any()
    assert (placed[:, 6:] == 0).all()


def test_eight_leads_give_twelve_in_any_order_and_case() -> None:
    ecg = twelve()
    names = ["v6", "II", "V1", "v3", "i", "V2", "V5", " V4"]
    order = [[lead.upper() for lead in LEADS].index(name.strip().upper()) for name in names]
    placed, present = place_leads(ecg[:, order], names, LEADS)
    assert present.all()
    assert torch.equal(placed[:, order], ecg[:, order])  # what is given stays as it is
    torch.testing.assert_close(placed, ecg, atol=1e-5, rtol=1e-5)


def test_given_leads_are_kept_even_where_they_disagree() -> None:
    ecg = torch.randn(1, 3, 20)  # III is not II - I
    placed, present = place_leads(ecg, ["I", "II", "III"], LEADS)
    assert torch.equal(placed[:, :3], ecg)
    assert present[0].tolist() == [True] * 6 + [False] * 6
    # Least squares over the three: the frontal vector whose leads are nearest to them.
    design = torch.tensor([[1.0, 0], [0, 1], [-1, 1]])
    vector = torch.linalg.lstsq(design, ecg[0]).solution
    torch.testing.assert_close(placed[0, 3], -vector.sum(0) / 2, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["I", "aVR", "V3"])
def test_one_lead_stays_alone(name: str) -> None:
    place = LEADS.index(name)
    placed, present = place_leads(twelve()[:, [place]], [name], LEADS)
    assert present.sum(dim=1).tolist() == [1, 1]
    assert torch.equal(placed, apply(twelve(), torch.arange(12).eq(place).expand(2, 12)))


def test_a_model_of_fewer_leads_gets_only_those() -> None:
    ecg = twelve()
    placed, present = place_leads(ecg[:, [0, 3]].flip(1), ["aVR", "I"], ["aVF", "aVR", "V1", "I"])
    torch.testing.assert_close(placed[:, [0, 1, 3]], ecg[:, [5, 3, 0]], atol=1e-5, rtol=1e-5)
    assert present[0].tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["I", "X"], "no lead 'X'.*V6"),
        (["II", "ii"], "lead II is named twice"),
        (["I"], "2 leads and 1 names"),
        ([], "2 leads and 0 names"),
    ],
)
def test_names_that_do_not_fit_are_an_error(names: list[str], message: str) -> None:
    with pytest.raises(LeadSubsetError, match=message):
        place_leads(torch.zeros(1, 2, 10), names, LEADS)


@settings(max_examples=50, deadline=None)
@given(seed=st.lists(st.integers(0, 2**31), min_size=1, max_size=3))
def test_masks_are_such_as_recorders_give(seed: list[int]) -> None:
    """Each is what `place_leads` makes of the leads that it keeps; at a share of 1 each record keeps and loses some."""
    keep = random_lead_mask(40, seed, 1.0, LEADS)
    assert keep.shape == (40, 12)
    assert keep.dtype == torch.bool
    assert torch.equal(keep, random_lead_mask(40, seed, 1.0, LEADS))
    for kept in keep:
        names = [name for name, there in zip(LEADS, kept, strict=True) if there]
        assert 0 < len(names) < 12
        assert torch.equal(place_leads(torch.zeros(1, len(names), 1), names, LEADS)[1][0], kept)


def test_masks_have_their_share_and_all_kinds() -> None:
    n = 4000
    keep = random_lead_mask(n, 0, 0.3, LEADS)
    lost = keep[~keep.all(dim=1)]
    assert abs(len(lost) / n - 0.3) < 4 * math.sqrt(0.3 * 0.7 / n)
    limb, others = lost[:, :6].sum(dim=1), lost[:, 6:].sum(dim=1)
    assert set(limb.tolist()) == {0, 1, 6}
    assert set(others.tolist()) == set(range(7))
    for place in (0, 1):  # I and II alone: an eighth each, and a little from the sets of any kind
        assert abs(((limb == 1) & (others == 0) & lost[:, place]).float().mean() - 0.125) < 0.04
    assert abs(((limb == 6) & (others == 0)).float().mean() - 0.25) < 0.06
    assert (lost.sum(dim=0) > 0.2 * len(lost)).all()
    assert not torch.equal(keep, random_lead_mask(n, 1, 0.3, LEADS))
    assert random_lead_mask(n, 0, 0.0, LEADS).all()


def test_masking_needs_the_limb_leads() -> None:
    with pytest.raises(LeadSubsetError, match="lacks limb leads .*'aVR'"):
        random_lead_mask(1, 0, 1.0, ["I", "II", "V1"])


def test_apply_zeroes_what_is_not_kept_whatever_stands_there() -> None:
    ecg = twelve()
    ecg[0, 3] = torch.nan
    keep = torch.ones(2, 12, dtype=torch.bool)
    keep[0, 3] = keep[1, 11] = False
    out = apply(ecg, keep)
    assert (out[~keep] == 0).all()
    assert torch.equal(out[keep], ecg[keep])
