"""A client for OpenAI or any endpoint that speaks its protocol (vLLM, llama.cpp, Ollama)."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import httpx2
import openai

from esi.cqa.endpoint.proxy import proxy_of, without_password
from esi.errors import EsiError
from esi.settings.cqa import Proxied

OPENAI_URL = "https://api.openai.com/v1"  # named, so that OPENAI_BASE_URL cannot redirect a run behind params.yaml's back
LONGEST_REASON = 300  # characters of a server's error that a sentence quotes


def connect(section: str, base_url: str | None, timeout_s: float, max_retries: int, proxied: Proxied) -> openai.OpenAI:
    """A client that waits at most `timeout_s` for an answer (the library's own default is 600 s) and follows no redirect: a
    prompt goes to no server but the one that was named.

    Lost connections, rate limits (429) and server errors are retried `max_retries` times by the library, which doubles the
    pause each time, adds jitter, and obeys Retry-After.

    Args:
        section: of params.yaml, for the error message.
        base_url: None for OpenAI itself.
        proxied: which servers are reached by a proxy of the environment (`esi.cqa.endpoint.proxy`).

    Raises:
        EsiError: OpenAI is meant and OPENAI_API_KEY is not set (endpoints of one's own need none), `base_url` is no address
            or holds a password, which would be written into the cache, or the proxy cannot be used.
    """
    key = os.environ.get("OPENAI_API_KEY")
    if not key and base_url is None:
        raise EsiError(
            f"{section}.provider is openai and OPENAI_API_KEY is not set: export the key, "
            f"or set {section}.base_url to a server of your own"
        )
    url = base_url or OPENAI_URL
    try:
        place = urlsplit(url)
        valid = place.scheme in ("http", "https") and bool(place.hostname) and place.port != 0
    except ValueError:
        valid = False
    if valid and place.password:
        raise EsiError(f"{section}.base_url holds a password: take it out and export OPENAI_API_KEY")
    if not valid:
        raise EsiError(f"{section}.base_url {url!r} is no address: it looks like http://localhost:8000/v1")
    if (key and not key.isascii()) or (key or "").strip() != (key or ""):
        raise EsiError(
            "OPENAI_API_KEY has a blank at an end or a letter beyond ASCII, which no header can carry: export it again"
        )
    proxy = proxy_of(url, proxied)
    try:
        # A transport of its own: the library would otherwise take every proxy of the environment.
        transport = httpx2.HTTPTransport(proxy=proxy, limits=openai.DEFAULT_CONNECTION_LIMITS)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        remedy = "pip install socksio, or " if isinstance(error, ImportError) else ""
        raise EsiError(
            f"the proxy {without_password(proxy or '')} of the environment cannot be used ({plain(error)}): {remedy}correct "
            f"or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or set {section}.proxy to never"
        ) from None
    client = openai.DefaultHttpxClient(transport=transport, follow_redirects=False)
    return openai.OpenAI(api_key=key or "none", base_url=url, timeout=timeout_s, max_retries=max_retries, http_client=client)


def plain(error: Exception) -> str:
    """An error's text on one line, short, and without the key: some servers send it back.

    A lost connection is told with its cause, such as "Connection refused".
    """
    said = str(error)
    if isinstance(error, openai.APIConnectionError) and error.__cause__ is not None and str(error.__cause__) not in said:
        said = f"{said.rstrip('.')}: {error.__cause__}"
    text = " ".join("".join(each if each.isprintable() else " " for each in said).split())
    key = os.environ.get("OPENAI_API_KEY")
    return (text.replace(key, "***") if key else text)[:LONGEST_REASON]
