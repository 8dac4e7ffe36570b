"""The messages to a model on one statement: the question and, after a refused answer, the reason of the refusal.

What is sent: the system prompt, the question with the statement's text, and the retrieved passages. Nothing of a record or a
person is known here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from esi.cqa.check.answers import described, fault, tidy
from esi.cqa.check.final_answer import reasoning
from esi.cqa.retrieve.index import embedded_text
from esi.cqa.write.budget import Tokens, cost_usd
from esi.cqa.write.description import Description, Exchange, Question
from esi.files import json_hash
from esi.settings.cqa import Describe

PROVIDER = "openai"
TRIES = 3  # a rejected answer is asked for again with the reason, then the extractive writer steps in
USER_PROMPT = "Answer from these passages:\n{passages}\n\nQuestion: {question}"
RETRY_PROMPT = "That answer cannot be used. {reason} Answer the question again."
MORE = 4  # times as many tokens for an answer that was cut before it said anything: a model may have spent them on thought
_NO_TEXT = {"Cc", "Cs", "Cn"}  # control characters, halves of characters, none at all


class Conversation:
    """The requests of one question, one after the other, and the description that results.

    `request` is the next one as the cache knows it, None once an answer is accepted or all tries are used up; `take` gives
    its answer.
    """

    def __init__(self, question: Question, settings: Describe) -> None:
        self.question = question
        self._settings = settings
        self._messages = first_messages(question, settings.system_prompt)
        self._prompt_hash = json_hash({"messages": self._messages})
        self._exchanges: list[Exchange] = []
        self._text: str | None = None
        self._over = False
        self.max_tokens = settings.max_tokens  # of the next answer

    @property
    def request(self) -> dict[str, Any] | None:
        if self._text is not None or self._over or len(self._exchanges) == TRIES:
            return None
        settings: dict[str, Any] = {"temperature": self._settings.temperature, "max_tokens": self.max_tokens}
        if self._settings.structured:
            settings["structured"] = True
        if self._settings.reasoning_effort is not None:
            settings["reasoning_effort"] = self._settings.reasoning_effort
        if self._settings.extra_body:
            settings["extra_body"] = self._settings.extra_body
        endpoint = {"provider": PROVIDER, "base_url": self._settings.base_url, "model": self._settings.model}
        return endpoint | {"messages": self._messages, "settings": settings}

    def take(self, answer: Mapping[str, Any]) -> None:
        """Check the answer to `request`: it is accepted, or the next request tells the model why not.

        One that was cut before it said anything is asked for in the same words with more tokens, up to
        `describe.max_tokens_if_cut`; where no more are allowed, the conversation is over.
        """
        key = json_hash(self.request or {})
        text, reason = self._checked(answer)
        cut = reason is not None and not text and answer["finish_reason"] == "length"
        names = ("model", "answered_at", "prompt_tokens", "completion_tokens")
        self._exchanges.append(Exchange(key, **{name: answer.get(name) for name in names}, rejection=reason, cut=cut))
        if reason is None:
            self._text = text
        elif cut:
            more = min(MORE * self.max_tokens, self._settings.max_tokens_if_cut or 0)
            self._over = more <= self.max_tokens
            self.max_tokens = max(more, self.max_tokens)
        else:
            refused = {"role": "assistant", "content": answer["text"] or "(empty)"}
            retry = {"role": "user", "content": RETRY_PROMPT.format(reason=reason)}
            self._messages = [*self._messages, refused, retry]

    def end(self) -> None:
        """Ask no more: the server does not answer a longer request."""
        self._over = True

    def description(self, fallback: Description | None) -> Description:
        """The accepted answer, or `fallback`'s text, with what all tries took. None of this run's own spending is in it."""
        prompt, completion = _total(self._exchanges, "prompt_tokens"), _total(self._exchanges, "completion_tokens")
        known = prompt is not None and completion is not None
        return Description(
            text=self._text if self._text is not None else fallback.text if fallback else "",
            provider=fallback.provider if fallback else PROVIDER,
            model=fallback.model if fallback else self._settings.model,
            prompt_hash=self._prompt_hash,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_usd=cost_usd(Tokens(prompt or 0, completion or 0), self._settings.budget) if known else None,
            fallback=fallback is not None,
            exchanges=tuple(self._exchanges),
            new=False,
        )

    @property
    def refused(self) -> bool:
        """Whether every answer was."""
        return self._text is None and (self._over or len(self._exchanges) == TRIES)

    def _checked(self, answer: Mapping[str, Any]) -> tuple[str, str | None]:
        said, finish_reason = answer["text"], answer["finish_reason"]
        if any(unicodedata.category(each) in _NO_TEXT and not each.isspace() for each in said) or "\ufffd" in said:
            return "", "It held characters that cannot be read."
        if self._settings.structured and described(said) == said:
            return "", 'It was not a JSON object {"description": "..."}.'
        text = tidy(said, finish_reason)
        if finish_reason == "length" and reasoning(text):
            return "", "It was cut off in its reasoning, before the answer."
        return text, fault(text, self.question.statement, self.question.passages, finish_reason)


def first_messages(question: Question, system_prompt: str) -> list[dict[str, str]]:
    """The messages that open a conversation; without passages (describe.top_k 0) the question alone."""
    passages = "\n".join(
        f"[{number}] {embedded_text(passage.heading, passage.names, passage.text)}"
        for number, passage in enumerate(question.passages, start=1)
    )
    user = USER_PROMPT.format(passages=passages, question=question.question) if passages else question.question
    return [{"role": "system", "content": system_prompt}, {"role": "user", "content": user}]


def _total(exchanges: list[Exchange], name: str) -> int | None:
    counts = [getattr(each, name) for each in exchanges]
    return None if None in counts else sum(counts)
