"""The writer that asks a language model, OpenAI's or any that speaks its protocol (the paper: gpt-3.5-turbo)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from esi.cqa.check.known_conditions import words
from esi.cqa.check.topic import conditions
from esi.cqa.endpoint.openai_client import OPENAI_URL
from esi.cqa.endpoint.proxy import route
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.budget import Tokens, cost_usd
from esi.cqa.write.chat_answer import readable, used_tokens
from esi.cqa.write.chat_endpoint import ChatEndpoint, Refused
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.description import Description, Question, Writer
from esi.cqa.write.extractive import ExtractiveWriter
from esi.cqa.write.outcome import Streak
from esi.settings.cqa import Describe


class OpenAIWriter(Writer):
    """Answers come from the cache where the same request was made before, and are checked before they are accepted."""

    def __init__(self, settings: Describe, cache: AnswerCache, fallback: ExtractiveWriter) -> None:
        # Threads beyond the places in the endpoint: while one checks an answer or pauses after a fault, another one asks.
        self.concurrency = 1 if settings.concurrency == 1 else 2 * settings.concurrency
        self.endpoint = ChatEndpoint(settings)
        self._settings = settings
        self._cache = cache.reading(readable)
        self._fallback = fallback
        self._streak = Streak(settings)

    def write(self, question: Question) -> Description:
        """Ask, check, ask again with the reason for the rejection, and in the end fall back on the passages' own sentences.

        Raises:
            EsiError: the endpoint refuses (key, model name, quota), stays unreachable, the budget is spent, or the first
                `describe.give_up_after` statements got no answer that could be used.
        """
        conversation = Conversation(question, self._settings)
        spent, new = Tokens(), False
        while request := conversation.request:
            self._streak.check()
            messages, limit = request["messages"], conversation.max_tokens
            more = {} if limit == self._settings.max_tokens else {"max_tokens": limit}
            ask = partial(self.endpoint.ask, messages, question.statement, **more)
            try:
                answer, asked = self._cache.get_or_ask(request, ask, self.endpoint.place())
            except Refused:
                if not more:
                    raise
                conversation.end()  # so long an answer does not fit into the model's context
                break
            conversation.take(answer)
            if asked:
                spent, new = spent + used_tokens(answer, messages, limit), True
        description = conversation.description(self._fallback.write(question) if conversation.refused else None)
        description = replace(
            description, new=new, spent_tokens=spent.total, spent_usd=cost_usd(spent, self._settings.budget)
        )
        self._streak.take(question, description)
        return description

    def prepare(self, questions: Sequence[Question]) -> None:
        """Say which proxy the requests pass, if any. With `describe.batch`, fetch by the Batch API what the cache lacks;
        `write` asks for what that left out.
        """
        conditions(), words()  # the handbook is read once here, not in each thread while others wait for their answers
        if line := route("describe", self._settings.base_url or OPENAI_URL, self._settings.proxy):
            print(line, file=sys.stderr)
        if self._settings.batch:
            from esi.cqa.write.batch_api import fetch_batches

            fetch_batches(questions, self._settings, self._cache, self.endpoint)
