"""The text tower: pooling, what learns, and errors that say what is wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AlbertConfig, AlbertModel, AutoTokenizer, RobertaConfig, RobertaModel

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


def plain(tower: TextTower, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The padded batch, text by text as it is."""
    hidden = tower.bert(input_ids=ids, attention_mask=mask).last_hidden_state
    return torch.stack([row[real].mean(0) for row, real in zip(hidden, mask, strict=True)])


TEXTS = ["sinus rhythm", "atrial fibrillation with left bundle branch block of a man", "a", "sinus rhythm", "old infarction"]


@pytest.mark.parametrize("layers", [-1, 1])
def test_packed_and_padded_give_the_same_vectors_and_gradients(folder: Path, layers: int) -> None:
    tower = TextTower.load(str(folder), layers, 32).eval()
    ids, mask = tower.tokenize(TEXTS)
    weights = torch.randn(len(TEXTS), tower.dim, generator=torch.Generator().manual_seed(0))
    results = []
    for forward in (tower, lambda ids, mask: plain(tower, ids, mask)):
        tower.zero_grad()
        vectors = forward(ids, mask)
        (vectors * weights).sum().backward()
        results.append(
            (vectors.detach(), {name: part.grad for name, part in tower.named_parameters() if part.requires_grad})
        )
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-5)
    for name, grad in results[1][1].items():
        torch.testing.assert_close(
            results[0][1][name], grad, atol=1e-5, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_padding_and_repetitions_are_not_computed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tower = TextTower.load(str(folder), 0, 32).eval()
    ids, mask = tower.tokenize(TEXTS)
    seen: list[int] = []
    forward = tower.bert.forward

    def counting(input_ids: torch.Tensor, **others: object) -> object:
        seen.append(input_ids.numel())
        return forward(input_ids=input_ids, **others)

    monkeypatch.setattr(tower.bert, "forward", counting)
    tower(ids, mask)
    assert len(seen) == 1, "sharded training needs one call in every process"
    longest = ids.shape[1]
    assert seen[0] == 2 * longest < ids.numel()


def test_bfloat16_is_near(folder: Path) -> None:
    tower = TextTower.load(str(folder), 0, 32).eval()
    ids, mask = tower.tokenize(TEXTS)
    with torch.no_grad():
        exact = tower(ids, mask)
        with torch.autocast("cpu", torch.bfloat16):
            near = tower(ids, mask)
    assert near.dtype == torch.float32
    torch.testing.assert_close(near, exact, atol=0.05, rtol=0.05)


def test_a_tower_of_another_family_is_read_padded(folder: Path, tmp_path: Path) -> None:
    """RoBERTa counts positions from 2: packed as a BERT is, it would be wrong without an error."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    tower = TextTower(RobertaModel(config, add_pooling_layer=False), tokenizer, 0, 32).eval()
    ids, mask = tower.tokenize(TEXTS)
    with torch.no_grad():
        torch.testing.assert_close(tower(ids, mask), plain(tower, ids, mask), atol=1e-5, rtol=1e-5)


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


def test_an_export_does_not_tell_whether_the_hub_was_off(folder: Path, tmp_path: Path) -> None:
    """transformers notes HF_HUB_OFFLINE in the tokenizer: two machines then exported the same model with different bytes."""
    written = []
    for offline in (True, False):
        tower = TextTower.load(str(folder), 0, 32)
        tower.tokenizer.init_kwargs["local_files_only"] = offline
        tower.save_config(tmp_path / str(offline))
        written.append({path.name: path.read_bytes() for path in (tmp_path / str(offline)).iterdir()})
    assert written[0] == written[1]


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


def test_a_tower_whose_layers_are_one_is_not_trained_in_part(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = AlbertConfig(
        vocab_size=len(tokenizer),
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    bert = AlbertModel(config, add_pooling_layer=False)
    with pytest.raises(TextTowerError, match=r"text_layers_trained is 1, .* 'albert' cannot be trained in part: set 0"):
        TextTower(bert, tokenizer, 1, 32)
    assert TextTower(bert, tokenizer, 0, 32).frozen


def test_a_tokenizer_may_read_less_than_there_are_positions(folder: Path) -> None:
    """RoBERTa: 514 positions, 512 tokens."""
    tower = TextTower.load(str(folder), 0, 32)
    tower.tokenizer.model_max_length = 62
    with pytest.raises(TextTowerError, match="max_tokens is 63, the text tower reads at most 62"):
        TextTower(tower.bert, tower.tokenizer, 0, 63)


def test_missing_weights_are_an_error_and_not_random(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TextTowerError, match=r"lacks 1 weights, for example \['encoder\.layer\.1\.output\.dense\.weight'\]"):
        TextTower.load(str(tmp_path), 0, 32)
