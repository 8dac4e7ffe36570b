"""Retrieval from a real `chroma run` on this machine gives what the embedded Chroma gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from esi.cqa.retrieve.retrieval import retrieve
from esi.errors import EsiError
from tests.cqa.test_retrieval import encode, index_of

START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = Path(sys.executable).with_name("chroma")
    arguments = [
        str(command),
        "run",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--path",
        str(tmp_path_factory.mktemp("db")),
    ]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
    )
    try:
        limit = time.monotonic() + START_S
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/v2/heartbeat").status_code == 200:
                    break
            except httpx.TransportError:
                if process.poll() is not None or time.monotonic() > limit:
                    pytest.fail(f"chroma run did not start (exit status {process.poll()})")
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.usefixtures("own_cache")
def test_the_server_finds_what_the_embedded_one_finds(server: str, tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    index_of(120, path)
    questions = {f"s{number}": "y" * (200 + number) for number in range(9)}
    embedded = retrieve(path, questions, encode, "local/test", 4)
    first = retrieve(path, questions, encode, "local/test", 4, server=server)
    assert first == embedded
    assert retrieve(path, questions, encode, "local/test", 4, server=server) == first  # from the collection that is there


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_no_proxy_of_the_environment_comes_between(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    index_of(20, tmp_path / "index.parquet")
    found = retrieve(tmp_path / "index.parquet", {"k": "yy"}, encode, "local/test", 4, server=server)
    assert len(found["k"]) == 4


@pytest.mark.usefixtures("own_cache")
def test_a_collection_that_a_killed_run_left_half_is_filled(server: str, tmp_path: Path) -> None:
    import chromadb

    path = tmp_path / "index.parquet"
    index_of(60, path)
    host, _, port = server.partition(":")
    client = chromadb.HttpClient(host=host, port=int(port))
    before = {collection.name for collection in client.list_collections()}
    embedded = retrieve(path, {"k": "yy"}, encode, "local/test", 60)
    assert retrieve(path, {"k": "yy"}, encode, "local/test", 60, server=server) == embedded
    (name,) = {collection.name for collection in client.list_collections()} - before
    collection = client.get_collection(name, embedding_function=None)
    collection.delete(ids=collection.get()["ids"][:25])
    assert collection.count() == 35
    assert retrieve(path, {"k": "yy"}, encode, "local/test", 60, server=server) == embedded


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    index_of(2, tmp_path / "index.parquet")
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(EsiError, match=rf"retrieve\.server {address} does not answer .*`chroma run --host 127\.0\.0\.1"):
        retrieve(tmp_path / "index.parquet", {"k": "y"}, encode, "local/test", 1, server=address)
