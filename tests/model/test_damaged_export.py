"""An export that is damaged or makes no sense is refused in a sentence, before it takes memory or writes a figure."""

from __future__ import annotations

import json
import re
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from esi.errors import EsiError
from esi.evaluate.encode import encode
from esi.evaluate.predictions import Prediction, write_predictions
from esi.evaluate.split import Split
from esi.model.esi import ESI
from esi.model.text_tower import TextTower
from esi.text.bert import load_bert
from tests.evaluate.test_controls import ecg, regular, store_of
from tests.model.mini import mini_bert, mini_esi


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "model"
    mini_esi(tmp_path_factory.mktemp("bert")).save_pretrained(target)
    return target


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    shutil.copytree(exported, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["encoder.", "text.bert.", "decoder.", "project_text.weight", "log_logit_scale"])
def test_a_weight_that_is_not_finite_is_refused(model: Path, part: str, value: float) -> None:
    weights = load_file(model / "model.safetensors")
    name = [name for name in weights if name.startswith(part) and weights[name].is_floating_point()][-1]
    weights[name].view(-1)[-1] = value
    save_file(weights, model / "model.safetensors")
    with pytest.raises(EsiError, match=f"model.safetensors is damaged: 1 of .* not finite, for example {re.escape(name)}"):
        ESI.from_pretrained(model)


def test_a_text_tower_with_such_a_weight_is_refused_wherever_it_is_loaded(tmp_path: Path) -> None:
    folder = mini_bert(tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EsiError, match="not finite"):
        TextTower.load(str(folder), 0, 24)
    with pytest.raises(EsiError, match="embed.model .* not finite"):
        load_bert("embed.model", str(folder))


WRONG: list[Any] = [10**9, 10**30, 0, -1, 1.5, "many", None, [], {}, float("nan"), float("inf")]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("field", ["embedding_dim", "decoder_layers", "decoder_heads", "decoder_dim"])
def test_a_size_that_makes_no_sense_is_a_sentence(model: Path, field: str, value: Any) -> None:
    path = model / "config.json"
    content = json.loads(path.read_text())
    content["model"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(EsiError, match=rf"is not the config of an ESI model.*\nmodel\.{field}\n  Input should be"):
        ESI.from_pretrained(model)


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings"])
def test_so_is_one_of_the_text_tower(model: Path, field: str, value: Any) -> None:
    path = model / "text" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(EsiError, match=rf"{field} is .*, where whole numbers from 1 to"):
        ESI.from_pretrained(model)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model": {"embedding_dim": 65_536, "decoder_dim": 65_536, "decoder_layers": 64}}),
        ("text/config.json", {"hidden_size": 65_536, "intermediate_size": 1_000_000, "num_hidden_layers": 20}),
    ],
)
def test_sizes_that_do_not_fit_the_weights_are_refused_before_they_take_memory(
    model: Path, file: str, change: dict[str, Any]
) -> None:
    content = json.loads((model / file).read_text())
    content |= {name: content[name] | value if isinstance(value, dict) else value for name, value in change.items()}
    (model / file).write_text(json.dumps(content))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(EsiError, match="does not fit"):
        ESI.from_pretrained(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000, "kilobytes"


@pytest.mark.parametrize("field", ["initial_logit_scale", "max_logit_scale", "initial_logit_bias"])
def test_nan_in_the_config_is_a_sentence(model: Path, field: str) -> None:
    content = json.loads((model / "config.json").read_text())
    content["model"][field] = float("nan")
    (model / "config.json").write_text(json.dumps(content))
    with pytest.raises(EsiError, match=rf"model\.{field}\n  Input should be a finite number"):
        ESI.from_pretrained(model)


def without_special_tokens(content: dict[str, Any]) -> None:
    content["model"]["vocab"] = {word: place for place, word in enumerate(["[UNK]", "zzz"])}
    content["added_tokens"] = []
    content["post_processor"] = None


def test_a_tokenizer_that_knows_no_word_is_a_sentence(model: Path) -> None:
    path = model / "text/tokenizer.json"
    content = json.loads(path.read_text())
    without_special_tokens(content)
    path.write_text(json.dumps(content))
    with pytest.raises(EsiError, match="tokenizer"):
        ESI.from_pretrained(model)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(
        ["text/tokenizer.json", "text/config.json", "config.json", "model.safetensors", "text/tokenizer_config.json"]
    ),
    st.sampled_from(["empty", "cut", "bytes", "null", "list", "folder"]),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=20),
)
def test_any_damage_ends_in_a_sentence_or_a_model_of_numbers(
    exported: Path, tmp_path_factory: pytest.TempPathFactory, name: str, how: str, place: int, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged") / "model"
    shutil.copytree(exported, folder)
    path = folder / name
    content = path.read_bytes()
    place %= len(content)
    if how == "folder":
        path.unlink()
        path.mkdir()
    else:
        cases = {"empty": b"", "cut": content[:place], "null": b"null", "list": b"[[1]]"}
        path.write_bytes(cases.get(how, content[:place] + data + content[place + len(data) :]))
    try:
        model = ESI.from_pretrained(folder)
    except EsiError:
        return
    assert all(torch.isfinite(part).all() for part in model.state_dict().values())


def test_no_stage_writes_a_score_that_is_not_finite(tmp_path: Path) -> None:
    split = Split(["r0", "r1", "r2"], ["s0", "s1", "s2"], np.ones((3, 2), bool))
    scores = np.zeros((3, 2), np.float32)
    write_predictions(tmp_path / "ptbxl-super.parquet", ["a", "b"], [Prediction("esi", "test", split, scores)])
    scores[1, 1] = np.nan
    with pytest.raises(EsiError, match="ptbxl-super: rocket gives .* not finite for 1 of 3 test records, first r1"):
        write_predictions(tmp_path / "ptbxl-super.parquet", ["a", "b"], [Prediction("rocket", "test", split, scores)])


def test_nor_is_an_embedding_kept(own_cache: Path) -> None:
    store = store_of([ecg(100, regular(0.8))] * 3)
    seen = {"pooled": torch.zeros(3, 2), "z": torch.tensor([[0.0, 1], [1, float("nan")], [0, 1]])}

    class Broken:
        device = torch.device("cpu")

        def encode_ecg(self, *_: object) -> dict[str, torch.Tensor]:
            return seen

    with pytest.raises(EsiError, match="not finite for 1 of 3 records, first 1"):
        encode(Broken(), "key", store, ["0", "1", "2"], 3)  # type: ignore[arg-type]
    assert list((own_cache / "embeddings").iterdir()) == []
