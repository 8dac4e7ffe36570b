from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from esi import params
from esi.settings.data import Folds
from tests.conftest import ROOT


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "params.yaml").read_text()
    assert text.count(old) == 1, f"{old!r} is not unique in params.yaml"
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_the_shipped_settings_are_valid() -> None:
    assert params.load(ROOT / "params.yaml").train.lr == 1e-3


def test_every_setting_stands_in_the_file() -> None:
    """`-S` changes what is there and refuses what is not."""

    def absent(known: object, written: object, above: str = "") -> list[str]:
        if not (isinstance(known, dict) and isinstance(written, dict)):
            return []
        missing = [above + key for key in known if key not in written]
        return missing + [
            each for key in known if key in written for each in absent(known[key], written[key], f"{above}{key}.")
        ]

    written = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    assert absent(params.load(ROOT / "params.yaml").model_dump(), written) == []


def test_scientific_notation_is_a_number(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert (
        params.load(changed(tmp_path, "  lr: 1e-3                 # the paper", "  lr: 5e-5  # the paper")).train.lr == 5e-5
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("  lambda_cap: 1.0", "  lambda_cap: 1.0\n  lamda_con: 0", "unknown parameter train.lamda_con"),
        ("  lambda_cap: 1.0", "  lambda_cap: -1", "train.lambda_cap: Input should be greater than or equal to 0"),
        (
            "  signal_encoder: nano",
            "  signal_encoder: huge",
            "model.signal_encoder: Input should be 'nano', 'tiny', 'base', 'vit' or 'xresnet101'",
        ),
        ("  batch_size: 48", "  batch_size: many", "train.batch_size: .*integer"),
        ("  max_tokens: 160", "  max_tokens: 20", r"overlap_tokens \(32\) must be below max_tokens \(20\)"),
        ("  sets: [ptbxl, chapman, mimic]", "  sets: [ptbxl, georgia]", "pairs.sets names \\['georgia'\\]"),
        ("group: superclass", "grouped: superclass", r"unknown parameter tasks\.ptbxl-super\.grouped"),
        ("group: superclass, ", "", r"parameter tasks\.ptbxl-super\.group is missing"),
        ("{dataset: icbeb, table", "{dataset: georgia, table", r"tasks\.icbeb-nine\.dataset names \['georgia'\]"),
        ("prompts: [findings, descriptions]", "prompts: [findings, poems]", r"zero_shot\.prompts\.1: .*'poems'"),
        ("prompts: [findings, descriptions]", "prompts: []", r"zero_shot\.prompts: .*at least 1 item"),
        ("controls: [hand]", "controls: [magic]", r"evaluate\.controls\.0: Input should be 'hand' or 'rocket'"),
        ("random_seeds: [0, 1, 2]", "random_seeds: []", r"evaluate\.random_seeds: .*at least 1 item"),
        ("shares: [0.01, 0.05, 0.1, 1.0]", "shares: [0.01, 0.05]", r"linear_probe: .*shares \[0\.01, 0\.05\] lack 1\.0"),
        ("shares: [0.01, 0.05, 0.1, 1.0]", "shares: [0, 1.0]", r"linear_probe\.shares\.0: Input should be greater than 0"),
        ("tasks: [ptbxl-super]", "tasks: [ptbxl-everything]", r"fine_tune\.tasks names \['ptbxl-everything'\].*ptbxl-super"),
        ("layer_decay: 0.75", "layer_decay: 1.5", r"fine_tune\.layer_decay: Input should be less than or equal to 1"),
        (
            "seconds: {ptbxl: 5.0,",
            "seconds: {ptbxl: 5.5,",
            r"identify\.seconds\.ptbxl: Input should be less than or equal to 5",
        ),
        ("seconds: {ptbxl: 5.0,", "seconds: {georgia: 5.0,", r"identify\.seconds names \['georgia'\]"),
        ("method: greedy", "method: guess", r"caption\.method: Input should be 'greedy', 'beam' or 'nucleus'"),
        ("permutations: 500", "permutations: 0", r"distribution\.permutations: Input should be greater than 0"),
        ("[ptbxl, icbeb]     # whose test records are", "[georgia]  # whose test records are", r"distribution\.sets names"),
        ("cases: 2", "cases: 0", r"report\.cases: Input should be greater than 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(params.ParamsError, match=sentence):
        params.load(changed(tmp_path, old, new))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_settings_that_a_kill_cut_off_are_a_sentence(tmp_path: Path, share: float) -> None:
    text = (ROOT / "params.yaml").read_bytes()
    path = tmp_path / "params.yaml"
    path.write_bytes(text[: int(len(text) * share)])
    with pytest.raises(params.ParamsError, match="params.yaml"):
        params.load(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"train: [1, 2", "is no YAML"), (b"\xff\xfe", "is no YAML"), (b"- 1", "holds no settings"), (None, "is missing")],
)
def test_a_file_that_is_no_settings(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(params.ParamsError, match=f"{sentence}.*git checkout"):
        params.load(path)


def test_a_fold_has_one_purpose() -> None:
    with pytest.raises(ValueError, match="folds \\[9\\] are in more than one"):
        Folds(train=[1, 9], validation=[9], test=[10])
    folds = Folds(train=[1, 2], validation=[9], test=[10])
    assert [folds.split_of(fold) for fold in (1, 9, 10, 5)] == ["train", "validation", "test", "unused"]
