"""Responses of the Batch API: batches, and files of answers and errors, a JSON object a line; any may be broken."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from esi.cqa.endpoint.response import Unusable, count, words
from esi.cqa.write.chat_answer import answer_of

_RUNNING = ("validating", "in_progress", "finalizing", "cancelling")
_OVER = ("completed", "failed", "expired", "cancelled")
NAME = "esi"  # of the metadata entry that holds a batch's name


@dataclass(frozen=True)
class Batch:
    id: str
    over: bool
    completed: int
    output_file: str | None
    error_file: str | None
    problems: str  # why it failed


@dataclass(frozen=True)
class Refusal:
    """Why a request of a batch was refused."""

    status: int
    said: str
    named: Any  # the field that the error names


def batch_of(content: Mapping[str, Any]) -> Batch:
    """A batch as the server describes it.

    Raises:
        Unusable: it has no id, or an unknown status, for whose end one might wait for ever.
    """
    id_, status = words(content.get("id")), content.get("status")
    if not id_ or status not in (*_RUNNING, *_OVER):
        raise Unusable(f"it describes a batch by id {id_!r} and status {status!r}")
    errors = _list(_mapping(content.get("errors")).get("data"))
    said = [words(_mapping(each).get("message")) for each in errors]
    return Batch(
        id=id_,
        over=status in _OVER,
        completed=count(_mapping(content.get("request_counts")).get("completed")) or 0,
        output_file=words(content.get("output_file_id")),
        error_file=words(content.get("error_file_id")),
        problems="; ".join(filter(None, said)) or ("no reason given" if status == "failed" else ""),
    )


def named(content: Mapping[str, Any], name: str) -> Batch | None:
    """The batch of this name in a page of the server's list.

    Raises:
        Unusable: it cannot be read.
    """
    for each in _list(content.get("data")):
        if _mapping(_mapping(each).get("metadata")).get(NAME) == name:
            return batch_of(each)
    return None


def next_page(content: Mapping[str, Any]) -> str | None:
    """The id after which the next page of the server's list begins; None at the last."""
    data = _list(content.get("data"))
    return words(_mapping(data[-1]).get("id")) if data and content.get("has_more") is True else None


def answers_of(file: bytes, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """By key, whatever their order in the file; lines without a usable answer are left out."""
    answers = {}
    for line in _lines(file):
        key, response = line.get("custom_id"), _mapping(line.get("response"))
        if isinstance(key, str) and key in keys and response.get("status_code") == 200:
            with suppress(Unusable):
                answers[key] = answer_of(_mapping(response.get("body")))
    return answers


def refusal_of(file: bytes) -> Refusal | None:
    """The first refusal in a file."""
    for line in _lines(file):
        response = _mapping(line.get("response"))
        error = _mapping(_mapping(response.get("body")).get("error")) or _mapping(line.get("error"))
        if (status := count(response.get("status_code"))) != 200 and (said := words(error.get("message"))):
            return Refusal(status or 0, said, error.get("param"))
    return None


def _lines(file: bytes) -> Iterator[dict[str, Any]]:
    for line in file.split(b"\n"):  # `splitlines` of text would cut at U+2028 in the middle of an answer
        with suppress(ValueError, RecursionError):
            if isinstance(content := json.loads(line), dict):
                yield content


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
