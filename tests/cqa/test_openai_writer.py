"""The writer that asks a model: what it sends, what it accepts, what it pays for twice (nothing)."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.conversation import RETRY_PROMPT
from esi.cqa.write.describe import count_answers, write_all, writer_of
from esi.cqa.write.description import Description, Question
from esi.errors import EsiError
from esi.settings.cqa import Describe
from tests.cqa.fake_openai import completion, fake_openai

SYSTEM_PROMPT = "You are a cardiologist."
NO_BUDGET = {
    "usd": None,
    "tokens": None,
    "usd_per_million_prompt_tokens": None,
    "usd_per_million_completion_tokens": None,
}
STATEMENTS = [f"finding number {number}" for number in range(12)]


def settings(base_url: str | None, **changes: Any) -> Describe:
    values = {
        "provider": "openai",
        "model": "m",
        "base_url": base_url,
        "question": "How is {condition} seen?",
        "top_k": 1,
        "sentences": 2,
        "temperature": 0.0,
        "max_tokens": 50,
        "concurrency": 6,
        "timeout_s": 10,
        "max_retries": 2,
        "system_prompt": SYSTEM_PROMPT,
        "structured": False,
        "batch": False,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "budget": NO_BUDGET,
    }
    return Describe(**values | changes)


def question(statement: str) -> Question:
    text = f"The QRS complex of {statement} is wide in V1."
    passage = Passage("id", "secret-path.md", statement, [statement, "SYN"], 7, text, 0, 0.5)
    return Question(statement, f"How is {statement} seen?", (passage,))


def asked_about(body: dict[str, Any]) -> str:
    return body["messages"][1]["content"].split("Question: How is ")[1].removesuffix(" seen?")


def answer_to(body: dict[str, Any]) -> str:
    return f"The ECG of {asked_about(body)} shows a wide QRS complex and a tall R wave in V1."


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.usefixtures("own_cache")
def test_answers_belong_to_their_statements_whatever_the_order_of_completion() -> None:
    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        time.sleep(random.Random(asked_about(body)).random() / 10)
        return completion(answer_to(body))

    with fake_openai(reply) as server:
        described = write_all([question(name) for name in STATEMENTS], writer_of(settings(server.base_url)))
    assert set(described) == set(STATEMENTS)
    for name, description in described.items():
        assert description.text == f"The ECG of {name} shows a wide QRS complex and a tall R wave in V1."
        assert (description.prompt_tokens, description.completion_tokens) == (11, 7)


@pytest.mark.usefixtures("own_cache")
def test_nothing_but_statement_passages_and_fixed_prompts_is_sent() -> None:
    """Every body is taken apart: nothing is left over when the known parts are removed."""
    with fake_openai(
        lambda path, body: completion(answer_to(body) if len(body["messages"]) > 2 else "Too short.")
    ) as server:
        write_all([question(name) for name in STATEMENTS], writer_of(settings(server.base_url)))
    assert len(server.requests) == 2 * len(STATEMENTS)
    for path, _, body in server.requests:
        assert path == "/v1/chat/completions"
        messages = body.pop("messages")
        assert body == {"model": "m", "temperature": 0.0, "max_tokens": 50}
        name = asked_about({"messages": messages})
        passage = f"[1] {name} (SYN): The QRS complex of {name} is wide in V1."
        user = f"Answer from these passages:\n{passage}\n\nQuestion: How is {name} seen?"
        expected = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": user}]
        if len(messages) > 2:
            retry = RETRY_PROMPT.format(reason="It had fewer than 8 words.")
            expected += [{"role": "assistant", "content": "Too short."}, {"role": "user", "content": retry}]
        assert messages == expected


def test_a_second_run_asks_nothing_and_a_new_statement_asks_once(own_cache: Path) -> None:
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        first = write_all([question(name) for name in STATEMENTS], writer_of(settings(server.base_url)))
        second = write_all([question(name) for name in [*STATEMENTS, "something new"]], writer_of(settings(server.base_url)))
        assert len(server.requests) == len(STATEMENTS) + 1
        assert not any(second[name].new for name in STATEMENTS)
        assert second["something new"].new
        write_all([question(STATEMENTS[0])], writer_of(settings(server.base_url, temperature=0.5)))
        assert len(server.requests) == len(STATEMENTS) + 2
    assert {name: answer.text for name, answer in first.items()} == {name: second[name].text for name in STATEMENTS}
    assert len(list((own_cache / "answers").rglob("*.json"))) == len(STATEMENTS) + 2


def test_an_answer_that_is_refused_is_asked_for_again_then_replaced(own_cache: Path) -> None:
    bad = "The patient is a 65-year-old man with a wide QRS complex in V1."

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        stubborn = "number 3" in asked_about(body)
        return completion(bad if stubborn or len(body["messages"]) == 2 else answer_to(body))

    with fake_openai(reply) as server:
        writer = writer_of(settings(server.base_url))
        described = write_all([question(name) for name in STATEMENTS[:5]], writer)
        asked = len(server.requests)
        again = write_all([question(name) for name in STATEMENTS[:5]], writer)
        assert len(server.requests) == asked == 4 * 2 + 3
    stubborn = described["finding number 3"]
    assert stubborn.fallback
    assert stubborn.provider == "extractive"
    assert stubborn.text == "The QRS complex of finding number 3 is wide in V1."
    assert (stubborn.prompt_tokens, stubborn.completion_tokens) == (33, 21)
    assert described["finding number 1"].rejections == ('It spoke of a particular patient ("The patient is").',)
    content = count_answers(list(described.values()))
    assert content == count_answers(list(again.values()))
    assert (content["rejected"], content["fallbacks"], content["by_openai"], content["by_extractive"]) == (7, 1, 4, 1)


@pytest.mark.usefixtures("own_cache")
def test_rate_limits_are_waited_for() -> None:
    refused: list[str] = []

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if asked_about(body) not in refused:
            refused.append(asked_about(body))
            return 429, {"Retry-After": "0.01"}, {"error": {"message": "slow down"}}
        return completion(answer_to(body))

    with fake_openai(reply) as server:
        described = write_all([question(name) for name in STATEMENTS[:3]], writer_of(settings(server.base_url)))
    assert len(described) == 3
    assert len(server.requests) == 6


def test_a_refused_key_stops_the_run_with_a_sentence_and_keeps_what_was_paid(own_cache: Path) -> None:
    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if asked_about(body) == STATEMENTS[-1]:
            return 401, {}, {"error": {"message": "wrong key"}}
        return completion(answer_to(body))

    with fake_openai(reply) as server:
        writer = writer_of(settings(server.base_url, concurrency=1))
        with pytest.raises(EsiError, match=r"gave no answer for 'finding number 11' .*wrong key.*: answers so far are kept"):
            write_all([question(name) for name in STATEMENTS], writer)
        assert len(server.requests) == len(STATEMENTS)  # a refused key is not retried
    assert len(list((own_cache / "answers").rglob("*.json"))) == len(STATEMENTS) - 1


def test_keys_come_from_the_environment_and_are_written_nowhere(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EsiError, match="describe.provider is openai and OPENAI_API_KEY is not set"):
        write_all([question("one")], writer_of(settings(None)))
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        write_all([question("one")], writer_of(settings(server.base_url)))  # a server of one's own needs no key
        monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
        write_all([question("two")], writer_of(settings(server.base_url)))
        assert [headers["authorization"] for _, headers, _ in server.requests] == ["Bearer none", "Bearer sk-very-secret"]
    assert not any("very-secret" in path.read_text() for path in own_cache.rglob("*.json"))


def test_half_a_file_is_never_read_and_errors_are_not_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_ask({"a": 1}, lambda: {"text": str(1 / 0)})
    assert list(tmp_path.rglob("*.json")) == []
    assert cache.get_or_ask({"a": 1, "b": 2}, lambda: {"text": "x"}) == ({"text": "x"}, True)
    assert cache.get_or_ask({"b": 2, "a": 1}, lambda: {"text": "never asked"}) == ({"text": "x"}, False)
    (file,) = tmp_path.rglob("*.json")
    content = json.loads(file.read_text())
    assert content.pop("digest")
    assert content == {"request": {"a": 1, "b": 2}, "answer": {"text": "x"}}


def test_figures_leave_out_what_is_unknown() -> None:
    content = count_answers([Description("Wide QRS.", "extractive", "extractive", "h", new=False)])
    assert content == {"statements": 1, "by_extractive": 1, "empty": 0, "rejected": 0, "fallbacks": 0, "words_mean": 2.0}
