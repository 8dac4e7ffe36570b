"""One chat request to OpenAI or a server that speaks its protocol: paced, within the budget, retried until answered."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Any

import openai

from esi.cqa.endpoint.openai_client import OPENAI_URL, connect, plain
from esi.cqa.endpoint.pace import Pace, backoff, retry_after
from esi.cqa.endpoint.proxy import proxy_of, without_password
from esi.cqa.endpoint.response import Unusable, object_of
from esi.cqa.write.budget import Ledger, Tokens
from esi.cqa.write.chat_answer import answer_of, counted, estimate, used_tokens
from esi.cqa.write.chat_request import MESSAGE_TOKENS, Form, adapted, body_of, form_of
from esi.errors import EsiError
from esi.files import json_hash
from esi.settings.cqa import Describe

LONGEST_WAIT_S = 600.0  # a server that asks for more (a quota of the day) ends the run instead
_PASSING = (408, 409, 429)  # and 5xx: the same request may be answered later
_ABOUT_THE_REQUEST = (400, 404, 422, 500, 501)  # statuses under which servers say that they do not take a field or a role


class Refused(EsiError):
    """The server refuses this request for good; it may answer another one."""


class ChatEndpoint:
    """Asks; safe for threads. The key is read at the first request: a run that the cache answers needs none."""

    def __init__(self, settings: Describe) -> None:
        self.ledger = Ledger(settings.budget)
        self.form = form_of(settings)
        self._settings = settings
        self._pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._places = BoundedSemaphore(settings.concurrency)
        self._client: openai.OpenAI | None = None
        self._lock = Lock()

    def client(self) -> openai.OpenAI:
        """The library's client, without retries of its own: each try is paced and counted here."""
        with self._lock:  # each client reads the certificates anew
            if self._client is None:
                settings = self._settings
                self._client = connect("describe", settings.base_url, settings.timeout_s, 0, settings.proxy)
            return self._client

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of `describe.concurrency` places, held from before a request until its answer is kept: what a kill loses."""
        with self._places:
            yield

    def ask(self, messages: list[dict[str, str]], statement: str, max_tokens: int | None = None) -> dict[str, Any]:
        """The answer as the cache keeps it (see `answer_of`), of at most `max_tokens` (default: `describe.max_tokens`).

        To be called in a `place`, which another request has while this one pauses. Rate limits, server errors, time-outs,
        lost connections and answers that are none are tried again `describe.max_retries` times. A field or role that the
        server says it does not take is put otherwise from then on.

        Raises:
            Refused: the server will never answer this request.
            EsiError: the endpoint stays unreachable or asks for too long a wait, or the budget is spent.
        """
        limit = max_tokens or self._settings.max_tokens
        worst, tokens = worst_case(messages, limit), estimate(messages) + limit
        attempt = told = 0  # told: definite replies without an answer
        while True:
            form = self.form
            self._pace.wait(tokens)
            with self.ledger.held(worst) as request:
                try:
                    answer = self._send(body_of(messages, self._settings, form, limit), told)
                    request.used, request.counted = used_tokens(answer, messages, limit), counted(answer)
                    return answer
                except openai.APIStatusError as error:
                    request.used = Tokens()  # a refused request is not billed
                    if self.adapt(form, error.status_code, plain(error), error.param):
                        continue
                    told += 1
                    reason = self._may_try_again(error, statement)
                    asked = retry_after(error.response.headers.get("retry-after"))
                except (openai.APIError, Unusable) as error:
                    told += isinstance(error, Unusable)
                    reason, asked = plain(error), None
            if asked is not None and asked > LONGEST_WAIT_S:
                raise EsiError(self._sentence(statement, f"it asks to wait {asked:.0f} s")) from None
            if attempt == self._settings.max_retries:
                raise EsiError(self._sentence(statement, f"{reason}; {attempt + 1} tries"))
            if asked is None:
                self._pause(backoff(attempt))
            else:
                self._pace.hold_back(asked, time.monotonic())
            attempt += 1

    def adapt(self, form: Form, status: int, said: str, named: Any) -> bool:
        """Whether a refused request may be sent again in another form, which is that of all requests from now on."""
        if status not in _ABOUT_THE_REQUEST:
            return False
        with self._lock:
            if self.form != form:  # another thread was told the same
                return True
            if (change := adapted(form, said, named, self._settings)) is None:
                return False
            self.form = change[0]
        print(f"describe: {self._settings.model} takes {change[1]} (the server: {said})", file=sys.stderr)
        return True

    def _pause(self, seconds: float) -> None:
        """Sleep, and let another request have the place."""
        self._places.release()
        try:
            time.sleep(seconds)
        finally:
            self._places.acquire()

    def _send(self, body: dict[str, Any], told: int) -> dict[str, Any]:
        # The same key until the server has replied: of a request whose answer was lost (a time-out, a kill) it can give that
        # answer again, and bill it once. After a reply without an answer a new one, or it might repeat that reply.
        headers = {"Idempotency-Key": json_hash({"body": body, "told": told})}
        fields = {name: value for name, value in body.items() if name not in ("model", "messages")}
        create = self.client().chat.completions.with_streaming_response.create
        opened = create(model=body["model"], messages=body["messages"], extra_body=fields, extra_headers=headers)
        try:
            return answer_of(object_of(opened, self._settings.timeout_s))
        except Unusable as error:
            raise Unusable(f"not a chat answer: {error}") from None

    def _may_try_again(self, error: openai.APIStatusError, statement: str) -> str:
        """The reason, where the same request may be answered later.

        Raises:
            Refused: it never will.
        """
        reason = f"status {error.status_code}: {plain(error)}"
        passing = error.status_code in _PASSING or error.status_code >= 500
        if not passing or error.code == "insufficient_quota":
            if self._settings.structured and "response_format" in plain(error):
                reason += "; the server has no structured output: set describe.structured to false"
            if 300 <= error.status_code < 400:
                place = plain(ValueError(error.response.headers.get("location", "nowhere")))
                reason += f"; it redirects to {place}, and prompts go to no server but the one that is named"
            raise Refused(self._sentence(statement, reason)) from None
        return reason

    def _sentence(self, statement: str, reason: str) -> str:
        url = self._settings.base_url or OPENAI_URL
        proxy = proxy_of(url, self._settings.proxy)
        way = f" through the proxy {without_password(proxy)} of the environment" if proxy else ""
        return (
            f"the endpoint {self.client().base_url}{way} gave no answer for {statement!r} ({reason}): "
            "answers so far are kept; correct describe.* or OPENAI_API_KEY and run the stage again"
        )


def worst_case(messages: list[dict[str, str]], max_tokens: int) -> Tokens:
    """An upper limit of a request's tokens: one a byte, the most of any byte-level tokenizer, and `max_tokens` of answer."""
    return Tokens(sum(len(message["content"].encode()) + MESSAGE_TOKENS for message in messages), max_tokens)
