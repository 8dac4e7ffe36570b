"""Known texts: the tower's own vectors, each text read once, on disk, by any number of processes and kills."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from esi.errors import EsiError
from esi.model.text_tower import TextTower
from esi.pretrain import known_texts
from esi.pretrain.known_texts import KnownTexts
from tests.model.mini import mini_bert
from tests.pretrain.made_up_texts import TextPairs

VIEWS = ["full", "findings"]
DISTINCT = 21 + 3


@pytest.fixture
def tower(tmp_path: Path) -> TextTower:
    return TextTower.load(str(mini_bert(tmp_path / "bert")), 0, 24)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_texts, "BLOCK", 5)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that towers tokenize from now on."""
    read: list[str] = []
    tokenize = TextTower.tokenize
    monkeypatch.setattr(TextTower, "tokenize", lambda self, texts: (read.extend(texts), tokenize(self, texts))[1])
    return read


def test_they_are_the_towers_own_vectors(tower: TextTower, own_cache: Path, small_blocks: None) -> None:
    data = TextPairs(40)
    known = KnownTexts([(data, VIEWS)], tower, bf16=False, rank=0)
    texts = data.texts("full", torch.arange(40)) + data.texts("findings", torch.tensor([2, 0]))
    with torch.no_grad():
        direct = torch.cat([tower(*tower.tokenize([text])) for text in texts])
    torch.testing.assert_close(known(texts), direct, atol=1e-5, rtol=1e-4)
    linear = torch.nn.Linear(32, 2)
    linear(known(texts[:2])).sum().backward()  # usable in training


def test_each_text_is_read_once_and_by_one_run(
    tower: TextTower, own_cache: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_texts(monkeypatch)
    sources = [(TextPairs(40), VIEWS), (TextPairs(9), ["full"])]
    first = KnownTexts(sources, tower, bf16=False, rank=0)
    assert len(read) == len(set(read)) == DISTINCT
    again = KnownTexts(sources, tower, bf16=False, rank=0)
    assert len(read) == DISTINCT, "the second run reads the files"
    assert torch.equal(first(read), again(read))


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    tower: TextTower, own_cache: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [(TextPairs(40), VIEWS)]
    whole = KnownTexts(sources, tower, bf16=False, rank=0)
    expected = contents(whole.folder)
    assert len(expected) == 5
    for path in whole.folder.iterdir():
        path.unlink()
    write = known_texts._write
    written: list[str] = []

    def killed(path: Path, vectors: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        write(path, vectors)
        written.append(path.name)

    with monkeypatch.context() as patched:
        patched.setattr(known_texts, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            KnownTexts(sources, tower, bf16=False, rank=0)
    read = read_texts(monkeypatch)
    known = KnownTexts(sources, tower, bf16=False, rank=0)
    assert len(read) == DISTINCT - 2 * 5
    assert contents(known.folder) == expected


def test_anything_that_changes_a_vector_is_another_place(tower: TextTower, own_cache: Path, tmp_path: Path) -> None:
    def folder(n: int = 5, bf16: bool = False, tower: TextTower = tower) -> Path:
        return KnownTexts([(TextPairs(n), ["findings"])], tower, bf16, rank=0).folder

    first = folder()
    tower.tokenize(["sinus rhythm " * 3])  # a tokenizer remembers its last call
    assert folder() == first
    assert folder(n=50) == first, "more pairs with the same texts"
    shorter = TextTower(tower.bert, tower.tokenizer, 0, 12)
    others = [folder(n=2), folder(bf16=True), folder(tower=shorter)]
    with torch.no_grad():
        tower.bert.encoder.layer[0].output.dense.bias[0] += 1e-3
    assert len({first, *others, folder()}) == 5


def test_a_text_that_was_not_encoded_is_an_error(tower: TextTower, own_cache: Path) -> None:
    known = KnownTexts([(TextPairs(5), ["findings"])], tower, bf16=False, rank=0)
    with pytest.raises(ValueError, match=r"not among the 3 that were encoded: 'a new text'"):
        known(["sinus rhythm", "a new text"])


def test_no_pairs_no_texts(tower: TextTower, own_cache: Path) -> None:
    assert KnownTexts([(TextPairs(0), VIEWS)], tower, bf16=False, rank=0)([]).shape == (0, 32)


def test_two_processes_share_the_work_and_write_the_same_bytes(
    tower: TextTower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    """One after the other: the first does not see what the second has still to write, as on nodes that share no cache."""
    sources = [(TextPairs(40), VIEWS)]
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "alone"))
    alone = contents(KnownTexts(sources, tower, bf16=False, rank=0).folder)

    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "two"))
    monkeypatch.setattr(known_texts, "processes", lambda: 2)
    monkeypatch.setattr(known_texts.dist, "barrier", lambda: None)
    read = read_texts(monkeypatch)
    with pytest.raises(
        EsiError, match=r"process 1 does not see 3 of 5 files .*set DVC_ROOT to a folder that all nodes share"
    ):
        KnownTexts(sources, tower, bf16=False, rank=1)
    assert len(read) == 2 * 5
    together = KnownTexts(sources, tower, bf16=False, rank=0)
    assert len(read) == len(set(read)) == DISTINCT
    assert contents(together.folder) == alone
