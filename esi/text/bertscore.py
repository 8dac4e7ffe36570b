"""BERTScore (Zhang et al. 2020): how well the tokens of a text find their like in a reference, by contextual embeddings.

Letters: C, R: tokens of the candidate and of the reference; D: dimensions of the encoder; N: pairs of texts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from esi.errors import EsiError
from esi.settings.cqa import Score
from esi.text.bert import load_bert

Array = npt.NDArray[np.float64]
UNSEEN = -1  # among token ids: any that no reference holds


@dataclass(frozen=True)
class Tokens:
    """A text as the encoder sees it."""

    ids: tuple[int, ...]
    vectors: npt.NDArray[np.float32]  # (tokens, D), unit length
    special: frozenset[int]  # ids of the tokens that mark its ends


TokenEncoder = Callable[[Sequence[str]], list[Tokens]]


def bert_scores(candidates: Sequence[str], references: Sequence[str], encode: TokenEncoder, idf: bool) -> Array:
    """Precision, recall and F1 of each candidate against the reference at its place; (N, 3) float64, not rescaled.

    A candidate without a word scores 0: a description that is missing is no good description.

    Args:
        encode: see `token_encoder`.
        idf: weigh each token by its rarity among the references (equation 3 of the article) instead of all alike.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates for {len(references)} references")
    texts = sorted({*candidates, *references})  # each text once, whatever the number of its pairs
    tokens = dict(zip(texts, encode(texts), strict=True))
    rarity = token_rarity([tokens[text].ids for text in references]) if idf else None
    pairs = zip(candidates, references, strict=True)
    rows = [greedy_match(tokens[candidate], tokens[reference], rarity) for candidate, reference in pairs]
    return np.array(rows, np.float64).reshape(-1, 3)


def token_rarity(references: Sequence[Iterable[int]]) -> dict[int, float]:
    """-log of the share of references that hold each token, with plus-one smoothing; of one in none under `UNSEEN`."""
    documents = Counter(token for ids in references for token in set(ids))
    total = math.log(len(references) + 1)
    return {UNSEEN: total} | {token: total - math.log(count + 1) for token, count in documents.items()}


def greedy_match(candidate: Tokens, reference: Tokens, rarity: Mapping[int, float] | None) -> tuple[float, float, float]:
    """Precision, recall and F1: each token takes the most similar token of the other text, whether taken already or not.

    The marks of the ends have no weight, but words may match them, as in the article's own software:
    with the same encoder and layer the figures agree with bert-score 0.3.13 to 2e-7, with and without idf.
    """
    weights_C, weights_R = _weights(candidate, rarity), _weights(reference, rarity)
    if not weights_C.sum() or not weights_R.sum():
        return 0.0, 0.0, 0.0
    similarity_CR = candidate.vectors.astype(np.float64) @ reference.vectors.astype(np.float64).T
    precision = float(np.average(similarity_CR.max(axis=1), weights=weights_C))
    recall = float(np.average(similarity_CR.max(axis=0), weights=weights_R))
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _weights(text: Tokens, rarity: Mapping[int, float] | None) -> Array:
    of_words = np.array([token not in text.special for token in text.ids], np.float64)
    return of_words if rarity is None else of_words * [rarity.get(token, rarity[UNSEEN]) for token in text.ids]


def token_encoder(settings: Score) -> TokenEncoder:
    """The configured encoder: texts -> tokens with the states of one layer. Nothing is loaded before its first call."""
    return lambda texts: _encode(texts, settings)


def _encode(texts: Sequence[str], settings: Score) -> list[Tokens]:
    """One thread, whatever OMP_NUM_THREADS says: with two the last bits differ, and with them the metrics."""
    import torch

    tokenizer, bert = load_bert("score.encoder", settings.encoder)
    layers = bert.config.num_hidden_layers
    layer = layers if settings.layer is None else settings.layer
    if layer > layers:
        raise EsiError(f"score.layer is {layer}, and score.encoder {settings.encoder!r} has {layers}: set it to 0-{layers}")
    # The space in front makes a byte-level vocabulary (RoBERTa) see the first word as it sees the others; BERT's drops it.
    ids = [tokenizer(" " + text.strip())["input_ids"] for text in texts]
    longest = max(range(len(texts)), key=lambda number: len(ids[number]), default=0)
    limit = min(tokenizer.model_max_length, bert.config.max_position_embeddings)
    if texts and len(ids[longest]) > limit:
        raise EsiError(
            f"the text to score that begins {texts[longest][:40]!r} has {len(ids[longest])} tokens, and score.encoder reads "
            f"{limit}: shorten it, or lower describe.max_tokens"
        )
    special = frozenset({tokenizer.cls_token_id, tokenizer.sep_token_id})
    order = sorted(range(len(texts)), key=lambda number: len(ids[number]))  # texts of one length together: less padding
    batches = [order[start : start + settings.batch_size] for start in range(0, len(texts), settings.batch_size)]
    found: dict[int, Tokens] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for batch in tqdm(batches, desc="score", unit="batch", disable=len(batches) < 20):
                padded = tokenizer.pad({"input_ids": [ids[number] for number in batch]}, return_tensors="pt")
                states_NLD = bert(**padded, output_hidden_states=True).hidden_states[layer].float()
                states_NLD = torch.nn.functional.normalize(states_NLD, dim=-1)
                for number, states_LD in zip(batch, states_NLD.numpy(), strict=True):
                    found[number] = Tokens(tuple(ids[number]), states_LD[: len(ids[number])].copy(), special)
    finally:
        torch.set_num_threads(threads)
    return [found[number] for number in range(len(texts))]
