"""A batch in parts gives the losses and gradients of the batch at once, by one process and by two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from esi.pretrain import losses
from tests.model.mini import mini_bert, mini_esi
from tests.pretrain.gradients import batch_of, gradients
from tests.pretrain.test_two_processes import torchrun

HOW = [f"{loss}-{captions}-{layers}" for loss in ("infonce", "siglip") for captions in (0, 1) for layers in (0, 1)]
Result = dict[str, dict[str, Tensor]]


def assert_equal(one: Result, two: Result) -> None:
    assert one["losses"].keys() == two["losses"].keys()
    for name, loss in one["losses"].items():
        torch.testing.assert_close(two["losses"][name], loss, atol=1e-6, rtol=1e-6)
    assert one["gradients"].keys() == two["gradients"].keys()
    whole = torch.stack([grad.norm() for grad in one["gradients"].values()]).norm()
    for name, grad in one["gradients"].items():
        difference = (two["gradients"][name] - grad).norm()
        assert difference < 1e-6 * whole, name
        assert difference < 1e-3 * grad.norm() + 1e-9 * whole, name  # the keys' bias of a BERT has a gradient of 0


@pytest.mark.parametrize("how", HOW)
def test_parts_give_the_gradients_of_the_whole(tmp_path: Path, how: str) -> None:
    mini_bert(tmp_path)
    at_once = gradients(tmp_path, f"{how}-1")
    assert at_once["gradients"]["log_logit_scale"].abs().max() > 1e-3
    assert ("logit_bias" in at_once["gradients"]) == how.startswith("siglip")
    assert_equal(at_once, gradients(tmp_path, f"{how}-3"))


def test_two_processes_in_parts_give_the_gradients_of_one_at_once(tmp_path: Path) -> None:
    mini_bert(tmp_path / "bert")
    done = torchrun(
        "-m",
        "tests.pretrain.gradients",
        str(tmp_path),
        *(f"{how}-{parts}" for how in HOW for parts in (1, 3)),
        folder=tmp_path,
        processes=2,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for how in HOW:
        at_once = gradients(tmp_path / "bert", f"{how}-1")
        for parts in (1, 3):
            assert_equal(at_once, torch.load(tmp_path / f"2-{how}-{parts}.pt", weights_only=True))


def test_both_passes_see_the_same_dropout(tmp_path: Path) -> None:
    """Against the slow way: all parts in one graph, each after its own seed."""
    mini_bert(tmp_path)
    ours = gradients(tmp_path, "infonce-1-1-3", training=True)
    model = mini_esi(tmp_path, text_layers_trained=1, decoder_layers=1).train()
    assert model.text.training
    out, sizes = [], []
    for start in (0, 4, 8):
        batch = batch_of(model.text.tokenize, slice(start, start + 4))
        torch.manual_seed(100 + start)
        out.append(model(batch["ecg_BCT"], batch["valid_B"], batch["ids_BL"], batch["mask_BL"]))
        sizes.append(int(batch["mask_BL"].sum()) - 4)
    z_ecg, z_text = (torch.cat([part[name] for part in out]) for name in ("z_ecg", "z_text"))
    alike = torch.eye(12)
    for a, b in ((0, 3), (1, 10)):
        alike[a, b] = alike[b, a] = 1.0
    loss_con = losses.infonce(z_ecg, z_text, alike, model.logit_scale)
    assert model.decoder is not None
    weight = model.decoder.embedding.weight
    summed = [losses.captioning(part["caption_states"], weight, part["caption_targets"]) for part in out]
    loss_cap = torch.stack(summed).sum() / sum(sizes)
    (1.3 * loss_con + 0.7 * loss_cap).backward()
    slow = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    nearest = (z_ecg @ z_text.T).argmax(dim=1)
    right = torch.stack([alike[row, nearest[row]] for row in range(12)]).mean()
    total = 1.3 * loss_con + 0.7 * loss_cap
    expected = {"loss": total, "loss_con": loss_con, "loss_cap": loss_cap, "retrieval_top1": right}
    assert_equal({"losses": expected, "gradients": slow}, ours)
