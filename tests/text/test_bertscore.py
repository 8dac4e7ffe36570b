"""BERTScore against its definition, and the stage's figures against references of known likeness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.merl_references import convert
from esi.cqa.scores import read_references, score, score_figures, write_by_statement
from esi.ecg.statements.wording import normalise
from esi.errors import EsiError
from esi.settings.cqa import Score
from esi.text.bertscore import UNSEEN, Tokens, bert_scores, greedy_match, token_encoder
from esi.text.packaged import bert_source
from tests.conftest import ROOT

ENDS = frozenset({0, 1})
TEXTS = [
    "Right bundle branch block has an rsR' pattern in V1 and a QRS of 120 ms or more.",
    "The QRS is 120 ms or wider, with an R' in V1 and slurred S waves in I and V6.",
    "P waves are absent and the RR intervals are irregular.",
    "sinus rhythm",
]


def settings(**changes: Any) -> Score:
    values = {"references": Path("x.csv"), "encoder": "packaged", "layer": None, "idf": False, "batch_size": 3}
    return Score(**values | changes)


def tokens(*vectors: Sequence[float], ids: Sequence[int] | None = None) -> Tokens:
    array = np.array(vectors, np.float32)
    array /= np.linalg.norm(array, axis=1, keepdims=True)
    return Tokens(tuple(ids or range(10, 10 + len(array))), array, ENDS)


def one_hot(texts: Sequence[str]) -> list[Tokens]:
    """Each word has a direction of its own; no context."""
    words = sorted({word for text in texts for word in text.split()})
    rows = np.eye(len(words) + 1, dtype=np.float32)
    numbers = [[words.index(word) for word in text.split()] for text in texts]
    return [Tokens((0, *(n + 2 for n in each), 1), rows[[len(words), *each, len(words)]], ENDS) for each in numbers]


def test_a_text_scores_1_against_itself_and_less_against_any_other() -> None:
    pairs = [(one, other) for one in TEXTS for other in TEXTS]
    scores = bert_scores(*(list(texts) for texts in zip(*pairs, strict=True)), token_encoder(settings()), idf=False)
    for (one, other), row in zip(pairs, scores, strict=True):
        if one == other:
            np.testing.assert_allclose(row, 1, atol=1e-6)
        else:
            assert row.max() < 0.95
    np.testing.assert_allclose(scores.reshape(4, 4, 3)[0, 1, 2], scores[1 * 4 + 0, 2])  # F1 is symmetric
    assert scores[1, 2] > scores[2, 2], "two texts on the same block are nearer than a block and a fibrillation"


def test_two_tokens_may_take_the_same_partner() -> None:
    """Candidate at 0, 30 and 90 degrees, reference at 0 degrees: greedy matching, no assignment."""

    def at(*degrees: int) -> Tokens:
        return tokens(*([math.cos(math.radians(angle)), math.sin(math.radians(angle))] for angle in degrees))

    precision, recall, f1 = greedy_match(at(0, 30, 90), at(0), None)
    assert precision == pytest.approx((1 + math.cos(math.radians(30)) + 0) / 3)
    assert recall == pytest.approx(1)
    assert f1 == pytest.approx(2 * precision / (precision + 1))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_it_is_the_articles_equations_written_out_and_swapping_swaps_precision_and_recall(c: int, r: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    candidate, reference = tokens(*random.normal(size=(c, 5))), tokens(*random.normal(size=(r, 5)))
    rarity = {UNSEEN: 3.0} | {token: float(weight) for token, weight in enumerate(random.uniform(0.1, 2, 40))}

    def recall_of(x: Tokens, y: Tokens) -> float:
        best = [max(float(np.dot(a, b)) for b in y.vectors) for a in x.vectors]
        weights = [rarity[token] for token in x.ids]
        return sum(weight * value for weight, value in zip(weights, best, strict=True)) / sum(weights)

    precision, recall, _ = greedy_match(candidate, reference, rarity)
    assert precision == pytest.approx(recall_of(candidate, reference), abs=1e-6)
    assert recall == pytest.approx(recall_of(reference, candidate), abs=1e-6)
    assert greedy_match(reference, candidate, rarity)[:2] == (recall, precision)


def test_shares_of_words_without_context() -> None:
    (row,) = bert_scores(["p wave absent"], ["p wave absent in v1 always"], one_hot, idf=False)
    np.testing.assert_allclose(row, [1, 3 / 6, 2 / 3])


def test_idf_weighs_a_word_of_one_reference_above_a_word_of_all() -> None:
    """Of three references all hold "wave" (weight log 4/4 = 0) and one "delta" (log 4/2)."""
    references = ["delta wave", "p wave", "t wave"]
    row = bert_scores(["delta spike", "p", "t"], references, one_hot, idf=True)[0]
    np.testing.assert_allclose(row[:2], [math.log(2) / (math.log(2) + math.log(4)), 1], atol=1e-6)
    plain = bert_scores(["delta spike", "p", "t"], references, one_hot, idf=False)[0]
    np.testing.assert_allclose(plain[:2], [0.5, 0.5])


def test_a_missing_description_scores_0() -> None:
    np.testing.assert_array_equal(bert_scores(["", "wide QRS"], ["wide QRS", ""], token_encoder(settings()), False), 0)


@pytest.mark.parametrize("layer", [None, 0, 3])
def test_tokens_are_each_text_alone_at_the_layer_asked_for(layer: int | None) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    source = bert_source("packaged")
    tokenizer, bert = AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source).eval()
    for text, found in zip(TEXTS, token_encoder(settings(layer=layer))(TEXTS), strict=True):
        with torch.inference_mode():
            states = bert(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        expected = states[6 if layer is None else layer][0].numpy()
        np.testing.assert_allclose(found.vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=2e-6)
        assert list(found.ids) == tokenizer(text)["input_ids"]
        assert [token in found.special for token in found.ids] == [True, *[False] * (len(found.ids) - 2), True]


def test_a_byte_level_encoder_sees_the_first_word_as_it_sees_the_others(tmp_path: Path) -> None:
    """RoBERTa, on which the paper's figures rest, writes a word after a space otherwise than one at the very beginning."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["wave"] + [" wave QRS"] * 9, vocab_size=320, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    trained.save(str(tmp_path / "tokenizer.json"))
    RobertaTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), model_max_length=32).save_pretrained(tmp_path)
    size = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    RobertaModel(RobertaConfig(vocab_size=trained.get_vocab_size(), max_position_embeddings=34, **size)).save_pretrained(
        tmp_path
    )
    encode = token_encoder(settings(encoder=str(tmp_path), layer=1))
    (found,) = encode(["wave wave"])
    assert found.ids[1] == found.ids[2]
    assert [token in found.special for token in found.ids] == [True, False, False, True]
    assert found.vectors.shape == (4, 8)
    with pytest.raises(EsiError, match="score.encoder reads 32"):
        encode(["wave " * 32])


def test_the_same_texts_give_the_same_bits_whatever_the_threads() -> None:
    import torch

    before = torch.get_num_threads()
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows.append(bert_scores(TEXTS[:2], TEXTS[2:], token_encoder(settings()), idf=True).tobytes())
    torch.set_num_threads(before)
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("changes", "text", "sentence"),
    [
        ({"layer": 7}, "x", "score.layer is 7, and score.encoder 'packaged' has 6: set it to 0-6"),
        ({"encoder": "nowhere/at-all"}, "x", "score.encoder 'nowhere/at-all' cannot be loaded .*: use packaged or a folder"),
        ({}, "wave " * 600, "begins 'wave wave .* has 602 tokens, and score.encoder reads 512: shorten it"),
    ],
)
def test_encoder_mistakes_are_sentences(changes: dict[str, Any], text: str, sentence: str) -> None:
    with pytest.raises(EsiError, match=sentence):
        token_encoder(settings(**changes))([text])


def write_references(folder: Path, content: str) -> Path:
    path = folder / "references.csv"
    path.write_text(content)
    return path


def test_references_are_read_under_their_canonical_statements(tmp_path: Path) -> None:
    path = write_references(tmp_path, 'statement,description,source\nAFIB,"No P waves,\n irregular RR.",x\nb,B.,y\n')
    assert read_references(path, str.lower) == {"afib": "No P waves, irregular RR.", "b": "B."}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("statement,text\na,b\n", "row 2: description is empty or no column of it"),
        ("statement,description\na,b\nc, \n", "row 3: description is empty"),
        ("statement,description\na,b\nA,c\n", "row 3: 'a' has a reference already: keep one row for each statement"),
    ],
)
def test_mistakes_in_references_name_the_row(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(EsiError, match=sentence):
        read_references(write_references(tmp_path, content), str.lower)


def test_missing_references_name_the_file_and_the_parameter(tmp_path: Path) -> None:
    with pytest.raises(
        EsiError, match="no.csv is missing: .* columns statement, description there, or set score.references"
    ):
        read_references(tmp_path / "no.csv", str.lower)


def test_each_description_meets_its_own_reference_and_another_as_control(tmp_path: Path) -> None:
    references = {"a": "one two", "b": "three four", "absent": "nine", "c": "five six"}
    scored = score({"c": "five x", "a": "one two", "b": "", "d": "seven"}, references, one_hot, idf=False)
    assert scored.statements == ["a", "b", "c"]
    np.testing.assert_allclose(scored.scores, [[1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(scored.control, 0)
    figures = score_figures(scored)
    assert figures | {"bertscore_f1": 0.5, "bertscore_f1_sd": 0.5, "bertscore_f1_other_statement": 0.0} == figures
    assert figures | {"statements": 3, "references_without_description": 1, "empty": 1, "words_mean": 1.3} == figures
    assert figures["closer_to_own_reference"] == pytest.approx(2 / 3, abs=1e-4)
    write_by_statement(tmp_path / "by.csv", scored)
    lines = (tmp_path / "by.csv").read_text().splitlines()
    assert lines[0] == "statement,precision,recall,f1,f1_other_statement,fallback"
    assert [line.split(",")[0] for line in lines[1:]] == ["b", "c", "a"]


def test_what_the_model_did_not_write_itself_is_told_apart(tmp_path: Path) -> None:
    references = {"a": "one two", "b": "three four", "c": "five six"}
    descriptions = {"a": "one two", "b": "nine", "c": "five x"}
    figures = score_figures(score(descriptions, references, one_hot, idf=False, fallbacks={"a", "elsewhere"}))
    assert figures["fallbacks"] == 1
    assert figures["bertscore_f1"] == 0.5
    assert figures["bertscore_f1_without_fallbacks"] == 0.25
    all_replaced = score(descriptions, references, one_hot, idf=False, fallbacks=set(references))
    assert "bertscore_f1_without_fallbacks" not in score_figures(all_replaced)
    write_by_statement(tmp_path / "by.csv", all_replaced)
    assert all(line.endswith(",1") for line in (tmp_path / "by.csv").read_text().splitlines()[1:])


def test_merl_texts_become_references_of_the_projects_statements(tmp_path: Path) -> None:
    content, unknown = convert({"NST": "non-specific ST changes.", "AFIB": "no P waves, irregular.", "NO SUCH": "x"})
    assert unknown == ["NO SUCH"]
    (tmp_path / "merl.csv").write_text(content)
    references = read_references(tmp_path / "merl.csv", normalise)
    assert references == {
        "nonspecific ST changes": "non-specific ST changes.",
        "atrial fibrillation": "no P waves, irregular.",
    }


def test_references_of_none_of_the_statements_are_refused() -> None:
    with pytest.raises(EsiError, match="1 of the 2 statements of score.references have a description"):
        score({"a": "x", "z": "y"}, {"a": "x", "b": "y"}, one_hot, idf=False)


def test_the_shipped_references_are_one_for_each_canonical_statement() -> None:
    references = read_references(ROOT / "data/score/references.csv", normalise)
    assert len(references) == 44
    assert {"sinus rhythm", "atrial fibrillation", "complete left bundle branch block"} <= set(references)
