"""Texts -> unit vectors: by a local sentence encoder or any OpenAI-compatible endpoint (paper: text-embedding-ada-002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from esi.errors import EsiError
from esi.settings.cqa import Embed
from esi.text.bert import load_bert

# N: texts, D: dimensions of the encoder
Vectors = npt.NDArray[np.float32]
Encoder = Callable[[Sequence[str]], Vectors]


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
    from esi.cqa.retrieve.embedding_endpoint import encode_by_endpoint  # the openai library is not needed otherwise

    return encode_by_endpoint(texts, settings)
