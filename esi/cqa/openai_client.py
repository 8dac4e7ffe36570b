"""A client for OpenAI or any endpoint that speaks its protocol (vLLM, llama.cpp, Ollama)."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import openai

from esi.errors import EsiError

OPENAI_URL = "https://api.openai.com/v1"  # named, so that OPENAI_BASE_URL cannot redirect a run behind params.yaml's back
LONGEST_REASON = 300  # characters of a server's error that a sentence quotes


def connect(section: str, base_url: str | None, timeout_s: float, max_retries: int) -> openai.OpenAI:
    """A client that waits at most `timeout_s` for an answer (the library's own default is 600 s).

    Lost connections, rate limits (429) and server errors are retried `max_retries` times by the library, which doubles the
    pause each time, adds jitter, and obeys Retry-After.

    Args:
        section: of params.yaml, for the error message.
        base_url: None for OpenAI itself.

    Raises:
        EsiError: OpenAI is meant and OPENAI_API_KEY is not set (endpoints of one's own need none), or `base_url` holds a
            password, which would be written into the cache.
    """
    key = os.environ.get("OPENAI_API_KEY")
    if not key and base_url is None:
        raise EsiError(
            f"{section}.provider is openai and OPENAI_API_KEY is not set: export the key, "
            f"or set {section}.base_url to a server of your own"
        )
    if base_url and urlsplit(base_url).password:
        raise EsiError(f"{section}.base_url holds a password: take it out and export OPENAI_API_KEY")
    return openai.OpenAI(api_key=key or "none", base_url=base_url or OPENAI_URL, timeout=timeout_s, max_retries=max_retries)


def plain(error: Exception) -> str:
    """An error's text on one line, short, and without the key: some servers send it back."""
    text = " ".join(str(error).split())
    key = os.environ.get("OPENAI_API_KEY")
    return (text.replace(key, "***") if key else text)[:LONGEST_REASON]
