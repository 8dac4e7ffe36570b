"""Batches: everything of a row belongs to the same pair, and leads are lost by a pure function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from esi.model.text_tower import TextTower
from esi.pretrain.batches import PairTensors, kept_leads
from esi.pretrain.known_texts import KnownTexts
from tests.model.mini import mini_bert
from tests.pretrain.made_up_texts import TextPairs


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> TextTower:
    return TextTower.load(str(mini_bert(tmp_path_factory.mktemp("bert"))), 0, 24)


def test_a_batch_is_of_its_rows(tower: TextTower, own_cache: Path) -> None:
    """Signals, findings, texts, tokens and vectors of one batch belong to the same records, whatever the views."""
    data = TextPairs(20)
    views = ["full", "findings"]
    rows, view_of_row = torch.tensor([7, 3, 11, 0]), np.arange(20) % 2
    known = KnownTexts([(data, views)], tower, bf16=False, rank=0)
    batch = PairTensors(data, views, tower, tokens=True, known=known).batch(rows, view_of_row)
    assert (batch["number_B"].dtype, batch["findings_BK"].dtype) == (torch.int64, torch.int32)
    assert batch["number_B"].tolist() == [7, 3, 11, 0]
    assert batch["findings_BK"].tolist() == [[1, -1], [0, -1], [2, -1], [0, -1]]
    assert batch["ecg_BCT"][:, 0, 0].tolist() == [8, 4, 12, 1]
    for place, row in enumerate(rows.tolist()):
        (text,) = data.texts(views[row % 2], torch.tensor([row]))
        ids, _ = tower.tokenize([text])
        assert batch["ids_BL"][place][batch["mask_BL"][place]].tolist() == ids[0].tolist()
        torch.testing.assert_close(batch["text_BH"][place], known([text])[0], atol=0, rtol=0)


def test_only_what_is_needed_is_made(tower: TextTower) -> None:
    batch = PairTensors(TextPairs(4), ["full"], tower, tokens=False, known=None).batch(torch.arange(4), np.zeros(4, int))
    assert set(batch) == {"ecg_BCT", "valid_B", "number_B", "findings_BK"}


def test_lost_leads_follow_from_seed_epoch_and_pair_alone(tower: TextTower) -> None:
    def lost(rows: list[int], epoch: int, seed: int = 5) -> torch.Tensor:
        batches = PairTensors(TextPairs(50), ["full"], tower, tokens=False, known=None, mask_leads=0.5, seed=seed)
        return batches.batch(torch.tensor(rows), np.zeros(50, int), epoch)["ecg_BCT"]

    whole = lost(list(range(40)), epoch=2)
    parts = torch.cat([lost(list(range(20)), epoch=2), lost(list(range(20, 40)), epoch=2)])
    assert torch.equal(whole, parts), "two processes would lose other leads than one"
    assert torch.equal(lost([9, 3], epoch=2), whole[[9, 3]])
    assert not torch.equal(lost(list(range(40)), epoch=3), whole)
    assert not torch.equal(lost(list(range(40)), epoch=2, seed=6), whole)
    there = torch.arange(1.0, 41)[:, None, None]
    assert ((whole == there) | (whole == 0)).all(), "a lead is lost whole or as it was"
    assert (whole == there).any(dim=1).all()


def test_the_share_of_pairs_that_lose_leads() -> None:
    keep = kept_leads(torch.arange(2000), 0, 0, 0.3)
    assert keep.shape == (2000, 12)
    assert (~keep.all(dim=1)).float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert kept_leads(torch.arange(50), 0, 0, 0.0).all()


def test_without_masking_no_lead_is_lost(tower: TextTower) -> None:
    """As validation is read."""
    batch = PairTensors(TextPairs(30), ["full"], tower, tokens=False, known=None).batch(
        torch.arange(30), np.zeros(30, int), 4
    )
    assert (batch["ecg_BCT"] == torch.arange(1.0, 31)[:, None, None]).all()
