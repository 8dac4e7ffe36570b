"""The cost of describing, estimated without sending anything: `python -m stages.describe --dry-run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.budget import Tokens, amount, cost_usd
from esi.cqa.write.chat_answer import estimate, readable
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.description import Description, Question
from esi.settings.cqa import Describe


def missing_requests(
    questions: Iterable[Question], settings: Describe, cache: AnswerCache
) -> Iterator[tuple[Question, dict[str, Any]]]:
    """For each question, the next request that the cache has no answer to; questions that it answers are left out."""
    for question in questions:
        if request := _replayed(question, settings, cache).request:
            yield question, request


def so_far(question: Question, settings: Describe, cache: AnswerCache) -> Description:
    """The description by the cache's answers to a question; its text is "" where none is accepted."""
    return _replayed(question, settings, cache).description(None)


def _replayed(question: Question, settings: Describe, cache: AnswerCache) -> Conversation:
    conversation, kept = Conversation(question, settings), cache.reading(readable)
    while (request := conversation.request) and (answer := kept.get(request)) is not None:
        conversation.take(answer)
    return conversation


def estimate_text(questions: Sequence[Question], settings: Describe, cache: AnswerCache) -> str:
    """The requests, tokens (by cl100k) and cost of a run, for people: of the first answers, each as long as allowed."""
    if settings.provider == "extractive":
        return f"describe: {len(questions)} statements, no requests: the extractive writer needs no model"
    prompt = requests = 0
    for _, request in missing_requests(questions, settings, cache):
        requests += 1
        prompt += estimate(request["messages"])
    tokens = Tokens(prompt, requests * settings.max_tokens)
    cost = cost_usd(tokens, settings.budget)
    return (
        f"describe: {len(questions)} statements, {len(questions) - requests} answered from the cache, {requests} requests "
        f"to {settings.model}: about {tokens.prompt} prompt tokens, at most {tokens.completion} of answers, "
        f"{'cost unknown (set describe.budget.usd_per_million_*)' if cost is None else amount(tokens, settings.budget)}. "
        "Answers that are refused are asked for again, at most twice. Nothing was sent"
    )
