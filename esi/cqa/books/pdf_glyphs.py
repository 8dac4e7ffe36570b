"""Ligatures that a font does not map to letters (glyph names /f_i, private characters, NUL): mended where one word fits."""

from __future__ import annotations

import re
from collections.abc import Iterable

LIGATURES = ("ff", "fi", "fl", "ffi", "ffl", "st", "ct", "tt", "ti", "fj")
MOSTLY = 0.02  # of a page's letters: prose has a ligature in every 50th to 100th, more are a font that cannot be read
_NAMED = re.compile(r"/(f_f_i|f_f_l|f_f|f_i|f_l|s_t|c_t|t_t|t_i|f_j)(?![A-Z])")
_LOST = "\x00-\x08\x0e-\x1f\ue000-\uf8ff\ufffd"
_LOST_WORD = re.compile(rf"[^\W\d_]*[{_LOST}](?:[^\W\d_]|[{_LOST}])*")
_WORD = re.compile(r"[^\W\d_]{2,}")


def vocabulary(texts: Iterable[str]) -> set[str]:
    """The whole words of texts, in lower case."""
    return {word.lower() for text in texts for word in _WORD.findall(_LOST_WORD.sub(" ", text))}


def mended(text: str, words: set[str]) -> str:
    """The text with ligatures as letters where the glyph's name says which, or one reading alone is a known word."""
    text = re.sub(r"^\s*[\uf000-\uf8ff](?=\s)", "•", text)  # before an item of a list, in a symbol font
    text = _NAMED.sub(lambda name: name[1].replace("_", ""), text)
    return _LOST_WORD.sub(lambda found: _word(found[0], words), text)


def lost(text: str) -> int:
    """How many characters of a text are unreadable."""
    return len(re.findall(f"[{_LOST}]", text))


def _word(broken: str, words: set[str]) -> str:
    parts = re.split(f"[{_LOST}]", broken)
    readings = {parts[0]}
    for part in parts[1:]:
        readings = {f"{reading}{letters}{part}" for reading in readings for letters in LIGATURES}
        if len(readings) > 1000:
            return broken
    known = [reading for reading in readings if reading.lower() in words]
    return known[0] if len(known) == 1 else broken
