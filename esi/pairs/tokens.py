"""How many tokens of the text tower a text has."""

from __future__ import annotations

from functools import lru_cache

from transformers import AutoTokenizer

from esi.packaged import bert_source
from esi.pairs.text import CountTokens


def token_counter(text_tower: str) -> CountTokens:
    """A counter (special tokens included) for a tower by name, folder or hub id; sentences repeat, so it remembers
    counts.
    """
    tokenizer = AutoTokenizer.from_pretrained(bert_source(text_tower))

    @lru_cache(maxsize=100_000)
    def count(text: str) -> int:
        return len(tokenizer(text, truncation=False)["input_ids"])

    return count
