"""The passages for each question (paper, section 3.1.2 and table 7: the best two).

Two searches rank the chunks: dense (cosine of sentence vectors, by Chroma) and lexical (BM25). Hybrid fuses their ranks. The
names of the handbook's entries then decide among what was found: a passage whose entry is called like the statement comes
first. `python -m benchmarks.retrieval` shows what each part brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esi.cqa.retrieve.embedding import Encoder
from esi.cqa.retrieve.index import check_encoder, embedded_text
from esi.cqa.retrieve.lexical import Bm25
from esi.cqa.retrieve.vector_search import nearest
from esi.cqa.sentences import name_fit
from esi.errors import EsiError
from esi.files import file_hash

POOL = 200  # candidates of each search for a question
NAME_WEIGHT = 1.0  # of the words that statement and entry share, beside a relevance between 0 and 1
FUSION = 60  # Cormack, Clarke and Büttcher 2009: reciprocal rank fusion gives 1 / (60 + rank) for each ranking

Method = Literal["dense", "lexical", "hybrid"]
Relevance = dict[int, float]  # by the chunk's place in the index


@dataclass(frozen=True)
class Passage:
    chunk_id: str
    book: str
    heading: str
    names: list[str]  # of the entry: its heading's name, and what else it is called
    page: int | None
    text: str
    position: int  # among the chunks in reading order
    score: float  # relevance by the method: cosine, or share of the best BM25 score or of the best fused rank


def retrieve(
    index_path: Path,
    questions: Mapping[str, str],
    encode: Encoder,
    encoder: str,
    top_k: int,
    *,
    method: Method = "dense",
    names: bool = True,
    server: str | None = None,
) -> dict[str, list[Passage]]:
    """The `top_k` best passages for each question, best first; of equals the one that is earlier in the books.

    Args:
        index_path: Parquet file of the stage embed.
        questions: question by statement; the answer has the same keys. The question is embedded; words and names are
            compared with the statement.
        encode: embeds the questions; encoder: its name, which must be the index's. Neither is used by `lexical`.
        top_k: passages a question; fewer where fewer are found.
        method: which search; names: whether the names of the entries decide among what it found.
        server: host:port of a `chroma run`; None: the machine-local cache.

    Raises:
        EsiError: another encoder made the index, its vectors have another length, or the server does not answer.
    """
    if not questions:
        return {}
    index = pq.read_table(index_path)
    columns = [field.name for field in fields(Passage) if field.name in index.schema.names]
    chunks = index.select(columns).to_pylist()
    pool = min(max(POOL, top_k), len(chunks))
    rankings: list[Iterator[Relevance]] = []
    if method != "lexical":
        rankings.append(_dense(index_path, index, list(questions.values()), encode, encoder, pool, server))
    if method != "dense":
        rankings.append(_lexical(chunks, list(questions), pool))
    retrieved: dict[str, list[Passage]] = {}
    for statement, *relevances in zip(questions, *rankings, strict=True):
        relevance = fused(relevances) if len(relevances) > 1 else relevances[0]
        passages = [
            Passage(**chunks[place], position=place, score=round(score, 4)) for place, score in sorted(relevance.items())
        ]
        called = [name_overlap(statement, passage) if names else 0.0 for passage in passages]
        totals = [passage.score + NAME_WEIGHT * fit for passage, fit in zip(passages, called, strict=True)]
        best = sorted(range(len(passages)), key=lambda number: (-round(totals[number], 6), number))
        retrieved[statement] = [passages[number] for number in best[:top_k]]
    return retrieved


def fused(rankings: Sequence[Relevance]) -> Relevance:
    """Reciprocal rank fusion, as a share of what the first place in all rankings would give; equals share no rank."""
    total: Relevance = {}
    for ranking in rankings:
        for rank, place in enumerate(sorted(ranking, key=lambda place: (-round(ranking[place], 4), place)), start=1):
            total[place] = total.get(place, 0.0) + (FUSION + 1) / (FUSION + rank) / len(rankings)
    return total


def name_overlap(statement: str, passage: Passage) -> float:
    """How well the best fitting name of the passage's entry fits a statement, 0 to 1."""
    return max((name_fit(statement, name) for name in passage.names), default=0.0)


def _dense(
    index_path: Path, index: pa.Table, questions: Sequence[str], encode: Encoder, encoder: str, pool: int, server: str | None
) -> Iterator[Relevance]:
    check_encoder(index, encoder)
    vectors_QD = encode(questions)
    dimensions = len(index["vector"][0])
    if vectors_QD.shape[1] != dimensions:
        raise EsiError(f"questions have {vectors_QD.shape[1]} dimensions, the index {dimensions}: run the stage embed again")
    places = {chunk_id: place for place, chunk_id in enumerate(index["chunk_id"].to_pylist())}
    for found in nearest(index, file_hash(index_path), vectors_QD, pool, server):
        yield {places[chunk_id]: cosine for chunk_id, cosine in found}


def _lexical(chunks: Sequence[Mapping], statements: Sequence[str], pool: int) -> Iterator[Relevance]:
    search = Bm25([embedded_text(chunk["heading"], chunk["names"], chunk["text"]) for chunk in chunks])
    for statement in statements:
        scores = search.scores(statement)
        best = np.argsort(-scores, kind="stable")[:pool]
        highest = float(scores.max())
        yield {int(place): float(scores[place]) / highest for place in best if scores[place] > 0}
