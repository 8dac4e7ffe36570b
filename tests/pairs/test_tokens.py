from __future__ import annotations

from pathlib import Path

import pytest

from esi.errors import EsiError
from esi.pairs.tokens import token_counter


def test_special_tokens_count() -> None:
    count = token_counter("packaged")
    assert count("") == 2
    assert count("a heart") == 4


def test_lengths_of_sentences_add_up() -> None:
    """What `compose` relies on when it fills a text sentence by sentence."""
    count = token_counter("packaged")
    first, second = "P waves precede each QRS.", "V1 shows an rSR' pattern of 120 ms."
    assert count(f"{first} {second}") - 2 == (count(first) - 2) + (count(second) - 2)


def test_an_unknown_tower_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EsiError, match=r"model.text_tower is .*nothing.*cannot be loaded"):
        token_counter(str(tmp_path / "nothing"))
