"""The whole model: gradients, what it reads, control copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from esi import params
from esi.ecg.leads import LEADS
from esi.errors import EsiError
from esi.model.esi import ESI
from esi.model.text_tower import TextTower
from esi.pretrain.objective import EsiObjective
from tests.conftest import ROOT
from tests.model.mini import mini_esi

TEXTS = ["sinus rhythm", "atrial fibrillation with left bundle branch block", "old anterior infarction"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bert")


def batch_for(model: ESI) -> dict[str, torch.Tensor]:
    ids, mask = model.text.tokenize(TEXTS)
    torch.manual_seed(1)
    return {
        "ecg_BCT": torch.randn(3, 12, 200),
        "valid_B": torch.tensor([200, 150, 200]),
        "number_B": torch.arange(3),
        "findings_BK": torch.arange(3)[:, None],
        "ids_BL": ids,
        "mask_BL": mask,
    }


@pytest.mark.parametrize("loss", ["infonce", "siglip"])
@pytest.mark.parametrize(("con", "cap"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("layers", [0, 1, -1])
def test_every_parameter_gets_a_gradient_or_does_not_learn(
    folder: Path, con: float, cap: float, layers: int, loss: str
) -> None:
    model = mini_esi(folder, contrastive=con > 0, captions=cap > 0, text_layers_trained=layers, contrastive_loss=loss)
    train = params.load(ROOT / "params.yaml").train
    train = train.model_copy(update={"lambda_con": con, "lambda_cap": cap, "caption_tokens": 0})
    objective = EsiObjective(model, train, bf16=False).train()
    for block in [block for stage in model.encoder.stages for block in stage]:
        torch.nn.init.normal_(block.response.gamma)
    objective.loss(batch_for(model))["loss"].backward()
    without = [
        name for name, part in model.named_parameters() if part.requires_grad and (part.grad is None or not part.grad.any())
    ]
    unused = [name for name, part in model.named_parameters() if not part.requires_grad and part.grad is not None]
    assert (without, unused) == ([], [])
    learning = {name.split(".")[0] for name, part in model.named_parameters() if part.requires_grad}
    shared = {"project_ecg", "project_text", "log_logit_scale"} | ({"logit_bias"} if loss == "siglip" else set())
    shared |= {"text"} if layers else set()
    assert learning == {"encoder"} | (shared if con else set()) | ({"decoder"} if cap else set())


@pytest.mark.parametrize("changed", [1, 3, 6])
def test_the_captioner_knows_nothing_of_later_words(folder: Path, changed: int) -> None:
    """The published model fed its decoder the text tower's states, which look ahead: this is the whole model's wiring."""
    model = mini_esi(folder, text_layers_trained=-1).eval()
    batch = batch_for(model)
    ids = batch["ids_BL"][1:2]
    other = ids.clone()
    other[:, changed] = ids[:, changed + 1]
    states = [
        model(batch["ecg_BCT"][1:2], batch["valid_B"][1:2], words, torch.ones_like(words, dtype=torch.bool))[
            "caption_states"
        ]
        for words in (ids, other)
    ]
    assert torch.equal(states[0][:changed], states[1][:changed])
    assert (states[0][changed:] - states[1][changed:]).abs().amax(dim=1).min() > 1e-6


def test_only_siglip_has_a_bias(folder: Path) -> None:
    assert mini_esi(folder).logit_bias is None
    assert "logit_bias" not in mini_esi(folder).state_dict()
    model = mini_esi(folder, contrastive_loss="siglip", initial_logit_bias=-7.5)
    assert model.logit_bias.item() == -7.5
    assert model.logit_bias.requires_grad
    assert not mini_esi(folder, contrastive=False, contrastive_loss="siglip").logit_bias.requires_grad


@pytest.mark.parametrize("name", ["nano", "tiny", "xresnet101"])
def test_any_signal_encoder_with_and_without_checkpoints(folder: Path, name: str) -> None:
    kept = mini_esi(folder, signal_encoder=name)
    again = ESI.fresh(kept.config, seed=0, checkpoint_activations=True)
    assert "checkpoint" not in kept.config.model_dump_json()
    gradients, calls = [], []
    for model in (kept.train(), again.train()):
        calls.append(0)
        for module in model.encoder.modules():
            module.register_forward_hook(lambda *_: calls.__setitem__(-1, calls[-1] + 1))
        out = model.encode_ecg(batch_for(model)["ecg_BCT"][:2, :, :96])
        assert out["pooled"].shape == (2, model.encoder.dim)
        out["z"][:, 0].sum().backward()
        gradients.append({name: part.grad for name, part in model.encoder.named_parameters()})
    assert calls[1] > calls[0]  # computed again
    assert gradients[0].keys() == gradients[1].keys()
    for part, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][part], gradient, msg=lambda text, part=part: f"{part}: {text}")


def test_the_largest_encoders_fit_the_other_parts(folder: Path) -> None:
    config, text = mini_esi(folder).config, TextTower.load(str(folder), 0, 32)
    for name in ("base", "vit"):
        settings = config.model.model_copy(update={"signal_encoder": name})
        with torch.device("meta"):
            model = ESI(config.model_copy(update={"model": settings}), text)
        assert model.project_ecg.in_features == model.decoder.memory.in_features == model.encoder.dim


def test_leads_are_found_by_name_in_any_order(folder: Path) -> None:
    """One model takes 12, 8, 2 or 1 leads; what follows from the given ones is derived, the rest is zero."""
    model = mini_esi(folder).eval()
    i, ii = torch.randn(2, 1, 200), torch.randn(2, 1, 200)
    chest = torch.randn(2, 6, 200)
    limb = torch.cat([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2], dim=1)
    whole = torch.cat([limb, chest], dim=1)
    expected = model.encode_ecg(whole)["z"]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    by_name = model.encode_ecg(whole[:, order], leads=[LEADS[place] for place in order])["z"]
    assert torch.equal(by_name, expected)
    eight = model.encode_ecg(torch.cat([chest, ii, i], dim=1), leads=[*LEADS[6:], "ii", "I"])["z"]
    torch.testing.assert_close(eight, expected, atol=1e-4, rtol=1e-3)
    two = model.encode_ecg(torch.cat([i, ii], dim=1), leads=["I", "II"])["z"]
    torch.testing.assert_close(two, model.encode_ecg(torch.cat([limb, torch.zeros_like(chest)], dim=1))["z"])
    one = model.encode_ecg(ii, leads=["II"])["z"]
    alone = torch.zeros_like(whole)
    alone[:, 1:2] = ii
    assert torch.equal(one, model.encode_ecg(alone)["z"])
    texts = model.generate(whole[:, order], leads=[LEADS[place] for place in order], rate=100)
    assert texts == model.generate(whole)


def test_wrong_ecgs_are_refused_by_name(folder: Path) -> None:
    model = mini_esi(folder)
    with pytest.raises(EsiError, match=r"at 500 Hz, the model was trained at 100 Hz: resample"):
        model.encode_ecg(torch.randn(1, 12, 500), rate=500)
    with pytest.raises(EsiError, match=r"at 360 Hz"):
        model.generate(torch.randn(1, 12, 500), rate=360)
    with pytest.raises(EsiError, match=r"has 8 leads, the model reads 12 \(I, II, .* V6\): say which they are with leads="):
        model.encode_ecg(torch.randn(1, 8, 100))
    with pytest.raises(EsiError, match="no lead 'V7'"):
        model.encode_ecg(torch.randn(1, 1, 100), leads=["V7"])
    model.encode_ecg(torch.randn(1, 12, 100), rate=100.0)


def test_a_model_of_two_leads_keeps_their_names(folder: Path) -> None:
    config = mini_esi(folder).config.model_copy(update={"leads": ("II", "V5")})
    model = ESI.fresh(config, seed=0).eval()
    ecg = torch.randn(1, 2, 100)
    assert torch.equal(model.encode_ecg(ecg)["z"], model.encode_ecg(ecg.flip(1), leads=["V5", "II"])["z"])
    with pytest.raises(EsiError, match=r"reads 2 \(II, V5\)"):
        model.encode_ecg(torch.randn(1, 12, 100))


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
