"""Pretraining that starts from an exported model: its weights, its manifest, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from esi.errors import EsiError
from esi.model.esi import ESI
from esi.model.manifest import SIGNAL, SUBJECT, keys, manifest, of
from esi.pretrain.run import Result
from esi.settings.learning import FRESH
from tests.model.mini import mini_esi
from tests.pretrain.tiny_run import run


def seen(subject: str, signal: str) -> pa.Table:
    return manifest(pa.table({"dataset": ["ptbxl"], "subject_id": [subject], "signal_hash": [signal]}))


def export(folder: Path, bert: Path, trained_on: pa.Table | None = None, **changes: Any) -> Path:
    """A model whose weights are not those of a fresh one."""
    model = mini_esi(bert, **changes)
    with torch.no_grad():
        for part in model.parameters():
            part.add_(0.01)
    model.trained_on = trained_on
    model.save_pretrained(folder)
    return folder


def first_steps(tmp_path: Path, start: Path, **changes: Any) -> Result:
    """One step of the smallest rate: the weights stay where they began."""
    return run(tmp_path, start_from=str(start), n=8, epochs=1, lr=1e-12, weight_decay=0.0, n_validation=0, **changes)


def test_training_begins_with_the_other_models_weights_its_text_towers_too(tmp_path: Path, own_cache: Path) -> None:
    start = export(tmp_path / "start", tmp_path / "bert")
    other = ESI.from_pretrained(start).state_dict()
    result = first_steps(tmp_path, start)
    assert isinstance(result.model, ESI)
    for name, part in result.model.state_dict().items():
        torch.testing.assert_close(part.cpu(), other[name], atol=1e-9, rtol=0, msg=name)
    assert not torch.allclose(result.model.project_ecg.weight, mini_esi(tmp_path / "bert").project_ecg.weight, atol=1e-3)


def test_what_the_other_had_seen_is_carried_along(tmp_path: Path, own_cache: Path) -> None:
    start = export(tmp_path / "start", tmp_path / "bert", seen("17", "aa"))
    joined = first_steps(tmp_path, start).trained_on(seen("18", "bb"))
    assert joined is not None
    for kind, expected in ((SUBJECT, 2), (SIGNAL, 2)):
        assert of(joined, kind).length() == expected
    assert {*keys(["aa", "bb"])} == {*of(joined, SIGNAL).to_pylist()}
    assert joined.schema.metadata == seen("17", "aa").schema.metadata


def test_where_nobody_knows_what_the_other_had_seen_the_new_one_does_not_say(
    tmp_path: Path, own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = first_steps(tmp_path, export(tmp_path / "start", tmp_path / "bert"))
    assert result.trained_on(seen("18", "bb")) is None
    assert "does not say whose ECGs it was trained on" in capfd.readouterr().err


def test_other_weights_there_are_another_run(tmp_path: Path, own_cache: Path) -> None:
    start = export(tmp_path / "start", tmp_path / "bert")
    one = first_steps(tmp_path, start).checkpoint.folder
    model = ESI.from_pretrained(start)
    with torch.no_grad():
        model.project_ecg.bias.add_(1e-3)
    model.save_pretrained(start)
    assert first_steps(tmp_path, start).checkpoint.folder != one
    shutil.move(start, tmp_path / "moved")
    model.save_pretrained(start)
    assert first_steps(tmp_path, tmp_path / "moved").checkpoint.folder == first_steps(tmp_path, start).checkpoint.folder


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"embedding_dim": 8}, {}, r"model\.embedding_dim is 16 in params\.yaml and 8 there"),
        ({"captions": False}, {}, r"train\.lambda_cap is above 0 in params\.yaml and 0 there"),
        ({"contrastive_loss": "siglip"}, {}, r"model\.contrastive_loss is infonce in params\.yaml and siglip there"),
        ({}, {"method": "simclr"}, r"pretrain\.method is simclr \(signal_encoder\) in params\.yaml and esi \(esi\) there"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    tmp_path: Path, own_cache: Path, changes: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    start = export(tmp_path / "start", tmp_path / "bert", **changes)
    with pytest.raises(EsiError, match=rf"pretraining cannot start from .*start \(train\.start_from\): .*{message}"):
        first_steps(tmp_path, start, **settings)


def test_what_is_given_back_is_of_the_setting(tmp_path: Path, own_cache: Path) -> None:
    """The folder that stands for no model is read by no one."""
    assert run(tmp_path, start_from=FRESH, n=8, epochs=1, n_validation=0).start is None


def test_what_is_no_model_is_refused(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(EsiError, match=r"has no config\.json"):
        first_steps(tmp_path, tmp_path / "nothing")
