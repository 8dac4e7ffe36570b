"""The text tower: pooling, what learns, and errors that say what is wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from esi.model.text_tower import TextTower, TextTowerError
from tests.model.mini import mini_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_bert(tmp_path_factory.mktemp("bert"))


def test_mean_over_real_tokens_only(folder: Path) -> None:
    tower = TextTower.load(str(folder), 0, 32).eval()
    short, long = "sinus rhythm", "atrial fibrillation with left bundle branch block of a man"
    with torch.no_grad():
        together = tower(*tower.tokenize([short, long]))
        alone = torch.cat([tower(*tower.tokenize([text])) for text in (short, long)])
        ids, mask = tower.tokenize([short])
        by_hand = tower.bert(input_ids=ids, attention_mask=mask).last_hidden_state.mean(1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(alone[:1], by_hand)


@pytest.mark.parametrize(
    ("layers", "expected"), [(0, set()), (1, {"encoder.layer.1"}), (2, {"encoder.layer.0", "encoder.layer.1"})]
)
def test_only_the_last_layers_learn(folder: Path, layers: int, expected: set[str]) -> None:
    tower = TextTower.load(str(folder), layers, 32)
    learnt = {
        name.split(".attention")[0].split(".intermediate")[0].split(".output")[0]
        for name, p in tower.bert.named_parameters()
        if p.requires_grad
    }
    assert learnt == expected


def test_all_learn_with_minus_one_and_no_pooling_head_exists(folder: Path) -> None:
    tower = TextTower.load(str(folder), -1, 32)
    assert all(part.requires_grad for part in tower.parameters())
    tower(*tower.tokenize(["sinus rhythm"])).pow(2).sum().backward()
    assert [name for name, part in tower.named_parameters() if part.grad is None] == []


def test_a_frozen_tower_has_no_dropout_in_training_mode(folder: Path) -> None:
    tower = TextTower.load(str(folder), 0, 32).train()
    ids, mask = tower.tokenize(["sinus rhythm"])
    assert torch.equal(tower(ids, mask), tower(ids, mask))
    learning = TextTower.load(str(folder), 1, 32).train()
    assert not torch.equal(learning(ids, mask), learning(ids, mask))


def test_texts_are_cut_with_their_end_token(folder: Path) -> None:
    tower = TextTower.load(str(folder), 0, 8)
    ids, mask = tower.tokenize(["sinus " * 50, "rhythm"])
    assert ids.shape == (2, 8)
    assert ids[0, -1] == tower.tokenizer.sep_token_id
    assert mask.sum(1).tolist() == [8, 3]


def test_two_threads_can_tokenize(folder: Path) -> None:
    """A bare fast tokenizer fails here with "Already borrowed"."""
    tower = TextTower.load(str(folder), 0, 32)
    problems: list[BaseException] = []

    def work(count: int) -> None:
        try:
            for _ in range(200):
                tower.tokenize(["sinus rhythm " * count, "block"])
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_errors_are_sentences(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TextTowerError, match=r"model\.text_tower is '.*nothing-here', which cannot be loaded as a BERT"):
        TextTower.load(str(tmp_path / "nothing-here"), 0, 32)
    with pytest.raises(TextTowerError, match="text_layers_trained is 3, the text tower has 2 layers"):
        TextTower.load(str(folder), 3, 32)
    with pytest.raises(TextTowerError, match="max_tokens is 65, the text tower reads at most 64"):
        TextTower.load(str(folder), 0, 65)


def test_missing_weights_are_an_error_and_not_random(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TextTowerError, match=r"lacks 1 weights, for example \['encoder\.layer\.1\.output\.dense\.weight'\]"):
        TextTower.load(str(tmp_path), 0, 32)
