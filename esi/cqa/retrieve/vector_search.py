"""The chunks whose vectors are nearest to a question's, by Chroma: embedded, or a `chroma run` server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from esi.closure import code_hash
from esi.cqa.endpoint.proxy import straight
from esi.cqa.retrieve.embedding import Vectors
from esi.cqa.retrieve.index import vectors_of
from esi.errors import EsiError
from esi.files import cache_folder, content_hash, scratch
from esi.sealed import sealed_folder

Found = list[tuple[str, float]]  # (chunk id, cosine), the nearest first

_COLLECTION = "chunks"
_BATCH = 5000  # Chroma 1.5.9 takes 5,461 rows at a time


def nearest(index: pa.Table, index_hash: str, vectors_QD: Vectors, count: int, server: str | None) -> Iterator[Found]:
    """The `count` nearest chunks of each question, in the order of the questions.

    Args:
        index: with columns chunk_id and vector; index_hash: names its collection, so that no other index is ever searched.
        server: host:port of a `chroma run`; None: a folder of the machine-local cache.

    Raises:
        EsiError: the server does not answer.
    """
    search_ef = max(100, 2 * count)
    name = content_hash(index_hash, code_hash(__name__), str(search_ef))[:32]
    opened = _on_server(server, name, index, search_ef) if server else _in_folder(name, index, search_ef)
    with opened as collection:
        for start in range(0, len(vectors_QD), _BATCH):
            answer = collection.query(vectors_QD[start : start + _BATCH], n_results=count, include=["distances"])
            for ids, distances in zip(answer["ids"], answer["distances"], strict=True):
                yield [(chunk_id, 1.0 - distance) for chunk_id, distance in zip(ids, distances, strict=True)]


def _settings() -> Any:
    import chromadb  # half a second, and only a search needs it

    return chromadb.Settings(anonymized_telemetry=False)


def _configuration(search_ef: int) -> Any:
    # One thread: with two the graph, and with it a near-tie, may differ from build to build.
    return {"hnsw": {"space": "cosine", "num_threads": 1, "ef_search": search_ef}}


def _fill(collection: Any, index: pa.Table) -> None:
    ids, vectors_ND = index["chunk_id"].to_pylist(), vectors_of(index)
    for start in range(0, len(ids), _BATCH):
        collection.upsert(ids=ids[start : start + _BATCH], embeddings=vectors_ND[start : start + _BATCH])


@contextmanager
def _on_server(server: str, name: str, index: pa.Table, search_ef: int) -> Iterator[Any]:
    """The collection on a server; filled where it is new, or where a run that filled it was killed."""
    import chromadb

    host, _, port = server.rpartition(":")
    try:
        with straight(f"http://{host}:{port}"):
            client = chromadb.HttpClient(host=host, port=int(port), settings=_settings())
        collection = client.get_or_create_collection(
            f"esi-{name}", configuration=_configuration(search_ef), embedding_function=None
        )
        if collection.count() != len(index):
            _fill(collection, index)
        yield collection
    except EsiError:
        raise
    except Exception as error:  # chromadb raises ValueError, its own and httpx's errors for one and the same fault
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EsiError(
            f"retrieve.server {server} does not answer as Chroma does ({reason}): start it with "
            f"`chroma run --host {host} --port {port}`, or set retrieve.server to null"
        ) from None


@contextmanager
def _in_folder(name: str, index: pa.Table, search_ef: int) -> Iterator[Any]:
    """A copy of the collection in the cache, which is built where it is absent or damaged: Chroma writes to what it opens,
    and the checksums are of what was built.
    """

    def build(work: Path) -> None:
        with _client(work) as client:
            _fill(
                client.create_collection(_COLLECTION, configuration=_configuration(search_ef), embedding_function=None),
                index,
            )

    folder = sealed_folder(cache_folder("chroma") / name, build)
    with scratch(folder) as copies:
        shutil.copytree(folder, copies / name)
        with _client(copies / name) as client:
            yield client.get_collection(_COLLECTION, embedding_function=None)


@contextmanager
def _client(folder: Path) -> Iterator[Any]:
    import chromadb

    client: Any = chromadb.PersistentClient(str(folder), settings=_settings())
    try:
        yield client
    finally:
        client.close()
