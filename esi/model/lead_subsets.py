"""ECGs with fewer leads than the model reads: put in their places, and drawn at random for training.

A missing lead is zeros and nothing else. A learnt vector for it would be one more input that callers can forget, parameters
without a gradient where no lead is ever masked, and counts that are not the paper's; and zeros do say it: no recorded lead
is exactly zero throughout (flat leads are quarantined), and all encoders weigh channels over the whole record.

Legend: B batch, K given leads, C the model's leads, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from esi.errors import EsiError

# The limb leads as weights of I and II: Einthoven's law (III = II - I) and Goldberger's augmented leads.
LIMB = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}


class LeadSubsetError(EsiError):
    """Leads are named that do not fit the model's."""


def place_leads(ecg_BKT: Tensor, names: Sequence[str], all_names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Put leads in the model's places, by name, and derive the limb leads that follow from two or more of them.

    Any two limb leads give the other four exactly; more than two give them by least squares, which differs from it by their
    own disagreement only (rounding). So I, II and V1-V6 give all twelve. Given leads are not changed.

    Args:
        ecg_BKT: millivolts, K >= 1.
        names: of the K leads; case does not matter.
        all_names: the model's leads (`esi.ecg.leads.LEADS`).

    Returns:
        ecg [B, C, T], 0 where a lead is missing; present [B, C], True where it was given or derived.

    Raises:
        LeadSubsetError: a name is unknown, stands there twice, or there are not as many names as leads.
    """
    if not names or ecg_BKT.shape[1] != len(names):
        raise LeadSubsetError(
            f"the batch has {ecg_BKT.shape[1]} leads and {len(names)} names {list(names)}: name each of them, at least one"
        )
    place_of = {name.upper(): place for place, name in enumerate(all_names)}
    places: list[int] = []
    for name in names:
        place = place_of.get(name.strip().upper())
        if place is None:
            raise LeadSubsetError(f"there is no lead {name!r}: the model's leads are {', '.join(all_names)}")
        if place in places:
            raise LeadSubsetError(f"lead {all_names[place]} is named twice among {list(names)}: give each lead once")
        places.append(place)

    ecg_BCT = ecg_BKT.new_zeros(ecg_BKT.shape[0], len(all_names), ecg_BKT.shape[2])
    ecg_BCT[:, places] = ecg_BKT
    limb = [place for place, name in enumerate(all_names) if name in LIMB]
    given = [place for place in limb if place in places]
    derived = [place for place in limb if place not in places] if len(given) > 1 else []
    if derived:
        of_given = np.linalg.pinv(np.array([LIMB[all_names[place]] for place in given]))  # I and II of the given leads
        weights = torch.from_numpy(np.array([LIMB[all_names[place]] for place in derived]) @ of_given).to(ecg_BCT)
        ecg_BCT[:, derived] = torch.einsum("dg,bgt->bdt", weights, ecg_BCT[:, given])
    present_C = torch.zeros(len(all_names), dtype=torch.bool, device=ecg_BKT.device)
    present_C[places + derived] = True
    return ecg_BCT, present_C.expand(ecg_BKT.shape[0], -1).clone()


def random_lead_mask(batch: int, seed: int | Sequence[int], share: float, all_names: Sequence[str]) -> Tensor:
    """Which leads each record of a training batch keeps; a pure function of its arguments.

    Only what `place_leads` can give is drawn: two limb leads mean all six, so that recorders with 8 or 12 leads need no
    mask, and those with 2 or 3 (I, II, III) have the limb leads. A record that loses leads keeps, with a quarter's chance
    each: the limb leads; the limb leads and 1-5 others; I or II alone; any other such set.

    Records that are drawn one by one, each with its own seed, have the same masks in any batch and any number of processes.

    Args:
        batch: B.
        seed: of this draw, such as (seed, epoch, row).
        share: chance of a record to lose leads, 0..1.
        all_names: the model's leads, with all six limb leads among them.

    Returns:
        keep [B, C] bool; at least one lead of each record.
    """
    missing = LIMB.keys() - set(all_names)
    if missing:
        raise LeadSubsetError(f"leads cannot be masked at random where the model lacks limb leads {sorted(missing)}")
    rng = np.random.default_rng(seed)
    limb = [place for place, name in enumerate(all_names) if name in LIMB]
    others = [place for place, name in enumerate(all_names) if name not in LIMB]
    keep_BC = np.ones((batch, len(all_names)), dtype=bool)
    for record in np.flatnonzero(rng.random(batch) < share):
        kind = rng.integers(4)
        if kind == 0:
            kept = limb
        elif kind == 1:
            kept = limb + _some(rng, others, 1, len(others) - 1)
        elif kind == 2:
            kept = [all_names.index(("I", "II")[rng.integers(2)])]
        else:
            first = ([], [limb[rng.integers(len(limb))]], limb)[rng.integers(3)]
            kept = first + _some(rng, others, 0 if first else 1, len(others) - (first == limb))
        keep_BC[record] = np.isin(np.arange(len(all_names)), kept)
    return torch.from_numpy(keep_BC)


def apply(ecg_BCT: Tensor, keep_BC: Tensor) -> Tensor:
    """The ECG with 0 in the leads that are not kept."""
    return torch.where(keep_BC.to(ecg_BCT.device)[:, :, None], ecg_BCT, 0.0)


def _some(rng: np.random.Generator, places: list[int], least: int, most: int) -> list[int]:
    """Between `least` and `most` of the places, any number as likely as another."""
    return rng.choice(places, size=rng.integers(least, most + 1), replace=False).tolist()
