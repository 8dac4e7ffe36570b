"""Whether a text is English: by the function words and the ECG terms of other languages, by scripts, and by its own words.

No model is asked: an answer of a few sentences shows its language by its commonest words.
"""

from __future__ import annotations

import re
import unicodedata

from esi.cqa.check.known_conditions import words
from esi.cqa.check.language_words import ENGLISH, NAMES, OTHERS, SHARED
from esi.cqa.sentences import split_sentences

_ENGLISH = frozenset(ENGLISH.split())
_TELLING = {name: frozenset(telling.split()) - _ENGLISH - frozenset(SHARED.split()) for name, telling in OTHERS.items()}
_GREEK = frozenset("αβγδεθλμπστφχψωΔΣΩµ")
_NAMES = frozenset(NAMES.split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
MIN_WORDS = 5  # fewer tell no language
MIN_TELLING = 2  # "et al.", "en bloc" and "de novo" are English use
MIN_ENGLISH = (
    0.4  # of a text are function words or words of the handbook; answers/good.txt has 0.71 or more, other languages 0.33
)
_WINDOW = 9  # words; a foreign phrase inside an English sentence


def foreign(text: str) -> str | None:
    """The first words of a text that are not English; None where all of it is.

    Args:
        text: prose. Names of leads, waves and drugs, and single borrowed words, tell nothing.
    """
    if script := _other_script(text):
        return script
    if phrase := _telling_phrase(_WORD.findall(text)):
        return phrase
    for sentence in [*split_sentences(text), text]:
        found = [word for word in _WORD.findall(sentence) if len(word) > 1 and not word.isupper()]
        if words() and len(found) >= MIN_WORDS and not _is_english(found):  # without a handbook nobody knows its words
            return " ".join(sentence.split()[:6])
    return None


def _other_script(text: str) -> str | None:
    """Letters or punctuation of a script that English is not written in, Greek symbols apart."""
    for match in re.finditer(r"[^\x00-\u024f\u2000-\u2bff\ud800-\uf8ff\ufffd]+", text):
        letters = "".join(letter for letter in match[0] if letter not in _GREEK)
        kinds = {unicodedata.name(letter, "").split(" ")[0] for letter in letters}
        if letters.strip() and not kinds <= {"GREEK", "MODIFIER", "LATIN", "COMBINING", "MICRO", ""}:
            return match[0][:20]
        if sum(unicodedata.name(letter, "").startswith("GREEK") for letter in letters) > 2:
            return match[0][:20]
    return None


def _telling_phrase(said: list[str]) -> str | None:
    low = [word.lower() for word in said]
    accented = [any(ord(letter) > 0xBF for letter in word) and word not in _NAMES and word.isalpha() for word in low]
    for start in range(len(low)):
        window = low[start : start + _WINDOW]
        english = sum(word in _ENGLISH for word in window)
        for telling in _TELLING.values():
            told = {word for word, strange in zip(window, accented[start:], strict=False) if word in telling or strange}
            if len(told) >= MIN_TELLING and len(told) > english:
                return " ".join(said[start : start + _WINDOW])
    return None


def _is_english(text_words: list[str]) -> bool:
    known = words()
    return sum(word.lower() in known or word.lower() in _ENGLISH for word in text_words) >= MIN_ENGLISH * len(text_words)
