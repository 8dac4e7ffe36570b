"""A client for OpenAI or any endpoint that speaks its protocol (vLLM, llama.cpp, Ollama)."""

from __future__ import annotations

import os

import openai

from esi.errors import EsiError

OPENAI_URL = "https://api.openai.com/v1"  # named, so that OPENAI_BASE_URL cannot redirect a run behind params.yaml's back


def connect(section: str, base_url: str | None, timeout_s: float, max_retries: int) -> openai.OpenAI:
    """A client that waits at most `timeout_s` for an answer (the library's own default is 600 s).

    Lost connections, rate limits (429) and server errors are retried `max_retries` times by the library, which doubles the
    pause each time, adds jitter, and obeys Retry-After.

    Args:
        section: of params.yaml, for the error message.
        base_url: None for OpenAI itself.

    Raises:
        EsiError: OpenAI is meant and OPENAI_API_KEY is not set. Endpoints of one's own need none.
    """
    key = os.environ.get("OPENAI_API_KEY")
    if not key and base_url is None:
        raise EsiError(
            f"{section}.provider is openai and OPENAI_API_KEY is not set: export the key, "
            f"or set {section}.base_url to a server of your own"
        )
    return openai.OpenAI(api_key=key or "none", base_url=base_url or OPENAI_URL, timeout=timeout_s, max_retries=max_retries)
