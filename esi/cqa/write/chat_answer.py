"""The form in which the cache keeps a chat answer, and how it is read again.

A key of the cache is only ever filled with what `answer_of` gives, and `readable` reads what older versions left there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from esi.cqa.books.chunks import count_tokens
from esi.cqa.endpoint.response import Unusable, count, words
from esi.cqa.write.budget import Tokens

MAX_CHARACTERS = 200_000  # of an answer; the checks read all of it
_CUT = {"length", "max_tokens", "MAX_TOKENS", "model_length"}  # servers' words for: the limit on tokens was reached
_BROKEN_OFF = {"abort", "aborted", "cancelled", "error", "insufficient_system_resource"}
_TEXT_PARTS = {"text", "output_text"}  # others are reasoning ("thinking", "reasoning"), images, calls


def answer_of(completion: Mapping[str, Any]) -> dict[str, Any]:
    """Text, finish_reason ("length" where the limit on tokens cut it), tokens (None without a plain count), the model that
    says it answered, and when (UTC).

    Raises:
        Unusable: there is no choice with a message, its content is no text, or the server broke off.
    """
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Unusable("it holds no choices: is it a chat model?")
    reason = words(choice.get("finish_reason"))
    if choice.get("error") or reason in _BROKEN_OFF:
        raise Unusable(f"the server broke off ({choice.get('error') or reason})")
    refusal = words(message.get("refusal")) if not message.get("content") else None
    text = refusal if refusal else text_of(message.get("content"))
    if text is None or len(text) > MAX_CHARACTERS:
        what = f"a {type(message['content']).__name__}" if text is None else f"{len(text)} characters long"
        raise Unusable(f"its content is {what}")
    usage = completion.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return {
        "text": text,
        "finish_reason": "content_filter" if refusal else "length" if reason in _CUT else reason,
        "prompt_tokens": count(usage.get("prompt_tokens")),
        "completion_tokens": count(usage.get("completion_tokens")),
        "model": words(completion.get("model")),
        "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def text_of(content: Any) -> str | None:
    """The text of a message's content, "" where it has none; None where it is nothing that holds text.

    A list of parts is joined from those that are text. What a model thought stands in parts of its own, which are left out.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return words(content)
    parts = [content] if isinstance(content, dict) else content
    if not isinstance(parts, list):
        return None
    texts = []
    for part in parts:
        said = part
        if isinstance(part, dict):
            if not isinstance(kind := part.get("type", "text"), str):
                return None
            if kind not in _TEXT_PARTS:
                continue
            said = part.get("text")
        if (text := words(said)) is None:
            return None
        texts.append(text)
    return "".join(texts)


def readable(kept: Any) -> dict[str, Any] | None:
    """An answer of the cache in the form of `answer_of`; None where it is none, so that it is asked for again."""
    if not isinstance(kept, Mapping) or (text := text_of(kept.get("text", ...))) is None:
        return None
    names = ("finish_reason", "model", "answered_at")
    counts = {name: count(kept.get(name)) for name in ("prompt_tokens", "completion_tokens")}
    return {**kept, "text": text, **{name: words(kept.get(name)) for name in names}, **counts}


def estimate(messages: Sequence[Mapping[str, str]]) -> int:
    """About how many tokens a prompt has, by cl100k and a gpt-3.5-turbo's 4 for each message."""
    return sum(count_tokens(message["content"]) + 4 for message in messages)


def counted(answer: Mapping[str, Any]) -> bool:
    """Whether the server said how many tokens an answer took."""
    return answer["prompt_tokens"] is not None and answer["completion_tokens"] is not None


def used_tokens(answer: Mapping[str, Any], messages: Sequence[Mapping[str, str]], max_tokens: int) -> Tokens:
    """What an answer took; estimated where the server does not say: by cl100k, or all that it might where it was cut."""
    prompt, completion = answer["prompt_tokens"], answer["completion_tokens"]
    if completion is None:
        completion = max_tokens if answer["finish_reason"] == "length" else count_tokens(answer["text"])
    return Tokens(estimate(messages) if prompt is None else prompt, completion)
