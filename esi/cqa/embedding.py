"""Texts -> unit vectors: by a local sentence encoder or any OpenAI-compatible endpoint (paper: text-embedding-ada-002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from esi.cqa.vector_cache import VectorCache
from esi.errors import EsiError
from esi.files import cache_folder
from esi.local_bert import load_bert
from esi.settings.cqa import Embed

# N: texts, D: dimensions of the encoder
Vectors = npt.NDArray[np.float32]
Encoder = Callable[[Sequence[str]], Vectors]

TIMEOUT_S = 60.0  # of one batch sent to an endpoint
MAX_RETRIES = 5


def encoder_of(settings: Embed) -> Encoder:
    """What turns N texts into an (N, D) float32 array of unit vectors. Nothing heavy is loaded before its first call."""
    if settings.provider == "openai":
        return lambda texts: _unit(_encode_by_endpoint(texts, settings))
    return lambda texts: _unit(_encode_locally(texts, settings.model, settings.batch_size))


def encoder_name(settings: Embed) -> str:
    """Names the encoder in the index, so that queries are never compared with another encoder's vectors."""
    return f"{settings.provider}/{settings.model}"


def _unit(vectors_ND: Vectors) -> Vectors:
    norms_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    if not np.isfinite(norms_N1).all() or (norms_N1 == 0).any():
        raise EsiError("the encoder gave a vector that is zero or not finite: check embed.model")
    return (vectors_ND / norms_N1).astype(np.float32)


def _encode_locally(texts: Sequence[str], model: str, batch_size: int) -> Vectors:
    """Mean of a BERT's last states over the tokens of each text, as its sentence-embedding training defines it.

    One thread, whatever OMP_NUM_THREADS says: with two the last bits differ, and with them the index and all that follows.
    """
    import torch

    tokenizer, bert = load_bert("embed.model", model)
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    longest = max(lengths, default=0)
    if longest > bert.config.max_position_embeddings:
        limit = bert.config.max_position_embeddings
        raise EsiError(f"a text has {longest} tokens of the encoder, which reads {limit}: lower chunk.max_tokens")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    order = sorted(range(len(texts)), key=lambda number: lengths[number])  # texts of one length together: less padding
    batches = [order[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    try:
        with torch.inference_mode():
            vectors_ND = np.empty((len(texts), bert.config.hidden_size), np.float32)
            for batch in tqdm(batches, desc="embed", unit="batch", disable=len(batches) < 20):
                tokens = tokenizer([texts[number] for number in batch], padding=True, return_tensors="pt")
                states_NLD = bert(**tokens).last_hidden_state
                mask_NL1 = tokens["attention_mask"].unsqueeze(-1).to(states_NLD.dtype)
                vectors_ND[batch] = ((states_NLD * mask_NL1).sum(1) / mask_NL1.sum(1)).float().numpy()
        return vectors_ND
    finally:
        torch.set_num_threads(threads)


def _encode_by_endpoint(texts: Sequence[str], settings: Embed) -> Vectors:
    """Each distinct text is sent once in the machine's life: what the cache has is not sent again.

    The openai library repeats what failed (429, 5xx, lost connections) with growing pauses and obeys Retry-After.
    """
    import openai

    from esi.cqa.openai_client import connect, plain

    client = connect("embed", settings.base_url, TIMEOUT_S, MAX_RETRIES)
    cache = VectorCache(cache_folder("embeddings"), settings.base_url, settings.model)
    known = {text: cache.get(text) for text in dict.fromkeys(texts)}
    missing = [text for text, vector in known.items() if vector is None]
    starts = range(0, len(missing), settings.batch_size)
    for start in tqdm(starts, desc="embed", unit="batch", disable=len(starts) < 2):
        batch = missing[start : start + settings.batch_size]
        try:
            answer = client.embeddings.create(model=settings.model, input=batch, encoding_format="float")
        except openai.OpenAIError as error:
            raise EsiError(f"the embedding endpoint {client.base_url} failed: {plain(error)}") from None
        by_index = {item.index: np.asarray(item.embedding, dtype=np.float32) for item in answer.data or []}
        if set(by_index) != set(range(len(batch))):
            raise EsiError(f"the embedding endpoint {client.base_url} gave {len(by_index)} vectors for {len(batch)} texts")
        for number, text in enumerate(batch):
            cache.put(text, by_index[number])
            known[text] = by_index[number]
    vectors = [vector for text in texts if (vector := known[text]) is not None]
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise EsiError(
            f"the embedding endpoint {client.base_url} gave vectors of {lengths[0]} and of {lengths[-1]} dimensions for "
            f"{settings.model!r}: if its model changed under the same name, delete .cache/embeddings and run again"
        )
    return np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
