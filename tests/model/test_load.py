"""Whatever was exported is loaded as what it is, and says what it can do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from esi.ecg.leads import LEADS
from esi.model.config import EncoderConfig
from esi.model.esi import ESI
from esi.model.export import ExportError, read_config
from esi.model.load import load
from esi.model.signal_model import SignalModel
from esi.settings.data import Signal
from tests.model.mini import mini_esi


def signal_model() -> SignalModel:
    config = EncoderConfig(
        method="simclr",
        signal=Signal(rate=100, highpass_hz=0.5),
        leads=tuple(LEADS),
        signal_encoder="nano",
        trained_with={"epochs": 3},
    )
    return SignalModel.fresh(config, seed=0).eval()


def test_a_signal_encoder_alone_comes_back_the_same_and_only_encodes(tmp_path: Path) -> None:
    model = signal_model()
    model.save_pretrained(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    again = load(tmp_path / "model")
    assert isinstance(again, SignalModel)
    assert again.config == model.config
    assert again.abilities == {"encode"}
    ecg = torch.randn(2, 12, 300)
    found, expected = again.encode_ecg(ecg, leads=LEADS, rate=100), model.encode_ecg(ecg)
    assert sorted(found) == ["mask", "pooled", "tokens"]
    assert torch.equal(found["pooled"], expected["pooled"])
    again.save_pretrained(tmp_path / "second")
    for path in (tmp_path / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_its_card_names_the_method_and_its_code_runs(tmp_path: Path) -> None:
    signal_model().save_pretrained(tmp_path / "model")
    card = (tmp_path / "model/README.md").read_text()
    assert "Pretrained by the method `simclr`" in card
    assert "| epochs | 3 |" in card
    assert "text tower" not in card
    code = card.split("```python")[1].split("```")[0].replace("this folder or repository", str(tmp_path / "model"))
    names = {"ecg": torch.randn(2, 12, 200)}
    exec(code, names)
    assert names["pooled"].shape == (2, 256)


@pytest.mark.parametrize(
    ("contrastive", "captions", "abilities"),
    [
        (True, True, {"encode", "zero_shot", "caption"}),
        (True, False, {"encode", "zero_shot"}),
        (False, True, {"encode", "caption"}),
    ],
)
def test_what_esi_can_do_is_what_it_was_trained_for(
    tmp_path: Path, contrastive: bool, captions: bool, abilities: set[str]
) -> None:
    mini_esi(tmp_path / "bert", contrastive=contrastive, captions=captions).save_pretrained(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, ESI)
    assert again.abilities == read_config(tmp_path / "model").abilities == abilities


def test_an_export_of_before_the_methods_is_esi(tmp_path: Path) -> None:
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "model")
    path = tmp_path / "model/config.json"
    config = json.loads(path.read_text())
    assert (config.pop("architecture"), config.pop("method")) == ("esi", "esi")
    path.write_text(json.dumps(config))
    again = load(str(tmp_path / "model"))
    assert isinstance(again, ESI)
    assert again.config.method == "esi"


def test_a_model_of_another_class_is_refused(tmp_path: Path) -> None:
    signal_model().save_pretrained(tmp_path / "encoder")
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "esi")
    with pytest.raises(ExportError, match=r"encoder holds a model of the method simclr .*, not ESI: load it with"):
        ESI.from_pretrained(tmp_path / "encoder")
    with pytest.raises(ExportError, match=r"method esi .* not a signal encoder alone"):
        SignalModel.from_pretrained(tmp_path / "esi")


@pytest.mark.parametrize("change", [{"architecture": "vgg"}, {"signal_encoder": "huge"}, {"colour": "red"}])
def test_a_config_that_this_program_does_not_know_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    signal_model().save_pretrained(tmp_path / "model")
    path = tmp_path / "model/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ExportError, match=f"is not the config of an ESI model(.|\\n)*{next(iter(change))}"):
        load(tmp_path / "model")


def test_the_random_control_differs_in_the_encoder_and_nothing_else(tmp_path: Path) -> None:
    ecg = torch.randn(2, 12, 300)
    model = signal_model()
    first, same, other = (model.with_random_signal_encoder(seed).encode_ecg(ecg)["pooled"] for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first, model.encode_ecg(ecg)["pooled"])
