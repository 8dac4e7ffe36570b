"""The whole model: gradients, export, control copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from esi.model.esi import ESI, ExportError
from esi.pretrain.objective import Objective, Weights
from tests.model.mini import mini_esi

TEXTS = ["sinus rhythm", "atrial fibrillation with left bundle branch block", "old anterior infarction"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bert")


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "model"
    mini_esi(folder).save_pretrained(target)
    return target


def batch_for(model: ESI) -> dict[str, torch.Tensor]:
    ids, mask = model.text.tokenize(TEXTS)
    torch.manual_seed(1)
    return {
        "ecg_BCT": torch.randn(3, 12, 200),
        "valid_B": torch.tensor([200, 150, 200]),
        "group_B": torch.arange(3),
        "ids_BL": ids,
        "mask_BL": mask,
    }


@pytest.mark.parametrize(("con", "cap"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("layers", [0, 1, -1])
def test_every_parameter_gets_a_gradient_or_does_not_learn(folder: Path, con: float, cap: float, layers: int) -> None:
    model = mini_esi(folder, contrastive=con > 0, captions=cap > 0, text_layers_trained=layers)
    objective = Objective(model, Weights(con, cap), caption_tokens=0, bf16=False).train()
    for block in [block for stage in model.encoder.stages for block in stage]:
        torch.nn.init.normal_(block.response.gamma)
    objective(batch_for(model))["loss"].backward()
    without = [
        name for name, part in model.named_parameters() if part.requires_grad and (part.grad is None or not part.grad.any())
    ]
    unused = [name for name, part in model.named_parameters() if not part.requires_grad and part.grad is not None]
    assert (without, unused) == ([], [])


def test_no_decoder_exists_without_captions(folder: Path) -> None:
    assert not [name for name in mini_esi(folder, captions=False).state_dict() if name.startswith("decoder")]


def test_embeddings_are_unit_vectors_of_one_space(folder: Path) -> None:
    model = mini_esi(folder).eval()
    ecg, text = model.encode_ecg(torch.randn(3, 12, 200)), model.encode_text(TEXTS)
    assert ecg["z"].shape == text.shape == (3, 16)
    torch.testing.assert_close(ecg["z"].norm(dim=1), torch.ones(3))
    torch.testing.assert_close(text.norm(dim=1), torch.ones(3))
    assert ecg["tokens"].shape == (3, 7, 256)
    assert ecg["pooled"].shape == (3, 256)


def test_logit_scale_starts_and_stops_where_it_should(folder: Path) -> None:
    model = mini_esi(folder)
    assert model.logit_scale.item() == pytest.approx(14.3)
    with torch.no_grad():
        model.log_logit_scale.fill_(9.0)
    model.clamp_logit_scale()
    assert model.logit_scale.item() == pytest.approx(100.0, rel=1e-5)


def test_export_comes_back_the_same_without_its_sources(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "bert"
    shutil.copytree(folder, source)
    model = mini_esi(source).eval()
    model.save_pretrained(tmp_path / "model")
    shutil.rmtree(source)  # the export holds all that it needs
    again = ESI.from_pretrained(tmp_path / "model")
    ecg = torch.randn(2, 12, 300)
    assert not again.training
    assert torch.equal(again.encode_ecg(ecg)["z"], model.encode_ecg(ecg)["z"])
    assert torch.equal(again.encode_text(TEXTS), model.encode_text(TEXTS))
    assert again.config == model.config
    again.save_pretrained(tmp_path / "second")
    names = sorted(path.relative_to(tmp_path / "model") for path in (tmp_path / "model").rglob("*") if path.is_file())
    for name in names:
        assert (tmp_path / "model" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("project_ecg.weight"), "missing project_ecg.weight"),
        (lambda w: w.update(stranger=torch.zeros(2)), "unexpected stranger"),
        (
            lambda w: w.update({"project_ecg.bias": torch.zeros(5)}),
            r"project_ecg.bias is \[5\] where the config asks for \[16\]",
        ),
    ],
)
def test_a_mismatch_is_refused_and_named(
    exported: Path, tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    target = tmp_path / "model"
    shutil.copytree(exported, target)
    weights = load_file(target / "model.safetensors")
    change(weights)
    save_file(weights, target / "model.safetensors")
    with pytest.raises(ExportError, match=message):
        ESI.from_pretrained(target)


def test_a_broken_folder_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"has no config\.json: it is not an exported ESI model"):
        ESI.from_pretrained(tmp_path)
    target = tmp_path / "model"
    shutil.copytree(exported, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | {"colour": "red"}))
    with pytest.raises(ExportError, match="colour"):
        ESI.from_pretrained(target)
    (target / "config.json").write_text(json.dumps(config))
    (target / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ExportError, match="cannot be read as safetensors"):
        ESI.from_pretrained(target)


def test_the_control_has_a_new_signal_encoder_and_nothing_else(folder: Path) -> None:
    model = mini_esi(folder).eval()
    before = {name: part.clone() for name, part in model.state_dict().items()}
    one, same, other = (model.with_random_signal_encoder(seed) for seed in (1, 1, 2))
    ecg = torch.randn(2, 12, 300)
    assert torch.equal(one.encode_ecg(ecg)["z"], same.encode_ecg(ecg)["z"])
    assert not torch.allclose(one.encode_ecg(ecg)["z"], other.encode_ecg(ecg)["z"])
    assert not torch.allclose(one.encode_ecg(ecg)["z"], model.encode_ecg(ecg)["z"])
    assert torch.equal(one.encode_text(TEXTS), model.encode_text(TEXTS))
    assert not one.training
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())


def test_building_a_model_leaves_the_callers_randomness_alone(folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    mini_esi(folder).with_random_signal_encoder(3)
    assert torch.equal(torch.rand(3), expected)
