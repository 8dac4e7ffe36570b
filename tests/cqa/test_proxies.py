"""What is asked of this machine or a private network passes no proxy; where one is passed, a line and every error say so."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faulty_server import recording_proxy
from esi.cqa.endpoint import pace, proxy
from esi.cqa.endpoint.proxy import is_private, proxy_of, route, straight, without_password
from esi.cqa.retrieve import embedding_endpoint
from esi.cqa.retrieve.embedding import encoder_of
from esi.cqa.write.describe import write_all, writer_of
from esi.errors import EsiError
from esi.settings.cqa import Proxied
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_batch_and_archive import BatchServer
from tests.cqa.test_embedding import answered, by_endpoint
from tests.cqa.test_openai_writer import STATEMENTS, answer_to, question, settings

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
QUESTIONS = [question(name) for name in STATEMENTS[:3]]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(pace, "FIRST_PAUSE_S", 0.001)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_sees_nothing_that_is_asked_of_this_machine(
    host: str, scheme: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chat, the Batch API, embeddings."""
    monkeypatch.setattr("esi.cqa.write.batch_api.POLL_S", 0.01)
    chat = BatchServer()

    def reply(path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        return answered(body) if path.endswith("/embeddings") else chat(path, body)

    with recording_proxy() as (address, notes), fake_openai(reply) as server:
        for name in NAMES[:3]:
            monkeypatch.setenv(name, f"{scheme}://{address}")
            monkeypatch.setenv(name.lower(), f"{scheme}://{address}")
        base_url = server.base_url.replace("127.0.0.1", host)
        write_all(QUESTIONS, writer_of(settings(base_url)))
        write_all(QUESTIONS, writer_of(settings(base_url, batch=True, model="batch")))
        encoder_of(by_endpoint(base_url))(["a", "bbb"])
        assert {path.split("/")[2].split("?")[0] for path, _, _ in server.requests} == {
            "chat",
            "files",
            "batches",
            "embeddings",
        }
        assert notes == []
    assert "proxy" not in capsys.readouterr().err


@pytest.mark.usefixtures("own_cache")
def test_where_a_proxy_is_asked_for_the_first_line_says_so_and_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording_proxy() as (address, notes), fake_openai(lambda path, body: completion(answer_to(body))) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://name:pass-word@{address}")
        changed = settings(server.base_url, proxy="always", max_retries=1)
        with pytest.raises(
            EsiError, match=f"through the proxy http://{address} of the environment gave no answer"
        ) as raised:
            write_all(QUESTIONS, writer_of(changed))
        assert server.requests == []
        assert notes[0].startswith(f"POST {server.base_url}/chat/completions".encode())
    lines = capsys.readouterr().err
    assert lines.startswith(f"describe: requests to http://127.0.0.1 pass the proxy http://{address} of the environment\n")
    assert "pass-word" not in lines + str(raised.value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.usefixtures("own_cache")
def test_a_dead_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_endpoint, "MAX_RETRIES", 0)
    dead = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("ALL_PROXY", dead)
    outside = "http://example.invalid/v1"
    with pytest.raises(EsiError, match=rf"through the proxy {dead} .*refused"):
        write_all(QUESTIONS, writer_of(settings(outside, max_retries=0)))
    with pytest.raises(EsiError, match=rf"through the proxy {dead} .*refused"):
        encoder_of(by_endpoint(outside).model_copy(update={"proxy": "always"}))(["a"])


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("wrong", "remedy"), [("socks5://h:1", "pip install socksio"), ("ftp://h:1", "correct or unset"), ("http://h:port", "")]
)
def test_a_proxy_that_cannot_be_used_is_a_sentence(wrong: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", wrong)
    for act in (
        lambda: write_all(QUESTIONS, writer_of(settings("http://example.invalid/v1"))),
        lambda: encoder_of(by_endpoint("http://example.invalid/v1"))(["a"]),
    ):
        with pytest.raises(EsiError, match="the proxy .* cannot be used") as raised:
            act()
        assert remedy in str(raised.value)


@pytest.mark.parametrize(
    "wrong", ["http://[::1/v1", "localhost:8000/v1", "ftp://localhost/v1", "http:///v1", "http://localhost:port/v1"]
)
def test_a_base_url_that_is_none_is_a_sentence(wrong: str, own_cache: Path) -> None:
    with pytest.raises(EsiError, match="describe.base_url .* is no address: it looks like http://localhost:8000/v1"):
        write_all(QUESTIONS, writer_of(settings(wrong)))


def test_which_hosts_are_private(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {
        "llm.hospital.example": ["10.1.2.3"],
        "both.example": ["10.1.2.3", "93.184.216.34"],
        "far.example": ["93.184.216.34"],
    }

    def look_up(host: str, *arguments: Any, **named: Any) -> list[Any]:
        if host not in addresses:
            raise socket.gaierror("unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses[host]]

    monkeypatch.setattr(proxy.socket, "getaddrinfo", look_up)
    inside = [
        "localhost",
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "10.0.0.7",
        "192.168.1.9",
        "172.16.0.1",
        "169.254.1.1",
        "fd00::1",
        "fe80::1%eth0",
    ]
    inside += ["::ffff:10.0.0.1", "ollama", "LOCALHOST.", "gpu.local", "llm.internal", "llm.hospital.example"]
    outside = [
        "api.openai.com",
        "93.184.216.34",
        "2606:2800:220:1::1",
        "both.example",
        "far.example",
        "unknown.example",
        "::ffff:8.8.8.8",
    ]
    assert [host for host in inside if not is_private(host)] == []
    assert [host for host in outside if is_private(host)] == []


@pytest.mark.parametrize(
    ("url", "proxied", "expected"),
    [
        ("https://93.184.216.34/v1", "outside", "http://secure:2"),
        ("http://93.184.216.34/v1", "outside", "http://all:3"),
        ("https://93.184.216.34/v1", "never", None),
        ("https://10.0.0.1/v1", "outside", None),
        ("https://10.0.0.1/v1", "always", "http://secure:2"),
        ("https://10.0.0.2/v1", "always", None),
        ("https://8.8.8.8:8443/v1", "outside", None),
    ],
)
def test_the_rule(url: str, proxied: Proxied, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HTTPS_PROXY": "secure:2", "ALL_PROXY": "http://all:3", "NO_PROXY": "8.8.8.8, 10.0.0.2"}.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url, proxied) == expected
    assert (route("describe", url, proxied) is None) == (expected is None)


def test_a_line_for_people_has_no_password() -> None:
    assert without_password("http://name:p%40ss@proxy:3128") == "http://proxy:3128"
    assert without_password("socks5://proxy:1080") == "socks5://proxy:1080"


def test_the_proxies_are_hidden_for_a_client_that_reads_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    with straight("http://127.0.0.1:8000"):
        assert "HTTP_PROXY" not in os.environ
    assert os.environ["HTTP_PROXY"] == "http://proxy:1"
    with straight("http://93.184.216.34:8000"):
        assert os.environ["HTTP_PROXY"] == "http://proxy:1"
