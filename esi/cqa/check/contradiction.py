"""Whether an answer says the opposite of its label: numbers outside the label's criteria, the ST segment on the wrong side
of the baseline, or its mirror image by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf

from esi.cqa.books.chunks import entry_of
from esi.cqa.check.claims import Claim, claims
from esi.cqa.retrieve.retrieval import Passage, name_overlap
from esi.cqa.sentences import split_sentences

# What a label's own name fixes, whatever the books say. QRS and fascicular blocks: AHA/ACCF/HRS Recommendations part III
# (Surawicz 2009); QT: part IV (Rautaharju 2009), the less strict of the limits for the sexes; PR and rates: ACC/AHA/HRS
# Guideline on Bradycardia and Cardiac Conduction Delay (Kusumoto 2018) and part I (Kligfield 2007).
_STANDARDS = (
    (r"incomplete (right|left) bundle|\bi[rl]bbb\b", "QRS duration", 100, 119.5),
    (r"(?<!incomplete )(right|left) bundle branch block|\bc?[rl]bbb\b", "QRS duration", 120, inf),
    (r"(anterior|posterior) fascicular block|\bla[fh]b\b|\blp[fh]b\b", "QRS duration", 0, 119.5),
    (r"first degree (av|a v|atrioventricular)|\b1avb\b|(prolonged|long) pr\b|\blpr\b", "PR interval", 200, inf),
    (r"short pr\b|wolff parkinson white|\bwpw\b", "PR interval", 0, 120),
    (r"(prolonged|long) qt", "QT interval", 440, inf),
    (r"short qt", "QT interval", 0, 390),
    (r"bradycardia", "rate", 0, 60),
    (r"(?<!bradycardia )\btachycardia", "rate", 100, inf),
)
_MIRRORED = (
    ("left", "right"),
    ("lbbb", "rbbb"),
    ("clbbb", "crbbb"),
    ("ilbbb", "irbbb"),
    ("lvh", "rvh"),
    ("bradycardia", "tachycardia"),
    ("prolonged", "short"),
    ("long", "short"),
    ("elevation", "depression"),
    ("high", "low"),
    ("complete", "incomplete"),
    ("first", "second"),
    ("first", "third"),
    ("second", "third"),
    ("atrial", "ventricular"),
)
# Which side of the baseline the ST segment lies on; sentences on reciprocal changes, aVR or what it is not are passed over.
_SIDES = (
    (r"\bst (segment )?depression\b|\bstd\b", r"\b(ST|J point)\b.*\babove the (baseline|isoelectric line)\b"),
    (r"\bst (segment )?elevation\b|\bste\b", r"\b(ST|J point)\b.*\bbelow the (baseline|isoelectric line)\b"),
)
_OTHER_SIDE_TOO = re.compile(r"\b(reciprocal|aVR|unlike|whereas|in contrast|rather than|than|not)\b", re.IGNORECASE)
_ASIDE = r"(?<!not )(?<!no )(?<!than )(?<!from )(?<!unlike )(?<!without )(?<!versus )(?<!vs )"  # names a look-alike


def contradiction(answer: str, statement: str, passages: Sequence[Passage]) -> str | None:
    """Why an answer contradicts its label, as a sentence that is also told to the model; None where it does not.

    The label's criteria are those that its name fixes; for other quantities, the numbers of the passages of its own entry.
    """
    names = [plain_name(name) for name in [statement, *own_names(statement, passages)]]
    own = [Claim(quantity, low, high) for pattern, quantity, low, high in _STANDARDS if re.search(pattern, names[0])]
    fixed = {claim.quantity for claim in own}
    own += [
        claim
        for passage in passages
        if name_overlap(statement, passage) > 0 and entry_of(passage.heading) == entry_of(passages[0].heading)
        for claim in claims(passage.text)
        if claim.quantity not in fixed
    ]
    for claim in claims(answer):
        criteria = [each for each in own if each.quantity == claim.quantity]
        if criteria and not any(claim.agrees(each) for each in criteria):
            return f'It contradicted the criteria of {statement} ("{claim.text}").'
    for pattern, wrong in _SIDES:
        for sentence in split_sentences(answer) if re.search(pattern, names[0]) else []:
            if (found := re.search(wrong, sentence)) and not _OTHER_SIDE_TOO.search(sentence):
                return f'It put the ST segment of {statement} on the wrong side ("{found[0]}").'
    said = plain_name(answer)
    if not any(says_name(said, name) for name in names):
        for name in names:
            for other in _mirrors(name):
                if other not in names and says_name(said, other):
                    return f"It described {other}, not {statement}."
    return None


def own_names(statement: str, passages: Sequence[Passage]) -> list[str]:
    """What the best passage's entry is called, where it is about the statement."""
    if not passages or name_overlap(statement, passages[0]) == 0:
        return []
    return passages[0].names


def plain_name(text: str) -> str:
    """Lower case, words and numbers only, ordinals spelt out."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return " ".join({"1st": "first", "2nd": "second", "3rd": "third"}.get(word, word) for word in words)


def says_name(said: str, name: str) -> bool:
    """Whether a text says a name other than in an aside ("unlike ...", "not ..."); both as `plain_name` gives them."""
    return bool(name) and re.search(rf"{_ASIDE}\b{re.escape(name)}\b", said) is not None


def _mirrors(name: str) -> list[str]:
    """The names with one of their words turned into its opposite."""
    words = name.split()
    pairs = [*_MIRRORED, *((other, word) for word, other in _MIRRORED)]
    return [
        " ".join([*words[:place], other, *words[place + 1 :]])
        for place, word in enumerate(words)
        for one, other in pairs
        if one == word
    ]
