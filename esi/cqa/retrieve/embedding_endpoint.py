"""Vectors of texts from an OpenAI-compatible endpoint; whatever it sends, what enters the cache can be used."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import openai
from tqdm import tqdm

from esi.cqa.endpoint.openai_client import OPENAI_URL, connect, plain
from esi.cqa.endpoint.pace import backoff
from esi.cqa.endpoint.proxy import proxy_of, route, without_password
from esi.cqa.endpoint.response import Unusable, object_of
from esi.cqa.retrieve.vector_cache import VectorCache
from esi.errors import EsiError
from esi.files import cache_folder
from esi.settings.cqa import Embed

Vectors = npt.NDArray[np.float32]
TIMEOUT_S = 60.0  # of one batch
MAX_RETRIES = 5
BROKEN_TRIES = 3  # of a batch whose answer is no JSON, or half of it


def encode_by_endpoint(texts: Sequence[str], settings: Embed) -> Vectors:
    """One vector a text, (N, D) float32. Each distinct text is sent once in the machine's life: the cache keeps its vector.

    The openai library repeats what failed (429, 5xx, lost connections) with growing pauses and obeys Retry-After.

    Raises:
        EsiError: the endpoint refuses, stays unreachable, or sends what are no vectors of its texts.
    """
    url = settings.base_url or OPENAI_URL
    client = connect("embed", settings.base_url, TIMEOUT_S, MAX_RETRIES, settings.proxy)
    cache = VectorCache(cache_folder("embeddings"), settings.base_url, settings.model)
    known = {text: cache.get(text) for text in dict.fromkeys(texts)}
    missing = [text for text, vector in known.items() if vector is None]
    if missing and (line := route("embed", url, settings.proxy)):
        print(line, file=sys.stderr)
    proxy = proxy_of(url, settings.proxy)
    way = f" through the proxy {without_password(proxy)} of the environment" if proxy else ""
    lengths = {len(vector) for vector in known.values() if vector is not None}
    starts = range(0, len(missing), settings.batch_size)
    for start in tqdm(starts, desc="embed", unit="batch", disable=len(starts) < 2):
        batch = missing[start : start + settings.batch_size]
        try:
            vectors = _ask(client, settings.model, batch)
        except (openai.OpenAIError, Unusable) as error:
            raise EsiError(f"the embedding endpoint {client.base_url}{way} failed: {plain(error)}") from None
        lengths |= {len(vector) for vector in vectors}
        if len(lengths) > 1:  # before any of them is kept
            raise EsiError(
                f"the embedding endpoint {client.base_url} gave vectors of {min(lengths)} and of {max(lengths)} dimensions "
                f"for {settings.model!r}: if its model changed under the same name, delete .cache/embeddings and run again"
            )
        for text, new in zip(batch, vectors, strict=True):
            cache.put(text, new)
        known.update(zip(batch, vectors, strict=True))
    if len(lengths) > 1:
        raise EsiError(
            f".cache/embeddings holds vectors of {min(lengths)} and of {max(lengths)} dimensions for {settings.model!r}: if "
            "its model changed under the same name, delete .cache/embeddings and run again"
        )
    found = [vector for text in texts if (vector := known[text]) is not None]
    return np.stack(found) if found else np.empty((0, 0), np.float32)


def _ask(client: openai.OpenAI, model: str, texts: Sequence[str]) -> list[Vectors]:
    for attempt in range(BROKEN_TRIES):
        if attempt:
            time.sleep(backoff(attempt))
        try:
            create = client.embeddings.with_streaming_response.create
            content = object_of(create(model=model, input=list(texts), encoding_format="float"), TIMEOUT_S)
            break
        except Unusable:
            if attempt + 1 == BROKEN_TRIES:
                raise
    return vectors_of_answer(content, len(texts))


def vectors_of_answer(content: Mapping[str, Any], texts: int) -> list[Vectors]:
    """The vectors of an answer in the order of the texts, each of finite numbers that are not all zero.

    Raises:
        Unusable: it does not hold one such vector for each text.
    """
    data = content.get("data")
    by_index = {}
    for item in data if isinstance(data, list) else []:
        index = item.get("index") if isinstance(item, dict) else None
        if type(index) is not int or index in by_index:
            raise Unusable("it gave vectors without an index of their own each")
        numbers = item.get("embedding")
        if not isinstance(numbers, list) or not all(type(number) in (int, float) for number in numbers):
            raise Unusable("it gave a vector that is no list of numbers")
        try:
            with np.errstate(over="ignore"):
                vector = np.array(numbers, dtype=np.float64).astype(np.float32)
        except OverflowError:
            vector = np.array([np.inf], np.float32)
        norm = np.linalg.norm(vector)
        if not np.isfinite(norm) or norm == 0:
            raise Unusable("it gave a vector that is zero or not finite: check embed.model")
        by_index[index] = vector
    if set(by_index) != set(range(texts)):
        raise Unusable(f"it gave {len(by_index)} vectors for {texts} texts")
    return [by_index[index] for index in range(texts)]
