"""One chat request to OpenAI or a server that speaks its protocol: paced, within the budget, retried until answered."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import openai

from esi.cqa.budget import Ledger, Tokens
from esi.cqa.chunks import count_tokens
from esi.cqa.openai_client import connect, plain
from esi.cqa.pace import Pace, backoff, retry_after
from esi.errors import EsiError
from esi.settings.cqa import Describe

MESSAGE_TOKENS = 16  # a chat template adds to each message; gpt-3.5-turbo 4
LONGEST_WAIT_S = 600.0  # a server that asks for more (a quota of the day) ends the run instead
_SCHEMA = {
    "name": "description",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"description": {"type": "string"}},
        "required": ["description"],
        "additionalProperties": False,
    },
}
_PASSING = (408, 409, 429)  # and 5xx: the same request may be answered later


class Unusable(ValueError):
    """The server said 200 and sent something else than an answer."""


class ChatEndpoint:
    """Asks; safe for threads. The key is read at the first request: a run that the cache answers needs none."""

    def __init__(self, settings: Describe) -> None:
        self.ledger = Ledger(settings.budget)
        self._settings = settings
        self._pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._client: openai.OpenAI | None = None

    def client(self) -> openai.OpenAI:
        """The library's client, without retries of its own: each try is paced and counted here."""
        if self._client is None:
            self._client = connect("describe", self._settings.base_url, self._settings.timeout_s, 0)
        return self._client

    def ask(self, messages: list[dict[str, str]], statement: str) -> dict[str, Any]:
        """The answer as the cache keeps it (see `answer_of`).

        Rate limits, server errors, time-outs, lost connections, and answers that are no JSON or hold no choice are tried
        again `describe.max_retries` times.

        Raises:
            EsiError: the endpoint refuses (key, model name, quota), stays unreachable, or the budget is spent.
        """
        body = body_of(messages, self._settings)
        worst = worst_case(messages, self._settings.max_tokens)
        tokens = estimate(messages) + self._settings.max_tokens
        for attempt in range(self._settings.max_retries + 1):
            self._pace.wait(tokens)
            with self.ledger.held(worst) as request:
                try:
                    answer = self._send(body)
                    request.used = used_tokens(answer, messages)
                    return answer
                except openai.APIStatusError as error:
                    request.used = Tokens()  # a refused request is not billed
                    reason = self._may_try_again(error, statement)
                    asked = retry_after(error.response.headers.get("retry-after"))
                except (openai.APIError, Unusable) as error:
                    reason, asked = plain(error), None
            if asked is not None and asked > LONGEST_WAIT_S:
                raise EsiError(self._sentence(statement, f"it asks to wait {asked:.0f} s")) from None
            if attempt < self._settings.max_retries:
                if asked is None:
                    time.sleep(backoff(attempt))
                else:
                    self._pace.hold_back(asked, time.monotonic())
        raise EsiError(self._sentence(statement, f"{reason}; {self._settings.max_retries + 1} tries"))

    def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        raw = self.client().chat.completions.with_raw_response.create(**body)
        try:
            return answer_of(json.loads(raw.content))
        except ValueError as error:
            raise Unusable(f"not a chat answer: {error}") from None

    def _may_try_again(self, error: openai.APIStatusError, statement: str) -> str:
        """The reason, where the same request may be answered later.

        Raises:
            EsiError: it never will.
        """
        reason = f"status {error.status_code}: {plain(error)}"
        passing = error.status_code in _PASSING or error.status_code >= 500
        if not passing or error.code == "insufficient_quota":
            if self._settings.structured and "response_format" in plain(error):
                reason += "; the server has no structured output: set describe.structured to false"
            raise EsiError(self._sentence(statement, reason)) from None
        return reason

    def _sentence(self, statement: str, reason: str) -> str:
        return (
            f"the endpoint {self.client().base_url} gave no answer for {statement!r} ({reason}): "
            "answers so far are kept; correct describe.* or OPENAI_API_KEY and run the stage again"
        )


def body_of(messages: list[dict[str, str]], settings: Describe) -> dict[str, Any]:
    """The body of a chat request."""
    body: dict[str, Any] = {"model": settings.model, "messages": messages}
    body |= {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
    if settings.structured:
        body["response_format"] = {"type": "json_schema", "json_schema": _SCHEMA}
    return body


def answer_of(completion: Any) -> dict[str, Any]:
    """What the cache keeps of a chat answer: text, finish_reason, tokens, the model that says it answered, and when (UTC).

    Raises:
        Unusable: it holds no choice with a message.
    """
    choices = completion.get("choices") if isinstance(completion, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0].get("message"), Mapping):
        raise Unusable("it holds no choices: is it a chat model?")
    message, usage = choices[0]["message"], completion.get("usage") or {}
    return {
        "text": message.get("content") or message.get("refusal") or "",
        "finish_reason": choices[0].get("finish_reason"),
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "model": completion.get("model"),
        "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def estimate(messages: list[dict[str, str]]) -> int:
    """About how many tokens a prompt has, by cl100k and a gpt-3.5-turbo's 4 for each message."""
    return sum(count_tokens(message["content"]) + 4 for message in messages)


def worst_case(messages: list[dict[str, str]], max_tokens: int) -> Tokens:
    """More tokens than any byte-level tokenizer makes of a request: one a byte, and `max_tokens` of answer."""
    return Tokens(sum(len(message["content"].encode()) + MESSAGE_TOKENS for message in messages), max_tokens)


def used_tokens(answer: Mapping[str, Any], messages: list[dict[str, str]]) -> Tokens:
    """What an answer took; by cl100k where the endpoint does not say."""
    prompt, completion = answer["prompt_tokens"], answer["completion_tokens"]
    return Tokens(
        estimate(messages) if prompt is None else prompt,
        count_tokens(answer["text"]) if completion is None else completion,
    )
