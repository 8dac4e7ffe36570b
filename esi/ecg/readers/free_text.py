"""A report in one cell -> its statements, where it is certain that one ends and the next begins."""

from __future__ import annotations

import re
import string
from functools import cache

from esi.ecg.reference import cpsc_classes, scp_statements, snomed_descriptions

# Beside the words of the reference tables: what else a sentence of a report may end with.
_LAST_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
        aberrancy abnormalities absent acute artifact artifacts beats bigeminy borderline bpm capture changes complexes
        conduction considered couplets criteria delay deviation ecg ekg evident excluded extrasystoles fibrillation flutter
        hypertrophy indeterminate infarct infarcts intervals inversion inversions ischaemia ischemia known leads likely
        limits marked mild moderate new noted now old overload paced pacemaker pacing patterns pauses possible present
        progression rate recent response reversal rhythm runs seen segments severe stable standstill strain suggested
        syndrome tachyarrhythmia tracing trigeminy unchanged undetermined unknown unlikely voltages waves
        af afib avnrt icd ivcd lad lae lafb lahb lbbb lpfb lvh pac pacs pjc pvc pvcs rad rae rbbb rvh rvr sr svt vf vt wpw
        """,
    )
)
_NO_LAST_WORDS = {"and", "brady", "for", "non", "pre", "tachy", "the", "with"}  # of the tables: something follows them
_LETTERS = string.ascii_letters + "'"
_LONGEST_END = 60  # characters before a full stop that tell whether it ends a statement: a word, a lead or a measure
_LEAD_BEFORE = re.compile(  # "II." alone may be a degree or a number
    r"(?:^|[\s,/(-])(?:aV[RLF]|V[1-9]R?)$|(?:\b(?:in|leads?|and)\s+|[/,-]\s*)I{1,3}$", re.IGNORECASE
)
_MEASURE_BEFORE = re.compile(r"\d ?(?:ms|msec|s|sec|mm|mv|uv|µv|bpm|/min|%|°|degrees)$", re.IGNORECASE)
# Each begins where its run does: from every place within one, a run that leads nowhere would be walked through again.
_FULL_STOP = re.compile(r"(?<![.!?])[.!?]+\)?(?:\s+|(?=[A-Z][a-z]))(?=[^\W_])")
_LINES = re.compile(r"[;\n\r\v\f\u2028\u2029]+")
_BULLET = re.compile(r"^(?:[-*•·–—]+|\(?\d{1,2}[.)])\s+")
_NUMBERED = re.compile(r"(?<!\s)\s+(?=\(?\d{1,2}[.)]\s+[^\W\d_])")


def split_statements(text: str) -> list[str]:
    """The statements of one text.

    Each line is one, and what a semicolon divides; numbers and bullets before them go. A full stop ends one where the word
    before it is a whole word of ECG reports, a lead or a measure with its unit, and a word or number follows; behind what
    may be an abbreviation ("1st deg. AV block", "inf. infarct"), within numbers ("0.12") and behind unknown words the text
    stays in one.

    >>> split_statements("sinus rhythm. left axis deviation. t wave inversion in V5/V6")
    ['sinus rhythm', 'left axis deviation', 't wave inversion in V5/V6']
    >>> split_statements("1st deg. AV block, PR 0.22 s. Old inf. infarct")
    ['1st deg. AV block, PR 0.22 s', 'Old inf. infarct']
    """
    lines = [line.strip() for line in _LINES.split(text) if line.strip()]
    if len(lines) == 1 and _BULLET.match(text.strip()) and text.strip().lstrip("(").startswith("1"):
        lines = _NUMBERED.split(lines[0])
    statements = [each for line in lines for each in _sentences(_BULLET.sub("", line.strip()))]
    return [statement for statement in statements if statement]


def _sentences(line: str) -> list[str]:
    sentences, begin = [], 0
    for stop in _FULL_STOP.finditer(line):
        if _ends(line[max(begin, stop.start() - _LONGEST_END) : stop.start()]):
            sentences.append(line[begin : stop.start()].strip())
            begin = stop.end()
    rest = line[begin:].strip()
    return [*sentences, rest.rstrip(".").rstrip() if sentences else rest]


def _ends(before: str) -> bool:
    """Whether a full stop behind this text ends a statement."""
    if _LEAD_BEFORE.search(before) or _MEASURE_BEFORE.search(before):
        return True
    before = before.removesuffix(")")
    word = before[len(before.rstrip(_LETTERS)) :].lstrip("'")
    return word.lower() in _last_words()


@cache
def _last_words() -> frozenset[str]:
    texts = [statement.description for statement in scp_statements().values()]
    texts += [*snomed_descriptions().values(), *(item.description for item in cpsc_classes().values())]
    words = {word for text in texts for word in re.findall(r"[a-z]{3,}", text.lower())}
    return frozenset((words | _LAST_WORDS) - _NO_LAST_WORDS)
