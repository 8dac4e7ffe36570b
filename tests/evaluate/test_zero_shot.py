from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from esi.errors import EsiError
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.texts import TextEncoder
from esi.evaluate.tasks import TaskClass
from esi.evaluate.zero_shot import KINDS, TEMPLATES, class_prompts, prompt_variants, zero_shot_scores
from tests.evaluate.tiny_sets import SUPER, ecg_set, row
from tests.model.mini import mini_esi

NORMAL = SUPER.classes[1]
DESCRIPTIONS = {"normal ECG": "Normal P, QRS and T.", "inferior myocardial infarction": "Q waves in II, III and aVF."}


def test_zero_shot_reads_the_space_after_the_projection(tmp_path: Path, own_cache: Path) -> None:
    """The published code compared vectors from before the projection: then another projection would change nothing."""
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "model")
    ecgs = ecg_set(tmp_path / "ecg", [row(number) for number in range(6)])
    records = ecgs.split(SUPER, "test").records
    candidate = Encoders(tmp_path / "model", [0], []).evaluated
    model = candidate.esi
    prompts = TextEncoder(model)([class_prompts(item, ["findings"], {}) for item in SUPER.classes])
    scores = zero_shot_scores(ecgs.encode(model, candidate.key, "test", records).z_NE, prompts)
    with torch.no_grad():
        torch.manual_seed(1)
        model.project_ecg.reset_parameters()
    changed = zero_shot_scores(ecgs.encode(model, "another projection", "test", records).z_NE, prompts)
    assert np.abs(scores - changed).max() > 0.01
    assert scores.shape == (6, 3)


def test_scores_are_cosines_to_the_mean_prompt() -> None:
    prompts = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, 0.0]])]
    scores = zero_shot_scores(np.array([[1.0, 0.0], [0.6, 0.8]]), prompts)
    np.testing.assert_allclose(scores, [[np.sqrt(0.5), -1.0], [1.4 * np.sqrt(0.5), -0.6]])


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["names"], ["normal ECG"]),
        (["findings"], ["Findings: normal ECG."]),
        (["descriptions"], ["Normal P, QRS and T."]),
        (["findings", "descriptions"], ["Findings: normal ECG.", "Normal P, QRS and T."]),
        (["descriptions", "names"], ["normal ECG", "Normal P, QRS and T."]),
    ],
)
def test_the_kinds_of_prompts(kinds: list[str], expected: list[str]) -> None:
    assert class_prompts(NORMAL, kinds, DESCRIPTIONS) == expected


def test_templates_put_the_name_into_different_sentences() -> None:
    prompts = class_prompts(SUPER.classes[0], ["templates"], {})
    assert len(prompts) == len(set(prompts)) == 2 * len(TEMPLATES)
    assert sum("inferior myocardial infarction" in prompt for prompt in prompts) == len(TEMPLATES)
    assert all(prompt.endswith(".") and "{" not in prompt for prompt in prompts)


def test_prompts_name_the_finding_and_nobody() -> None:
    for item in SUPER.classes:
        prompts = class_prompts(item, KINDS, DESCRIPTIONS)
        assert len(prompts) >= 3 * len(item.statements)
        assert not any("year-old" in prompt or "male" in prompt.split() for prompt in prompts)


def test_a_class_without_any_prompt_is_one_sentence() -> None:
    with pytest.raises(EsiError, match=r"class STTC: none of .* has a description: add findings"):
        class_prompts(SUPER.classes[2], ["descriptions"], DESCRIPTIONS)


def test_the_prompts_that_count_come_first_then_each_kind_alone() -> None:
    variants = dict(prompt_variants(SUPER, ["findings", "names"], DESCRIPTIONS))
    assert list(variants) == ["", "names", "findings", "templates"]  # STTC has no description
    assert variants[""][1] == ["normal ECG", "Findings: normal ECG."]
    assert variants["names"][:2] == [list(item.statements) for item in SUPER.classes[:2]]
    assert variants["names"][2] == ["nondiagnostic T wave abnormality"]  # descriptions are by the normalised statement
    described = DESCRIPTIONS | {"nondiagnostic T wave abnormality": "Flat T waves."}
    variants = dict(prompt_variants(SUPER, ["findings"], described))
    assert list(variants) == ["", *KINDS]
    assert variants["descriptions"] == [
        ["Q waves in II, III and aVF."],  # the one of the class's two statements that has a description
        ["Normal P, QRS and T."],
        ["Flat T waves."],
    ]


def test_a_text_is_embedded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = mini_esi(tmp_path / "bert").eval()
    embedded: list[str] = []
    encode_text = model.encode_text

    def counting(texts: list[str]) -> torch.Tensor:
        embedded.extend(texts)
        return encode_text(texts)

    monkeypatch.setattr(model, "encode_text", counting)
    embed = TextEncoder(model)
    shared = TaskClass("shared", frozenset({"NORM"}), ("normal ECG", "sinus rhythm"))
    first = embed([class_prompts(item, ["names"], {}) for item in (NORMAL, shared)])
    assert embedded == ["normal ECG", "sinus rhythm"]
    many = [f"block {number}" for number in range(130)]
    second = embed([many, ["sinus rhythm"]])
    assert embedded == ["normal ECG", "sinus rhythm", *many]
    np.testing.assert_array_equal(first[1][1], second[1][0])
    np.testing.assert_array_equal(first[0][0], first[1][0])
    assert [part.shape for part in (*first, *second)] == [(1, 16), (2, 16), (130, 16), (1, 16)]
    with torch.inference_mode():
        np.testing.assert_allclose(second[0][100], encode_text([many[100]]).numpy()[0], atol=1e-5)
