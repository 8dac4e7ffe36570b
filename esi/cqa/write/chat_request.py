"""The form of a chat request: which names of fields a server takes, and which fields it refuses.

Servers differ: reasoning models take `max_completion_tokens` instead of `max_tokens` and no temperature, some templates no
system message. None of this changes what is asked, so none of it is in the cache's keys: what was paid for stays found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from esi.settings.cqa import Describe

MESSAGE_TOKENS = 16  # a chat template adds to each message; gpt-3.5-turbo 4
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
_NOT_TAKEN = re.compile(
    r"\bunsupported|\bextra_forbidden|\bno (such )?(role|field|parameter)|"
    r"\bnot (be |been |yet |currently )*(supported|permitted|allowed|enabled|recogni[sz]ed|accepted|available)|"
    r"\b(do|does|did)( not|n['’]t) (currently )?(support|accept|take|allow|recogni[sz]e|know|have)|"
    r"\bcannot (support|accept|take|handle|be (used|set|given))|\bonly (the default|supports?|accepts?)|"
    r"\b(unknown|unrecogni[sz]ed|unexpected|invalid|deprecated|extra|additional) (request |keyword |input |body )?"
    r"(arguments?|parameters?|fields?|inputs?|keys?|propert|values?|names?|role)",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"\b(system|developer)['\"’”]?[ -]?(role|message|prompt|instruction)|\broles?\b.{0,80}\b(system|developer)\b|"
    r"roles must alternate",
    re.IGNORECASE,
)
_RENAMED: dict[str | None, Literal["max_tokens", "max_completion_tokens"]] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}


@dataclass(frozen=True)
class Form:
    """The form of a run's requests: what the settings say, or what the server's refusals have left of that."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] | None
    system_role: Literal["system", "developer", "none"]
    left_out: frozenset[str] = frozenset()
    tried: frozenset[str] = frozenset()  # names and roles that were refused


def form_of(settings: Describe) -> Form:
    """The form that the settings ask for."""
    return Form(settings.token_limit, settings.system_role)


def body_of(
    messages: Sequence[Mapping[str, str]], settings: Describe, form: Form | None = None, max_tokens: int | None = None
) -> dict[str, Any]:
    """The body of a chat request, by default in the form and with the limit that the settings ask for."""
    form = form or form_of(settings)
    body: dict[str, Any] = {"model": settings.model, "messages": _with_role(messages, form.system_role)}
    fields = {"temperature": settings.temperature, "reasoning_effort": settings.reasoning_effort}
    body |= {name: value for name, value in fields.items() if value is not None and name not in form.left_out}
    if form.token_limit:
        body[form.token_limit] = max_tokens or settings.max_tokens
    if settings.structured:
        body["response_format"] = {"type": "json_schema", "json_schema": _SCHEMA}
    return body | settings.extra_body


def _with_role(messages: Sequence[Mapping[str, str]], role: str) -> list[dict[str, str]]:
    first, *others = (dict(message) for message in messages)
    if role != "none":
        return [{**first, "role": role}, *others]
    question = {**others[0], "content": f"{first['content']}\n\n{others[0]['content']}"}
    return [question, *others[1:]]


def adapted(form: Form, said: str, named: Any, settings: Describe) -> tuple[Form, str] | None:
    """The form after a refusal, and what changed, for people; None where the refusal is about something else.

    Args:
        said: the server's error message.
        named: the field that its error names as `param`, if any.
    """
    if not _NOT_TAKEN.search(said) and "must alternate" not in said:
        return None
    sent: list[str] = [form.token_limit] if form.token_limit else []
    sent += [name for name in ("temperature", "reasoning_effort") if getattr(settings, name) is not None]
    places = {name: place.start() for name in sent if (place := re.search(rf"\b{name}\b", said))}
    field = named if named in sent else min(places, key=lambda name: places[name]) if places else None
    if field is not None and field in _RENAMED:
        if _RENAMED[field] in form.tried:
            return None  # neither name is taken: without a limit the cost has none
        change = f"no {field}: it is sent as {_RENAMED[field]}"
        return replace(form, token_limit=_RENAMED[field], tried=form.tried | {field}), change
    if field and field not in form.left_out:
        return replace(form, left_out=form.left_out | {field}), f"no {field}: it is left out"
    if field is None and form.system_role != "none" and (_ROLE.search(said) or named == "messages[0].role"):
        tried = form.tried | {form.system_role}
        if form.system_role == "system" and re.search(r"\bdeveloper\b", said, re.IGNORECASE):
            return replace(form, system_role="developer", tried=tried), "no system message: it is sent as the developer's"
        return replace(form, system_role="none", tried=tried), f"no {form.system_role} message: it opens the question"
    return None
