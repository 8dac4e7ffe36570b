"""Sentences and words of medical prose."""

from __future__ import annotations

import re
from functools import lru_cache

# A full stop ends a sentence where white space and a new sentence's first character follow, and no abbreviation precedes.
_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bFig\.)(?<!\bapprox\.)\s+(?=[A-Z0-9(\"“])")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order. Blank lines end a sentence too (headings, list items).

    >>> split_sentences("QRS lasts 0.12 s or more. See e.g. V1.\\n\\nP waves")
    ['QRS lasts 0.12 s or more.', 'See e.g. V1.', 'P waves']
    """
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    return [sentence for paragraph in paragraphs if paragraph for sentence in _END.split(paragraph)]


_STOP_WORD = re.compile(  # the second line: how carts hedge a finding
    r"a|an|and|are|as|at|be|by|due|for|from|how|in|is|it|its|lead|may|of|on|or|ecg|the|to|twelve|with|wave|change|"
    r"age|cannot|consider|likely|out|possible|possibly|probable|probably|rule|suggest|undetermined"
)
_ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third"}
_STEM_LENGTH = 7  # ischemia meets ischemic, infarct infarction; complete and complex stay apart


def content_terms(text: str) -> list[str]:
    """The words that carry meaning, in order: lower case, without plural s, cut to their first letters, ordinals spelt out.

    >>> content_terms("1st degree AV block, ischemic T-waves")
    ['first', 'degree', 'av', 'block', 'ischemi', 't']
    """
    words = (_ORDINALS.get(word, word) for word in re.findall(r"[a-z0-9]+", text.lower().replace("aemi", "emi")))
    stems = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)
    return [stem[:_STEM_LENGTH] for stem in stems if not _STOP_WORD.fullmatch(stem)]


def content_words(text: str) -> set[str]:
    """The `content_terms` of a text, each once."""
    return set(content_terms(text))


@lru_cache(maxsize=1 << 14)
def _name_words(name: str) -> frozenset[str]:
    return frozenset(content_words(name))


def name_fit(statement: str, name: str) -> float:
    """How well an entry's name fits a statement, 0 to 1: twice the shared content words over all of both (Dice, 1945).

    A name that is of another side, chamber, degree or territory, or of one that the statement leaves open, does not fit at
    all: right is not left, and atrial is not ventricular fibrillation, however many other words they share. Nor does a name
    of ischemia, injury or infarction fit a statement that says none: "inferior T wave changes" are not inferior ischemia.

    >>> name_fit("left bundle branch block", "right bundle branch block")
    0.0
    """
    wanted, named = _name_words(statement), _name_words(name)
    if (named & _TELLING) - wanted:
        return 0.0
    total = len(wanted) + len(named)
    return 2 * len(wanted & named) / total if total else 0.0


_TELLING = content_words(
    "left right first second third atrial ventricular supraventricular sinus junctional anterior inferior lateral septal "
    "posterior anteroseptal anterolateral inferolateral inferoposterior inferoposterolateral "
    "ischemia injury infarction"
)
