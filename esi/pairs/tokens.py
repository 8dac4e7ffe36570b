"""How many tokens of the text tower a text has."""

from __future__ import annotations

from functools import lru_cache

from transformers import AutoTokenizer

from esi.errors import EsiError
from esi.pairs.text import CountTokens
from esi.text.packaged import bert_source


def token_counter(text_tower: str) -> CountTokens:
    """A counter (special tokens included) for a tower by name, folder or hub id; sentences repeat, so it remembers counts.

    Raises:
        EsiError: there is no tokenizer of that name.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(bert_source(text_tower))
    except (OSError, ValueError) as error:
        raise EsiError(
            f"model.text_tower is {text_tower!r}, whose tokenizer cannot be loaded ({str(error).strip().splitlines()[0]}): "
            "give 'packaged', a folder with a BERT and its tokenizer, or a hub id that is downloaded or reachable"
        ) from None

    @lru_cache(maxsize=100_000)
    def count(text: str) -> int:
        return len(tokenizer(text, truncation=False)["input_ids"])

    return count
