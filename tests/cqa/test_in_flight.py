"""As many requests in flight as asked for, whatever some of them wait for; a key by which a server knows a request again."""

from __future__ import annotations

import json
from collections import defaultdict
from threading import Barrier, Lock
from typing import Any

import pytest

from esi.cqa.endpoint import pace
from esi.cqa.write import chat_endpoint
from esi.cqa.write.describe import write_all, writer_of
from tests.cqa.fake_openai import CUT, completion, fake_openai
from tests.cqa.test_openai_writer import answer_to, asked_about, question, settings

MANY = [question(f"finding number {number}") for number in range(64)]
Answer = tuple[int, dict[str, str], Any]


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("concurrency", [1, 16])
def test_so_many_requests_are_in_flight_as_asked_for(concurrency: int) -> None:
    """The server answers none before all are there, four times over; more than that it never has."""
    together, lock, now, most = Barrier(concurrency), Lock(), 0, 0

    def reply(path: str, body: dict[str, Any]) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(timeout=60)
        with lock:
            now -= 1
        return completion(answer_to(body))

    questions = MANY if concurrency > 1 else MANY[:3]
    with fake_openai(reply) as server:
        described = write_all(questions, writer_of(settings(server.base_url, concurrency=concurrency, timeout_s=90)))
        assert len(server.requests) == len(questions)
    assert len(described) == len(questions)
    assert most == concurrency


@pytest.mark.usefixtures("own_cache")
def test_a_request_that_pauses_after_a_fault_gives_its_place_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every first try fails. The pauses end only when others have come as far as a second one could not with two places."""
    others, failed = Barrier(4), set[str]()
    monkeypatch.setattr(chat_endpoint.time, "sleep", lambda seconds: others.wait(timeout=60))

    def reply(path: str, body: dict[str, Any]) -> Answer:
        if asked_about(body) in failed:
            return completion(answer_to(body))
        failed.add(asked_about(body))
        return 500, {}, {"error": {"message": "broken"}}

    with fake_openai(reply) as server:
        described = write_all(MANY[:4], writer_of(settings(server.base_url, concurrency=2)))
    assert len(described) == 4


def keys_of(requests: list[tuple[str, dict[str, str], dict[str, Any]]]) -> dict[str, list[str]]:
    keys = defaultdict(list)
    for _, headers, body in requests:
        keys[json.dumps(body, sort_keys=True)].append(headers["idempotency-key"])
    return keys


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_a_request_has_one_key_until_the_server_has_replied(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection may hide an answer that was billed. A reply without an answer must not be repeated."""
    monkeypatch.setattr(pace, "FIRST_PAUSE_S", 0.001)
    seen: set[str] = set()

    def reply(path: str, body: dict[str, Any]) -> Answer:
        if asked_about(body) not in seen:
            seen.add(asked_about(body))
            return (200, {}, CUT) if fault == "lost" else (200, {}, b"<html>")
        return completion(answer_to(body))

    with fake_openai(reply) as server:
        write_all(MANY[:4], writer_of(settings(server.base_url)))
    keys = keys_of(server.requests)
    assert all(len(each) == 2 and len(set(each)) == (1 if fault == "lost" else 2) for each in keys.values())
    assert len({key for each in keys.values() for key in each}) == (4 if fault == "lost" else 8)


def test_a_run_after_a_kill_sends_the_same_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        for folder in ("killed", "again"):  # nothing of the first run's is left
            monkeypatch.setenv("DVC_ROOT", str(tmp_path / folder))
            write_all(MANY[:4], writer_of(settings(server.base_url)))
    assert all(len(each) == 2 and len(set(each)) == 1 for each in keys_of(server.requests).values())
