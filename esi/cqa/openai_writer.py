"""The writer that asks a language model, OpenAI's or any that speaks its protocol (the paper: gpt-3.5-turbo).

What is sent: the fixed prompts below, the question with the statement's text, and the retrieved passages. Nothing of a
record or a person is known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import openai

from esi.cqa.answer_cache import AnswerCache
from esi.cqa.answers import fault, tidy
from esi.cqa.description import Description, Question
from esi.cqa.extractive import ExtractiveWriter
from esi.cqa.index import embedded_text
from esi.cqa.openai_client import connect
from esi.errors import EsiError
from esi.files import json_hash
from esi.params import Describe

PROVIDER = "openai"
TRIES = 3  # a rejected answer is asked for again with the reason, then the extractive writer steps in

SYSTEM_PROMPT = (
    "You are a cardiologist who describes how an ECG finding looks in a 12-lead ECG. Answer from the passages in two to "
    "four plain sentences: waves, intervals, amplitudes and the leads where they are seen. Describe the finding in general, "
    "never a particular patient; give no treatment, causes or disclaimers, and use no lists."
)
USER_PROMPT = "Passages:\n{passages}\n\nQuestion: {question}"
RETRY_PROMPT = "That answer cannot be used. {reason} Answer the question again."


class OpenAIWriter:
    """Answers come from the cache where the same request was made before, and are checked before they are accepted."""

    def __init__(self, settings: Describe, cache: AnswerCache, fallback: ExtractiveWriter) -> None:
        self.concurrency = settings.concurrency
        self._settings = settings
        self._cache = cache
        self._fallback = fallback
        self._client = connect("describe", settings.base_url, settings.timeout_s, settings.max_retries)

    def write(self, question: Question) -> Description:
        """Ask, check, ask again with the reason for the rejection, and in the end fall back on the passages' own sentences.

        Raises:
            EsiError: the endpoint refuses (key, model name, quota) or stays unreachable after all retries.
        """
        messages = first_messages(question)
        prompt_hash = json_hash({"messages": messages})
        headings = [passage.heading for passage in question.passages]
        rejections: list[str] = []
        answers: list[dict[str, Any]] = []
        new = False
        while len(answers) < TRIES:
            answer, asked = self._answer(messages, question.statement)
            answers.append(answer)
            new |= asked
            text = tidy(answer["text"], answer["finish_reason"])
            reason = fault(text, question.statement, headings, answer["finish_reason"])
            if reason is None:
                break
            rejections.append(reason)
            refused = {"role": "assistant", "content": answer["text"] or "(empty)"}
            messages = [*messages, refused, {"role": "user", "content": RETRY_PROMPT.format(reason=reason)}]
        fallback = len(rejections) == TRIES
        written = (
            self._fallback.write(question) if fallback else Description(text, PROVIDER, self._settings.model, prompt_hash)
        )
        return replace(
            written,
            prompt_hash=prompt_hash,
            prompt_tokens=_total(answers, "prompt_tokens"),
            completion_tokens=_total(answers, "completion_tokens"),
            fallback=fallback,
            rejections=tuple(rejections),
            new=new,
        )

    def _answer(self, messages: list[dict[str, str]], statement: str) -> tuple[dict[str, Any], bool]:
        settings = {"temperature": self._settings.temperature, "max_tokens": self._settings.max_tokens}
        endpoint = {"provider": PROVIDER, "base_url": self._settings.base_url, "model": self._settings.model}
        request = endpoint | {"messages": messages, "settings": settings}
        return self._cache.get_or_ask(request, lambda: self._ask(messages, statement))

    def _ask(self, messages: list[dict[str, str]], statement: str) -> dict[str, Any]:
        try:
            completion = self._client.chat.completions.create(
                model=self._settings.model,
                messages=messages,  # type: ignore[arg-type]  # the library wants a union of typed dicts
                temperature=self._settings.temperature,
                max_tokens=self._settings.max_tokens,
            )
        except openai.OpenAIError as error:
            raise EsiError(
                f"the endpoint {self._client.base_url} gave no answer for {statement!r} ({error}): "
                "answers so far are kept; correct describe.* or OPENAI_API_KEY and run the stage again"
            ) from None
        if not completion.choices:
            raise EsiError(f"the endpoint {self._client.base_url} sent no choices for {statement!r}: is it a chat model?")
        choice, usage = completion.choices[0], completion.usage
        return {
            "text": choice.message.content or "",
            "finish_reason": choice.finish_reason,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
        }


def first_messages(question: Question) -> list[dict[str, str]]:
    """The messages that open a request."""
    passages = "\n".join(
        f"[{number}] {embedded_text(passage.heading, passage.names, passage.text)}"
        for number, passage in enumerate(question.passages, start=1)
    )
    user = USER_PROMPT.format(passages=passages, question=question.question)
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": user}]


def _total(answers: list[dict[str, Any]], name: str) -> int | None:
    counts = [answer[name] for answer in answers]
    return None if None in counts else sum(counts)
