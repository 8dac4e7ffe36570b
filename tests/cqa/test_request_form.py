"""Requests as each kind of server takes them, and what a server's own refusal changes; the cache's keys stay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from esi import params
from esi.cqa.write.chat_request import Form, adapted, body_of, form_of
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.describe import write_all, writer_of
from esi.errors import EsiError
from esi.files import json_hash
from esi.settings.cqa import Describe
from tests.conftest import ROOT
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_openai_writer import NO_BUDGET, STATEMENTS, SYSTEM_PROMPT, question, settings

QUESTIONS = [question(name) for name in STATEMENTS]
MESSAGES = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]
Answer = tuple[int, dict[str, str], Any]


def said(body: dict[str, Any]) -> str:
    return next(name for name in reversed(STATEMENTS) if f"{name} seen?" in body["messages"][-1]["content"])


def good(body: dict[str, Any]) -> Answer:
    return completion(f"The ECG of {said(body)} shows a wide QRS complex and a tall R wave in V1.")


def refusal(message: str, param: str | None = None, status: int = 400) -> Answer:
    return status, {}, {"error": {"message": message, "type": "invalid_request_error", "param": param}}


def test_defaults_are_those_of_params_yaml_and_the_key_of_an_answer_is_what_it_was() -> None:
    """Every answer that was paid for before these settings were there is found again."""
    shipped = params.load(ROOT / "params.yaml").describe
    new = ("token_limit", "reasoning_effort", "system_role", "extra_body", "max_tokens_if_cut", "give_up_after", "proxy")
    assert shipped == Describe(**shipped.model_dump(exclude=set(new)))
    request = Conversation(QUESTIONS[0], settings("http://localhost:1/v1")).request
    assert request is not None
    assert {name: value for name, value in request.items() if name != "messages"} == {
        "provider": "openai",
        "base_url": "http://localhost:1/v1",
        "model": "m",
        "settings": {"temperature": 0.0, "max_tokens": 50},
    }
    assert json_hash(request) == "fd42bd4cc7e27ee19edee7a087c758a010091a2bf40235d65dc7df5ca8790fc7"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"temperature": 0.0, "max_tokens": 50}),
        ({"token_limit": "max_completion_tokens"}, {"temperature": 0.0, "max_completion_tokens": 50}),
        ({"token_limit": None, "temperature": None}, {}),
        ({"temperature": None, "reasoning_effort": "low"}, {"max_tokens": 50, "reasoning_effort": "low"}),
        ({"extra_body": {"think": False}}, {"temperature": 0.0, "max_tokens": 50, "think": False}),
    ],
)
def test_the_fields_are_settings(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body_of(MESSAGES, settings(None, **changes)) == {"model": "m", "messages": MESSAGES} | expected


def test_the_system_prompt_has_the_role_that_the_server_takes() -> None:
    first, *others = body_of(MESSAGES, settings(None, system_role="developer"))["messages"]
    assert (first, others) == ({"role": "developer", "content": "S"}, MESSAGES[1:])
    merged = body_of(MESSAGES, settings(None, system_role="none"))["messages"]
    assert merged == [{"role": "user", "content": "S\n\nU"}, MESSAGES[2]]


def test_names_and_roles_are_in_no_key_and_what_is_asked_is() -> None:
    def key(**changes: Any) -> str:
        return json_hash(Conversation(QUESTIONS[0], settings(None, **changes)).request or {})

    same = [
        {"token_limit": "max_completion_tokens"},
        {"system_role": "developer"},
        {"system_role": "none"},
        {"proxy": "never"},
    ]
    other = [{"temperature": None}, {"reasoning_effort": "low"}, {"extra_body": {"think": False}}, {"max_tokens": 51}]
    assert {key(**changes) for changes in same} == {key()}
    assert len({key(), *(key(**changes) for changes in other)}) == len(other) + 1


class ReasoningModel:
    """Takes what OpenAI's o-series does, in the words of its API, and counts what it was asked."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()

    def __call__(self, path: str, body: dict[str, Any]) -> Answer:
        if "max_tokens" in body:
            self.refused["max_tokens"] += 1
            words = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            )
            return refusal(words, "max_tokens")
        if "temperature" in body:
            self.refused["temperature"] += 1
            words = "Unsupported value: 'temperature' does not support 0.0 here. Only the default (1) value is supported."
            return refusal(words, "temperature")
        if body["messages"][0]["role"] == "system":
            self.refused["role"] += 1
            return refusal(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages[0].role"
            )
        return good(body)


def test_a_reasoning_model_is_asked_as_it_wants_after_one_refusal_each(
    own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server_side = ReasoningModel()
    with fake_openai(server_side) as server:
        changed = settings(server.base_url, concurrency=1)
        described = write_all(QUESTIONS, writer_of(changed))
        assert server_side.refused == {"max_tokens": 1, "temperature": 1, "role": 1}
        assert len(server.requests) == len(QUESTIONS) + 3
        last = server.requests[-1][2]
        assert {name: value for name, value in last.items() if name != "messages"} == {
            "model": "m",
            "max_completion_tokens": 50,
        }
        assert last["messages"][0]["role"] == "user"
        assert last["messages"][0]["content"].startswith(SYSTEM_PROMPT)
        again = write_all(QUESTIONS, writer_of(changed))
        explicit = {"token_limit": "max_completion_tokens", "system_role": "none"}
        write_all(QUESTIONS, writer_of(settings(server.base_url, **explicit)))
        assert len(server.requests) == len(QUESTIONS) + 3
    assert not any(answer.fallback or answer.new for answer in again.values())
    assert {answer.text for answer in described.values()} == {answer.text for answer in again.values()}
    lines = [line for line in capsys.readouterr().err.splitlines() if " takes no " in line]
    assert [line.split("takes ")[1].split(" (the server")[0] for line in lines] == [
        "no max_tokens: it is sent as max_completion_tokens",
        "no temperature: it is left out",
        "no system message: it opens the question",
    ]


@pytest.mark.usefixtures("own_cache")
def test_threads_that_are_told_the_same_say_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_openai(ReasoningModel()) as server:
        described = write_all(QUESTIONS, writer_of(settings(server.base_url, concurrency=6)))
    assert len(described) == len(QUESTIONS)
    assert capsys.readouterr().err.count("takes no max_tokens") == 1


LIMIT, COMPLETION_LIMIT = "max_tokens", "max_completion_tokens"
TAKES_NOT = [  # words of OpenAI, Azure, vLLM, LiteLLM, llama.cpp, Mistral, Google, pydantic
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        COMPLETION_LIMIT,
    ),
    (
        "[{'type': 'extra_forbidden', 'loc': ('body', 'max_tokens'), 'msg': 'Extra inputs are not permitted'}]",
        COMPLETION_LIMIT,
    ),
    ("Unrecognized request argument supplied: max_tokens", COMPLETION_LIMIT),
    (
        "litellm.UnsupportedParamsError: openai does not support parameters: ['temperature'], for model=o3-mini",
        "temperature",
    ),
    (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
        "temperature",
    ),
    ('Unknown name "temperature": Cannot find field.', "temperature"),
    ("`temperature` is deprecated for this model; it is not allowed", "temperature"),
    ("Unrecognized request argument supplied: reasoning_effort", "reasoning_effort"),
    ("System role not supported", "none"),
    ("Developer instruction is not enabled for models/gemma-3-1b-it", "none"),
    ("Conversation roles must alternate user/assistant/user/assistant/...", "none"),
    ("messages[0].role does not support 'system'; use 'developer'", "developer"),
    ("This model does not accept a system prompt", "none"),
]


@pytest.mark.parametrize(("words", "changed"), TAKES_NOT)
def test_what_servers_say_that_they_do_not_take(words: str, changed: str) -> None:
    asked = settings(None, reasoning_effort="low", system_role="developer" if words.startswith("Developer") else "system")
    form, _ = adapted(form_of(asked), words, None, asked) or (form_of(asked), "")
    assert changed in (form.token_limit, form.system_role, *form.left_out)
    assert form != form_of(asked)


TAKES = [
    "This model's maximum context length is 2048 tokens. However, you requested 2300 tokens (300 in the messages, 2000 in "
    "the completion). Please reduce the length of the messages or completion: max_tokens.",
    "max_tokens must be at least 1, got 0",
    "The model `m` does not exist or you do not have access to it.",
    "Incorrect API key provided. You can find your API key in the system settings.",
    "temperature must be between 0 and 1",
    "response_format is not supported",
    "Invalid URL (POST /v1/chat/completions)",
]


@pytest.mark.parametrize("words", TAKES)
def test_what_is_about_something_else_changes_nothing(words: str) -> None:
    assert adapted(Form("max_tokens", "system"), words, None, settings(None)) is None


@pytest.mark.usefixtures("own_cache")
def test_a_server_that_takes_no_name_of_the_limit_ends_the_run() -> None:
    """Without a limit an answer may cost anything: that is for the user to say."""

    def reply(path: str, body: dict[str, Any]) -> Answer:
        limits = [name for name in (LIMIT, COMPLETION_LIMIT) if name in body]
        return refusal(f"Unrecognized request argument supplied: {limits[0]}") if limits else good(body)

    with fake_openai(reply) as server:
        with pytest.raises(EsiError, match="Unrecognized request argument supplied: max_completion_tokens"):
            write_all(QUESTIONS[:1], writer_of(settings(server.base_url)))
        assert len(server.requests) == 2
        write_all(QUESTIONS[:1], writer_of(settings(server.base_url, token_limit=None)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"token_limit": None, "budget": NO_BUDGET | {"tokens": 5}}, "token_limit is null"),
        ({"extra_body": {"messages": []}}, r"extra_body holds \['messages'\]"),
        ({"extra_body": {"stream": True}}, r"extra_body holds \['stream'\]"),
    ],
)
def test_settings_that_contradict_each_other(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        settings(None, **wrong)
