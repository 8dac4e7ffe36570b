"""Which weights decay, and which learn at which rate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from esi.model.encoders import ENCODERS, build_encoder
from esi.pretrain.optimiser import adamw
from esi.settings.learning import Train
from tests.model.mini import mini_esi
from tests.pretrain.tiny_run import TRAIN

UNDECAYED_TABLES = {
    "decoder.embedding.weight",
    "text.bert.embeddings.word_embeddings.weight",
    "text.bert.embeddings.position_embeddings.weight",
    "text.bert.embeddings.token_type_embeddings.weight",
}


def train(**changes: object) -> Train:
    return Train.model_validate(TRAIN | changes)


def test_each_trainable_parameter_is_in_exactly_one_group(tmp_path: Path) -> None:
    model = mini_esi(tmp_path, text_layers_trained=-1)
    grouped = [id(part) for group in adamw(model, train(), model.text).param_groups for part in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(part) for part in model.parameters() if part.requires_grad}


def test_what_decays(tmp_path: Path) -> None:
    model = mini_esi(tmp_path, text_layers_trained=-1)
    names = {id(part): name for name, part in model.named_parameters()}
    decays = {
        names[id(part)]: group["weight_decay"]
        for group in adamw(model, train(weight_decay=0.3), model.text).param_groups
        for part in group["params"]
    }
    assert set(decays.values()) == {0.3, 0.0}
    for name in (
        "encoder.stem.weight",
        "project_ecg.weight",
        "project_text.weight",
        "decoder.blocks.0.self_attention.query.weight",
        "text.bert.encoder.layer.0.attention.self.query.weight",
    ):
        assert decays[name] == 0.3
    for name in ("log_logit_scale", "encoder.stem.bias", "encoder.norm.weight", "text.bert.embeddings.LayerNorm.weight"):
        assert decays[name] == 0.0
    assert not [name for name, decay in decays.items() if decay and not name.endswith("weight")]
    tables = {name for name, part in model.named_parameters() if part.ndim >= 2 and decays[name] == 0.0}
    assert tables == UNDECAYED_TABLES, "all other matrices and kernels decay"


@pytest.mark.parametrize("name", ENCODERS)
def test_every_matrix_and_kernel_of_a_signal_encoder_decays(tmp_path: Path, name: str) -> None:
    model = mini_esi(tmp_path, contrastive_loss="siglip")
    with torch.device("meta"):
        model.encoder = build_encoder(name, 12)
    names = {id(part): name for name, part in model.named_parameters()}
    groups = adamw(model, train(), model.text).param_groups
    kept = {names[id(part)]: part.ndim for group in groups if not group["weight_decay"] for part in group["params"]}
    assert {name for name, ndim in kept.items() if ndim >= 2} == {"decoder.embedding.weight"}
    assert {"log_logit_scale", "logit_bias"} <= kept.keys()


@pytest.mark.parametrize("layers", [0, 1, -1])
def test_the_text_tower_learns_at_its_own_rate(tmp_path: Path, layers: int) -> None:
    model = mini_esi(tmp_path, text_layers_trained=layers)
    names = {id(part): name for name, part in model.named_parameters()}
    optimiser = adamw(model, train(lr=1e-3, text_lr_factor=0.1), model.text)
    factors = {names[id(part)]: group["lr_factor"] for group in optimiser.param_groups for part in group["params"]}
    assert {name for name, factor in factors.items() if factor == 0.1} == {
        name for name, part in model.named_parameters() if name.startswith("text.") and part.requires_grad
    }
    assert factors["project_text.weight"] == 1.0
    assert len(optimiser.param_groups) == (2 if layers == 0 else 4), "no group without parameters"
    for group in optimiser.param_groups:
        assert group["lr"] == pytest.approx(1e-3 * group["lr_factor"])


def test_decay_alone_moves_only_what_decays(tmp_path: Path) -> None:
    """One step with gradients of 0: a decaying weight shrinks by lr x decay, any other keeps its bits."""
    model = mini_esi(tmp_path, text_layers_trained=-1)
    before = {name: part.detach().clone() for name, part in model.named_parameters()}
    for part in model.parameters():
        part.grad = torch.zeros_like(part)
    adamw(model, train(lr=0.1, weight_decay=0.5, text_lr_factor=0.1), model.text).step()
    for name, part in model.named_parameters():
        shrinks = part.ndim >= 2 and name not in UNDECAYED_TABLES
        rate = 0.01 if name.startswith("text.") else 0.1
        torch.testing.assert_close(part.detach(), before[name] * (1 - rate * 0.5 * shrinks), rtol=1e-6, atol=0, msg=name)
