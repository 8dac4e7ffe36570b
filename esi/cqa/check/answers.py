"""Whether a model's answer may enter the training texts, and which part of what it said is the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from esi.cqa.check.chatter import chatter, without_chatter
from esi.cqa.check.contradiction import contradiction
from esi.cqa.check.final_answer import final_answer, reasoning
from esi.cqa.check.language import foreign
from esi.cqa.check.markup import markup, plain_text, readable
from esi.cqa.check.patient_facts import patient_fact
from esi.cqa.check.topic import is_near, other_topic
from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.sentences import content_words, split_sentences

MIN_WORDS = 8
LOOP_WORDS = 12  # a run of words that comes twice: small models loop, and no entry of the handbook has one
_REFUSAL = re.compile(
    r"\b(i(['’]m| am) (sorry|unable|not able)|as an ai\b|language model|insufficient information|unable to (answer|provide)|"
    r"i (cannot|can['’]t|do not|don['’]t) (provide|answer|describe|help|have|know|find)|"
    r"(passages?|texts?|context)( provided| given)? (do|does|did) not (contain|mention|describe|provide|include|say)|"
    r"not (mentioned|described|provided|included) in the (passages?|texts?|context)|"
    r"(answer|description|information)\b.{0,120}? (is|are) not (available|given|known|provided))",
    re.IGNORECASE,
)
_ABOUT_ITSELF = re.compile(r"\b(this|that|the|my|previous) (answer|question)s?\b", re.IGNORECASE)
_ECG_WORD = re.compile(
    r"\b((p|q|r|s|t|u|delta|flutter)[- ]?waves?|qrs|pr|qt|qtc|rr|st|ecg|v[1-6]|av[rlf]|leads?|axis|segments?|intervals?|"
    r"complex(es)?|beats|impulses|rhythm|spikes?|ms|mv)\b",
    re.IGNORECASE,
)


def tidy(text: str, finish_reason: str | None) -> str:
    """The answer alone, on one line: without reasoning, talk and decoration where it is certain what is left is the answer.

    What cannot be taken out with certainty (a table, a thought that never ends) stays, for `fault` to find. Of an answer cut
    at the token limit, the whole sentences stay, if any.
    """
    answer = without_chatter(plain_text(final_answer(readable(described(text)))))
    plain = " ".join(answer.split())
    if finish_reason != "length":
        return plain
    return " ".join(sentence for sentence in split_sentences(plain) if sentence[-1] in ".!?")


def described(text: str) -> str:
    """The description of an answer that is, or holds, one JSON object {"description": "..."}; any other as it is."""
    is_whole = re.match(r"\s*(?:```\w*\s*)?\{", text)  # otherwise braces in a thought would come first
    said = text if is_whole else final_answer(text)
    start, end = said.find("{"), said.rfind("}")
    if start < 0 or '"description"' not in said:
        return text
    try:
        content = json.loads(said[start : end + 1], strict=False)
    except (ValueError, RecursionError):
        return text
    description = content.get("description") if isinstance(content, dict) else None
    return description if isinstance(description, str) else text


def fault(answer: str, statement: str, passages: Sequence[Passage], finish_reason: str | None) -> str | None:
    """Why a tidied answer is refused, as a sentence that is also told to the model; None where it is accepted.

    Args:
        answer: the tidied text.
        statement: the statement that it is to describe.
        passages: an answer may name the condition as their headings do, and must not contradict its own entry's numbers.
        finish_reason: as the endpoint gave it.
    """
    if not answer:
        return "It was cut off before the end of its first sentence." if finish_reason == "length" else "It was empty."
    if finish_reason == "content_filter" or _REFUSAL.search(answer):
        return "It refused to answer."
    if _ABOUT_ITSELF.search(answer):
        return "It spoke of the question or the answer instead of the ECG."
    if thought := reasoning(answer):
        return f'It held reasoning, not only the answer ("{thought}").'
    if words := foreign(answer):
        return f'It was not in English ("{words}").'
    if kind := markup(answer):
        return f"It held {kind}, not plain sentences."
    if talk := chatter(answer):
        return f'It spoke to somebody or of the passages ("{talk}").'
    if len(answer.split()) < MIN_WORDS:
        return f"It had fewer than {MIN_WORDS} words."
    if invented := patient_fact(answer):
        return f'It spoke of a particular patient ("{invented}").'
    if loop := _loop(answer):
        return f'It repeated itself ("{loop}").'
    topic = content_words(" ".join([statement, *(passage.heading for passage in passages)]))
    about = topic & content_words(answer) or is_near(answer, statement, passages)
    if len(_ECG_WORD.findall(answer)) < 2 or not about:
        return f"It did not say how {statement} looks in the ECG."
    if against := contradiction(answer, statement, passages):
        return against
    if other := other_topic(answer, statement, passages):
        return f"It described {other}, not {statement}."
    return None


def _loop(answer: str) -> str | None:
    """The first run of `LOOP_WORDS` words that stands there twice."""
    words = re.findall(r"[\w'-]+", answer)
    seen: set[tuple[str, ...]] = set()
    for start in range(len(words) - LOOP_WORDS + 1):
        run = tuple(word.lower() for word in words[start : start + LOOP_WORDS])
        if run in seen:
            return " ".join(words[start : start + LOOP_WORDS])
        seen.add(run)
    return None
