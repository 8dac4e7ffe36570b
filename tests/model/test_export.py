"""What is exported comes back the same, from a folder or a hub; what is not whole is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from huggingface_hub import HfApi, PyTorchModelHubMixin
from safetensors.torch import load_file, save_file

from esi.ecg.leads import LEADS
from esi.model import export
from esi.model.esi import ESI
from esi.model.export import ExportError
from esi.model.manifest import manifest
from tests.model.mini import mini_esi

TEXTS = ["sinus rhythm", "atrial fibrillation with left bundle branch block", "old anterior infarction"]
TRAINED_ON = manifest(pa.table({"dataset": ["ptbxl"], "subject_id": ["17"], "signal_hash": ["aa"]}))
PARTS = ["README.md", "config.json", "model.safetensors", "text"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bert")


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "model"
    mini_esi(folder).save_pretrained(target)
    return target


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


def test_what_it_was_trained_on_comes_along_if_it_is_known(folder: Path, tmp_path: Path) -> None:
    model = mini_esi(folder)
    model.save_pretrained(tmp_path / "without")
    assert ESI.from_pretrained(tmp_path / "without").trained_on is None
    assert "training.parquet" not in (tmp_path / "without/README.md").read_text()
    model.trained_on = TRAINED_ON
    model.save_pretrained(tmp_path / "with")
    assert sorted(path.name for path in (tmp_path / "with").iterdir()) == [*PARTS, "training.parquet"]
    assert "`training.parquet` lists whose ECGs" in (tmp_path / "with/README.md").read_text()
    again = ESI.from_pretrained(tmp_path / "with")
    assert again.trained_on is not None
    assert again.trained_on.equals(TRAINED_ON)
    for _ in range(2):  # the second time it replaces an export
        again.save_pretrained(tmp_path / "second")
    for name in ("training.parquet", "README.md"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    again.trained_on = None
    again.save_pretrained(tmp_path / "second")
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == PARTS


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


def test_the_config_says_how_ecgs_must_come(exported: Path) -> None:
    config = json.loads((exported / "config.json").read_text())
    assert config["signal"] == {"rate": 100, "highpass_hz": 0.5}
    assert (config["leads"], config["units"], config["normalisation"]) == (list(LEADS), "millivolts", "none")


@pytest.mark.parametrize(
    "change", [{"units": "microvolts"}, {"normalisation": "z-score"}, {"leads": 12}, {"leads": []}, {"leads": ["I", "i"]}]
)
def test_a_config_of_other_ecgs_is_refused(exported: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    target = tmp_path / "model"
    shutil.copytree(exported, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ExportError, match=f"is not the config of an ESI model.*\\n.*{next(iter(change))}"):
        ESI.from_pretrained(target)
    config.pop("leads")
    (target / "config.json").write_text(json.dumps(config))
    with pytest.raises(ExportError, match=r"leads\n.*Field required"):
        ESI.from_pretrained(target)


def test_siglip_and_captionless_models_come_back_whole(folder: Path, tmp_path: Path) -> None:
    model = mini_esi(folder, captions=False, contrastive_loss="siglip")
    model.logit_bias.data.fill_(-3.25)
    model.save_pretrained(tmp_path / "model")
    again = ESI.from_pretrained(str(tmp_path / "model"))
    assert again.logit_bias.item() == -3.25
    assert again.decoder is None
    config = json.loads((tmp_path / "model/config.json").read_text())
    config["model"]["contrastive_loss"] = "infonce"
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    with pytest.raises(ExportError, match="unexpected logit_bias"):
        ESI.from_pretrained(tmp_path / "model")


def test_the_card_says_what_the_model_reads_and_was_trained_with(folder: Path, tmp_path: Path) -> None:
    model = mini_esi(folder)
    model.config = model.config.model_copy(update={"trained_with": {"epochs": 12, "sets": ["ptbxl", "mimic"]}})
    model.save_pretrained(tmp_path / "model")
    card = (tmp_path / "model/README.md").read_text()
    for words in (
        "100 Hz",
        "millivolts",
        ", ".join(LEADS),
        "zero-phase high-pass, 0.5 Hz",
        "| epochs | 12 |",
        '["ptbxl", "mimic"]',
    ):
        assert words in card
    assert ESI.from_pretrained(tmp_path / "model").config.trained_with == {"epochs": 12, "sets": ["ptbxl", "mimic"]}
    code = card.split("```python")[1].split("```")[0].replace("this folder or repository", str(tmp_path / "model"))
    names: dict[str, Any] = {"ecg": torch.randn(2, 12, 200)}
    exec(code, names)
    assert names["pooled"].shape == (2, 256)
    assert names["z"].shape == (2, 1)
    assert len(names["texts"]) == 2


def test_a_folder_of_other_things_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    model = mini_esi(folder)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"holds thesis\.tex, which is no part of a model"):
        model.save_pretrained(tmp_path)
    with pytest.raises(ExportError, match="is a file"):
        model.save_pretrained(tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    (tmp_path / "new").mkdir()
    for _ in range(2):
        model.save_pretrained(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == PARTS


def fake_snapshot(repositories: dict[str, Path], seen: list[dict[str, Any]]) -> Callable[..., str]:
    def snapshot_download(repo_id: str, **arguments: Any) -> str:
        seen.append(arguments)
        if repo_id not in repositories:
            raise OSError("404 Client Error: repository not found\nmore lines")
        return str(repositories[repo_id])

    return snapshot_download


def test_a_hub_repository_loads_as_strictly_as_a_folder(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(exported, broken)
    weights = load_file(broken / "model.safetensors")
    del weights["project_ecg.weight"]
    save_file(weights, broken / "model.safetensors")
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(export, "snapshot_download", fake_snapshot({"user/esi": exported, "user/broken": broken}, seen))
    model = ESI.from_pretrained("user/esi", revision="v1", token="secret")
    ecg = torch.randn(1, 12, 100)
    assert torch.equal(model.encode_ecg(ecg)["z"], ESI.from_pretrained(exported).encode_ecg(ecg)["z"])
    assert (seen[0]["revision"], seen[0]["token"]) == ("v1", "secret")
    with pytest.raises(ExportError, match=r"missing project_ecg\.weight"):
        ESI.from_pretrained("user/broken")
    with pytest.raises(ExportError, match=r"user/none is neither .* \(404 Client Error: [a-z ]*\): check"):
        ESI.from_pretrained("user/none")
    assert len(seen) == 3
    with pytest.raises(ExportError, match=r"has no config\.json"):
        ESI.from_pretrained(Path("user/esi"))  # a path is never a repository
    with pytest.raises(ExportError, match=r"has no config\.json"):
        ESI.from_pretrained("./user/esi")
    assert len(seen) == 3


def test_out_of_reach_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="user/esi-that-is-nowhere is neither a folder nor a model"):
        ESI.from_pretrained("user/esi-that-is-nowhere", cache_dir=tmp_path, local_files_only=True)


def test_push_to_hub_uploads_the_export(
    folder: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: dict[str, Path] = {}

    def create_repo(self: HfApi, repo_id: str, **_: Any) -> Any:
        return type("Repository", (), {"repo_id": repo_id})

    def upload_folder(self: HfApi, *, repo_id: str, folder_path: Path, **_: Any) -> str:
        uploads[repo_id] = tmp_path / repo_id
        shutil.copytree(folder_path, uploads[repo_id])
        return f"commit of {repo_id}"

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "upload_folder", upload_folder)
    model = mini_esi(folder)
    assert isinstance(model, PyTorchModelHubMixin)
    assert model.push_to_hub("user/esi", private=True) == "commit of user/esi"
    assert model.save_pretrained(tmp_path / "local", push_to_hub=True, repo_id="user/second") == "commit of user/second"
    for uploaded in (*uploads.values(), tmp_path / "local"):
        assert sorted(path.name for path in uploaded.iterdir()) == PARTS
        for name in PARTS[:3]:
            assert (uploaded / name).read_bytes() == (exported / name).read_bytes()
    monkeypatch.setattr(export, "snapshot_download", fake_snapshot(uploads, []))
    assert ESI.from_pretrained("user/esi").config == model.config
    model.trained_on = TRAINED_ON
    model.push_to_hub("user/third")
    assert sorted(path.name for path in uploads["user/third"].iterdir()) == PARTS  # subject ids could be guessed
    assert model.trained_on is TRAINED_ON
