"""An endpoint that fails in every way: all labels end described, nothing is paid twice, the key shows nowhere."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from esi.cqa.endpoint import pace
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.budget import Tokens
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.extractive import ExtractiveWriter
from esi.cqa.write.openai_writer import OpenAIWriter
from esi.errors import EsiError
from tests.conftest import ROOT
from tests.cqa.fake_openai import CUT, completion, fake_openai
from tests.cqa.test_openai_writer import STATEMENTS, answer_to, asked_about, question, settings

FAULTS = ["429", "500", "time-out", "cut", "malformed", "no choices", "other model"]
MANY = [f"finding number {number}" for number in range(80)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(pace, "LONGEST_PAUSE_S", 0.05)


class Unreliable:
    """Fails three requests in ten; every request that it answered well is noted, with what it cost."""

    def __init__(self, seed: int) -> None:
        self.faults: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._lock = Lock()

    def __call__(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        with self._lock:
            fault = self._rng.choice(FAULTS) if self._rng.random() < 0.3 else None
            self.faults[fault or "none"] += 1
            if fault in (None, "other model"):
                self.answered[json.dumps(body, sort_keys=True)] += 1
        status, headers, content = completion(answer_to(body))
        if fault == "429":
            return 429, {"Retry-After": "0.02"}, {"error": {"message": "slow down"}}
        if fault == "500":
            return 500, {}, {"error": {"message": "broken"}}
        if fault == "time-out":
            time.sleep(1.6)
        if fault == "cut":
            return 200, {}, CUT
        if fault == "malformed":
            return 200, {}, json.dumps(content).encode()[:-9]
        if fault == "no choices":
            return 200, {}, content | {"choices": []}
        return status, headers, content | ({"model": "someone-else"} if fault else {})


@pytest.mark.usefixtures("own_cache")
def test_all_labels_end_described_and_nothing_that_succeeded_is_sent_twice() -> None:
    server_side = Unreliable(1)
    with fake_openai(server_side) as server:
        writer = writer_of(settings(server.base_url, concurrency=8, max_retries=12, timeout_s=1.0))
        assert isinstance(writer, OpenAIWriter)
        described = write_all([question(name) for name in MANY], writer)
    assert set(server_side.faults) == {*FAULTS, "none"}
    assert set(described) == set(MANY)
    assert not any(answer.fallback for answer in described.values())
    for name, answer in described.items():
        assert answer.text == f"The ECG of {name} shows a wide QRS complex and a tall R wave in V1."
    assert len(server_side.answered) == len(MANY)
    assert set(server_side.answered.values()) == {1}
    ledger = writer.endpoint.ledger
    assert ledger.spent == Tokens(11 * len(MANY), 7 * len(MANY))
    assert sum(answer.spent_tokens for answer in described.values()) == ledger.spent.total
    broken = sum(server_side.faults[fault] for fault in ("time-out", "cut", "malformed", "no choices"))
    assert ledger.broken_off == broken
    assert {answer.exchanges[0].model for answer in described.values()} == {"m", "someone-else"}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (404, {"message": "The model `m` does not exist"}, "status 404.*does not exist"),
        (401, {"message": "Incorrect API key provided: sk-very-secret"}, r"status 401.*key provided: \*\*\*"),
        (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}, r"status 429.*your quota\)"),
        (400, {"message": "response_format is not supported"}, "set describe.structured to false"),
    ],
)
def test_what_no_retry_mends_is_one_sentence(
    status: int, error: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with fake_openai(lambda path, body: (status, {}, {"error": error})) as server:
        writer = writer_of(settings(server.base_url, concurrency=1, structured=True))
        with pytest.raises(EsiError, match=sentence) as raised:
            write_all([question("one"), question("two")], writer)
        assert len(server.requests) == 1
    assert "very-secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_key_is_in_no_file_log_or_traceback(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    caplog.set_level(logging.DEBUG)
    with fake_openai(Unreliable(2)) as server:
        write_all(
            [question(name) for name in STATEMENTS], writer_of(settings(server.base_url, max_retries=12, timeout_s=1.0))
        )
    assert caplog.records
    written = "".join(path.read_text() for path in own_cache.rglob("*") if path.is_file())
    assert STATEMENTS[0] in written
    assert "very-secret" not in written + caplog.text + "".join(capfd.readouterr())


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_a_statement_never_gets_another_statements_answer(rng: random.Random, threads: int) -> None:
    """Random order of completion, random failures, random rejections: what belongs together stays together."""
    with tempfile.TemporaryDirectory() as folder:
        cache = AnswerCache(Path(folder))
        writer = OpenAIWriter(settings("http://localhost:1/v1", concurrency=threads), cache, ExtractiveWriter(2, cache))
        fates = {name: [rng.choice(["good", "bad", "lost"]) for _ in range(6)] for name in STATEMENTS}
        delays = {name: rng.random() / 200 for name in STATEMENTS}

        def ask(messages: list[dict[str, str]], statement: str) -> dict[str, Any]:
            time.sleep(delays[statement])
            fate = fates[statement].pop() if fates[statement] else "good"
            if fate == "lost":
                raise EsiError("lost")
            text = answer_to({"messages": messages}) if fate == "good" else "No."
            return {"text": text, "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1}

        writer.endpoint.ask = ask  # type: ignore[method-assign]
        for _ in range(200):
            try:
                described = write_all([question(name) for name in STATEMENTS], writer)
                break
            except EsiError:
                continue
        for name in STATEMENTS:
            expected = f"The QRS complex of {name} is wide in V1."
            if not described[name].fallback:
                expected = f"The ECG of {name} shows a wide QRS complex and a tall R wave in V1."
            assert described[name].text == expected


RUN = """
import sys
from esi.cqa.write.describe import write_all, writer_of
from tests.cqa.test_openai_writer import question, settings
from tests.cqa.test_faults import MANY
write_all([question(name) for name in MANY], writer_of(settings(sys.argv[1], concurrency=4)))
"""


def start(base_url: str, cache: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DVC_ROOT": str(cache), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", RUN, base_url], env=environment, cwd=ROOT, stderr=subprocess.PIPE)


def slow(path: str, body: Any) -> tuple[int, dict[str, str], Any]:
    time.sleep(0.02)
    return completion(answer_to(body))


def test_after_a_kill_only_what_is_missing_is_sent(tmp_path: Path) -> None:
    with fake_openai(slow) as server:
        for killed, wanted in enumerate((5, 30, 60), start=1):
            process = start(server.base_url, tmp_path)
            while len(server.requests) < wanted and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.1)
            kept = len(list((tmp_path / ".cache" / "answers").rglob("*.json")))
            before = len(server.requests)
            assert before - kept <= killed * 4  # of each kill at most what was in flight is lost
        process = start(server.base_url, tmp_path)
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
        assert len(server.requests) - before == len(MANY) - kept


def test_two_processes_ask_once_for_each_answer(tmp_path: Path) -> None:
    with fake_openai(slow) as server:
        processes = [start(server.base_url, tmp_path) for _ in range(2)]
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
        assert Counter(asked_about(body) for _, _, body in server.requests) == Counter(MANY)
    assert list((tmp_path / ".cache").rglob("*.lock")) == []
