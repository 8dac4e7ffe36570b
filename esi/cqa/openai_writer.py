"""The writer that asks a language model, OpenAI's or any that speaks its protocol (the paper: gpt-3.5-turbo)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from esi.cqa.answer_cache import AnswerCache
from esi.cqa.budget import Tokens, cost_usd
from esi.cqa.chat_endpoint import ChatEndpoint, used_tokens
from esi.cqa.conversation import Conversation
from esi.cqa.description import Description, Question, Writer
from esi.cqa.extractive import ExtractiveWriter
from esi.settings.cqa import Describe


class OpenAIWriter(Writer):
    """Answers come from the cache where the same request was made before, and are checked before they are accepted."""

    def __init__(self, settings: Describe, cache: AnswerCache, fallback: ExtractiveWriter) -> None:
        self.concurrency = settings.concurrency
        self.endpoint = ChatEndpoint(settings)
        self._settings = settings
        self._cache = cache
        self._fallback = fallback

    def write(self, question: Question) -> Description:
        """Ask, check, ask again with the reason for the rejection, and in the end fall back on the passages' own sentences.

        Raises:
            EsiError: the endpoint refuses (key, model name, quota), stays unreachable, or the budget is spent.
        """
        conversation = Conversation(question, self._settings)
        spent, new = Tokens(), False
        while request := conversation.request:
            messages = request["messages"]
            answer, asked = self._cache.get_or_ask(request, partial(self.endpoint.ask, messages, question.statement))
            conversation.take(answer)
            if asked:
                spent, new = spent + used_tokens(answer, messages), True
        description = conversation.description(self._fallback.write(question) if conversation.refused else None)
        cost = cost_usd(spent, self._settings.budget)
        return replace(description, new=new, spent_tokens=spent.total, spent_usd=cost)

    def prepare(self, questions: Sequence[Question]) -> None:
        """With `describe.batch`, fetch by the Batch API what the cache lacks; `write` asks for what that left out."""
        if self._settings.batch:
            from esi.cqa.batch_api import fetch_batches

            fetch_batches(questions, self._settings, self._cache, self.endpoint)
