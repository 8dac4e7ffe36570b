"""The body of a response with status 200: one JSON object, no error, of bounded size, read in bounded time.

Servers, gateways and proxies send anything under that status: HTML, nothing, half a body, an error as JSON. All of it ends
as `Unusable`, after which the caller may try again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import httpx2  # what the openai library sends by; a body that is read piece by piece raises its errors
from openai import APIResponse

MAX_BYTES = 64 << 20  # a batch of embeddings has some megabytes
MAX_COUNT = 10**9  # tokens of one request; more is no count
_QUOTED = 80  # characters of an unreadable body that a sentence shows
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Unusable(ValueError):
    """The server said 200 and sent something else than an answer."""


def object_of(opened: AbstractContextManager[APIResponse], timeout_s: float) -> dict[str, Any]:
    """The JSON object that a response is, which is opened and closed here.

    Raises:
        Unusable: it is none (see `json_object`), breaks off, cannot be unpacked, is too large, or is not whole in time.
        openai.APIError: as the openai library raises them.
    """
    try:
        with opened as response:
            return json_object(whole(response.iter_bytes(), timeout_s))
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise Unusable(f"it broke off: {error or type(error).__name__}") from None


def whole(chunks: Iterable[bytes], timeout_s: float, max_bytes: int = MAX_BYTES) -> bytes:
    """A body from its pieces.

    Raises:
        Unusable: it is not whole after `timeout_s`, or has more than `max_bytes`.
    """
    parts, size, end = [], 0, time.monotonic() + timeout_s
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise Unusable(f"it has more than {max_bytes} bytes")
        if time.monotonic() > end:  # the library's own limit is for each piece
            raise Unusable(f"it was not whole after {timeout_s:g} s")
    return b"".join(parts)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        Unusable: it is none, names a key twice with two values, or is an error that was sent as an answer.
    """
    try:
        content = json.loads(body, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        start = " ".join(body[:_QUOTED].decode("utf-8", "replace").split())
        raise Unusable(f"it is no JSON ({error}) and begins with {start!r}" if start else "it is empty") from None
    if not isinstance(content, dict):
        raise Unusable(f"it is a JSON {type(content).__name__}, no object")
    if fault := content.get("error"):
        said = fault.get("message") if isinstance(fault, dict) else None
        raise Unusable(f"it is an error: {said or fault}")
    return content


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        for key, value in pairs:
            if content[key] != value:  # which of the two is meant, nobody can say
                raise ValueError(f"it has {key!r} twice")
    return content


def count(value: Any) -> int | None:
    """A number of tokens, if it is a plain one: not a bool, a string, a fraction, negative or beyond all sense."""
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def words(value: Any) -> str | None:
    """A text that can be written as UTF-8: halves of a surrogate pair become U+FFFD. None for all that is no text."""
    if not isinstance(value, str):
        return None
    return _SURROGATE.sub("\ufffd", value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
