"""The offline writer: sentences of the retrieved passages, chosen for the condition. Deterministic; it invents nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from esi.closure import code_hash
from esi.cqa.books.chunks import entry_of
from esi.cqa.books.read import HEADING_BORDER
from esi.cqa.retrieve.retrieval import Passage, name_overlap
from esi.cqa.sentences import content_words, split_sentences
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.description import Description, Question, Writer
from esi.files import json_hash

PROVIDER = "extractive"
MIN_FIT = 0.5  # an entry whose name shares fewer words with a statement is about something else ("sinus node dysfunction")
_LEAD = re.compile(r"\b(I{1,3}|aV[RLF]|V[1-9])\b")
_MEASURE = re.compile(r"\d\s*(ms|s|mV|mm|degrees|per minute|beats per minute)\b")
_WAVE = re.compile(r"\b([PQRSTU]['’]? (wave|peak|axis)|(QRS|QS|rS|qR|RR|PP|PR|QT|ST|TP)\b|[PQT] waves|pause|spikes?|delta)")
_CRITERIA = re.compile(r"criteria|characteristics|features|findings|ECG", re.IGNORECASE)


class ExtractiveWriter(Writer):
    """Takes at most `limit` sentences, in reading order, from the entry that is about the statement."""

    concurrency = 1

    def __init__(self, limit: int, cache: AnswerCache) -> None:
        self._limit = limit
        self._cache = cache
        # The rules are part of what determines an answer: without them an edited rule would go on giving the old answers.
        self._rules = code_hash(__name__)

    def write(self, question: Question) -> Description:
        """The description; its text is "" where the passages have no sentence on the statement's ECG."""
        passages = [[passage.heading, passage.names, passage.text] for passage in question.passages]
        prompt = {"statement": question.statement, "passages": passages, "sentences": self._limit}
        request = {"provider": PROVIDER, "rules": self._rules, **prompt}
        answer, new = self._cache.get_or_ask(request, lambda: self._ask(question))
        return Description(answer["text"], PROVIDER, PROVIDER, json_hash(prompt), new=new)

    def _ask(self, question: Question) -> dict[str, str]:
        return {"text": " ".join(choose_sentences(question.statement, question.passages, self._limit))}


def choose_sentences(statement: str, passages: Sequence[Passage], limit: int) -> list[str]:
    """The best sentences for a statement.

    One entry of a book speaks for the statement: passages under other headings are about its look-alikes. Within the entry,
    sections on criteria come before others, sentences that name a wave, a lead or a measure before those that do not,
    earlier ones before later ones. Where the passages have no headings (a PDF without bookmarks), all of them count as one
    entry. An entry whose names do not fit the statement is not about it, whatever its score: then there is no sentence,
    which is better than another condition's.
    """
    if not passages:
        return []
    entry = entry_of(passages[0].heading)
    own = sorted(
        (passage for passage in passages if entry_of(passage.heading) == entry), key=lambda passage: passage.position
    )
    if entry:
        fits = max(name_overlap(statement, passage) for passage in own) > MIN_FIT
    else:
        fits = not content_words(statement).isdisjoint(content_words(" ".join(passage.text for passage in own)))
    if not fits:
        return []
    scores: dict[str, float] = {}  # a sentence in the overlap of two chunks counts once
    for passage in own:
        for sentence in split_sentences(passage.text):
            scores.setdefault(sentence, _score(sentence, passage, statement))
    ranked = sorted((-score, position, sentence) for position, (sentence, score) in enumerate(scores.items()) if score > 0)
    return [sentence for _, _, sentence in sorted(ranked[:limit], key=lambda item: item[1])]


def _score(sentence: str, passage: Passage, statement: str) -> float:
    criteria = bool(_CRITERIA.search(passage.heading.split(HEADING_BORDER)[-1]))
    seen = bool(_LEAD.search(sentence) or _MEASURE.search(sentence) or _WAVE.search(sentence))
    if not (criteria or seen) or not sentence.endswith((".", "!", "?")):
        return 0.0
    topic = content_words(statement)
    return 2.0 * criteria + seen + len(topic & content_words(sentence)) / max(len(topic), 1)
