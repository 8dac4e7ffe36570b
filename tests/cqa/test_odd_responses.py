"""Whatever a server sends under 200 ends in an answer, a retry or a sentence, and what is kept can be read again."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from esi.cqa.books.chunks import count_tokens
from esi.cqa.endpoint import pace
from esi.cqa.endpoint.pace import retry_after
from esi.cqa.endpoint.response import Unusable, json_object, whole
from esi.cqa.retrieve import embedding_endpoint
from esi.cqa.retrieve.embedding import encoder_of
from esi.cqa.retrieve.embedding_endpoint import vectors_of_answer
from esi.cqa.write.answer_cache import DAMAGED, AnswerCache
from esi.cqa.write.batch_files import answers_of, batch_of, named, next_page, refusal_of
from esi.cqa.write.budget import Tokens
from esi.cqa.write.chat_answer import answer_of, readable, text_of, used_tokens
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.description import description_table
from esi.cqa.write.openai_writer import OpenAIWriter
from esi.cqa.write.provenance import provenance_table
from esi.errors import EsiError
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_embedding import answered, by_endpoint
from tests.cqa.test_openai_writer import NO_BUDGET, answer_to, question, settings

ONE = question("finding number 1")
GOOD = "The ECG of finding number 1 shows a wide QRS complex and a tall R wave in V1."


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(pace, "LONGEST_PAUSE_S", 0.002)


def merged(content: Any, changes: dict[str, Any]) -> dict[str, Any]:
    return {**content, **changes}


def with_message(message: Any, finish_reason: Any = "stop") -> dict[str, Any]:
    return merged(completion("")[2], {"choices": [{"index": 0, "finish_reason": finish_reason, "message": message}]})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))  # lone surrogates too
    | st.sampled_from(["text", "thinking", "stop", "length", GOOD]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.lists(st.fixed_dictionaries({}, optional={"type": JSON, "text": JSON, "thinking": JSON}) | JSON, max_size=3)
MESSAGE = st.fixed_dictionaries({}, optional={"content": JSON | PARTS, "refusal": JSON, "role": JSON})
CHOICE = st.fixed_dictionaries({}, optional={"message": MESSAGE | JSON, "finish_reason": JSON, "error": JSON})
USAGE = st.fixed_dictionaries({}, optional={"prompt_tokens": JSON, "completion_tokens": JSON})
COMPLETION = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE | JSON, max_size=2) | JSON, "usage": USAGE | JSON, "model": JSON, "error": JSON}
)


@hypothesis_settings(deadline=None, max_examples=300)
@given(COMPLETION | JSON)
@example({"choices": [None]})
@example(with_message({"content": GOOD}) | {"usage": [1]})
@example(with_message({"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": GOOD}]}))
@example(with_message({"content": 7}))
@example(with_message({"content": "\ud800"}) | {"model": ["m"]})
def test_any_json_is_an_answer_that_is_kept_or_no_answer(content: Any) -> None:
    """What is an answer goes the whole way: into the cache, out of it, through the checks, into both tables."""
    try:
        answer = answer_of(json_object(json.dumps(content).encode()))
    except Unusable:
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = AnswerCache(Path(folder)).reading(readable)
        cache.put({"a": 1}, answer)
        assert cache.get({"a": 1}) == answer
    tokens = used_tokens(answer, [{"role": "user", "content": "x"}], 50)
    assert type(tokens.prompt) is int
    assert type(tokens.completion) is int
    assert tokens.prompt >= 0
    assert tokens.completion >= 0
    conversation = Conversation(ONE, settings(None))
    conversation.take(answer)
    rows = [(ONE, conversation.description(None))]
    assert len(description_table(rows)) == len(provenance_table(rows, "m")) == 1


@given(
    st.binary(max_size=40)
    | st.sampled_from([b"", b"{", b"\xff\xfe{", b"[" * 100_000, b"<html>", b"data: {}\n\n", b"9" * 5000])
)
def test_any_bytes_are_an_object_or_unusable(body: bytes) -> None:
    with suppress(Unusable):
        assert isinstance(json_object(body), dict)


@given(JSON)
def test_what_the_cache_cannot_read_counts_as_never_answered(kept: Any) -> None:
    answer = readable(kept)
    assert answer is None or (isinstance(answer["text"], str) and readable(answer) == answer)


def test_an_object_that_says_two_things_is_none() -> None:
    with pytest.raises(Unusable, match="'a' twice"):
        json_object(b'{"a": 1, "a": 2}')
    assert json_object(b'{"a": 1, "a": 1}') == {"a": 1}


def test_parts_of_thought_are_left_out_and_parts_of_text_joined() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Wide "}]
    assert text_of([*parts, {"type": "output_text", "text": "QRS."}]) == "Wide QRS."
    assert text_of([{"type": "reasoning", "text": "Hm."}]) == ""
    assert text_of(None) == ""
    for unreadable in (7, True, [7], [{"type": "text", "text": 7}], [{"type": ["text"], "text": "x"}], {"type": "text"}):
        assert text_of(unreadable) is None, unreadable


def test_a_refusal_that_the_server_marks_is_refused_whatever_it_says() -> None:
    conversation = Conversation(ONE, settings(None))
    conversation.take(answer_of(with_message({"content": None, "refusal": GOOD})))
    assert conversation.description(None).rejections == ("It refused to answer.",)


@pytest.mark.parametrize("text", [f"{GOOD}\ud800", f"{GOOD}\x00", f"\x1b[31m{GOOD}"])
def test_a_text_with_characters_that_are_none_is_refused(text: str) -> None:
    conversation = Conversation(ONE, settings(None))
    conversation.take(answer_of(with_message({"content": text})))
    assert conversation.description(None).rejections == ("It held characters that cannot be read.",)


COUNTS = [None, "11", 11.0, float("nan"), -1, True, [11], 10**30]


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("odd", COUNTS)
def test_a_count_that_is_none_is_estimated_and_marked(odd: Any) -> None:
    content = merged(completion(GOOD)[2], {"usage": {"prompt_tokens": 11, "completion_tokens": odd}})
    with fake_openai(lambda path, body: (200, {}, content)) as server:
        writer = writer_of(settings(server.base_url))
        assert isinstance(writer, OpenAIWriter)
        answer = write_all([ONE], writer)[ONE.statement]
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == (GOOD, 11, None)
    assert writer.endpoint.ledger.spent == Tokens(11, count_tokens(GOOD))
    assert writer.endpoint.ledger.estimated == 1


def test_the_thought_of_an_answer_without_counts_is_estimated_as_all_that_was_allowed() -> None:
    answer = answer_of(with_message({"content": None}, "length") | {"usage": None})
    assert used_tokens(answer, [], 200) == Tokens(0, 200)


Body = Callable[[bytes], tuple[int, dict[str, str], Any]]
BROKEN: dict[str, Body] = {
    "html": lambda good: (200, {"Content-Type": "text/html"}, b"<html><body>Sign in</body></html>"),
    "empty": lambda good: (200, {}, b""),
    "no content": lambda good: (204, {}, b""),
    "half": lambda good: (200, {"Content-Length": str(len(good) + 50)}, good),
    "gzip garbage": lambda good: (200, {"Content-Encoding": "gzip"}, b"no gzip at all"),
    "half a gzip": lambda good: (200, {"Content-Encoding": "gzip"}, gzip.compress(good)[:-20]),
    "broken chunks": lambda good: (200, {"Transfer-Encoding": "chunked", "Content-Length": ""}, b"zz\r\nnonsense"),
    "a list": lambda good: (200, {}, []),
    "an error": lambda good: (200, {}, {"error": {"message": "overloaded", "code": 502}}),
    "an error in the choice": lambda good: (
        200,
        {},
        {"choices": [{"error": {"message": "x"}, "message": {"content": GOOD}}]},
    ),
    "broken off": lambda good: (200, {}, with_message({"content": "The ECG of"}, "abort")),
    "a gzip error page": lambda good: (502, {"Content-Encoding": "gzip"}, b"no gzip"),
    "an error that is a list": lambda good: (500, {}, [{"error": ["x"]}]),
    "not a number": lambda good: (429, {"Retry-After": "nan"}, {"error": {}}),
}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("broken", BROKEN)
def test_a_body_that_is_none_is_asked_for_again_and_ends_in_a_sentence(broken: str) -> None:
    sick = True

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        good = completion(answer_to(body))
        return BROKEN[broken](json.dumps(good[2]).encode()) if sick else good

    with fake_openai(reply) as server:
        changed = settings(server.base_url, max_retries=2, timeout_s=0.5)
        with pytest.raises(EsiError, match=r"gave no answer for 'finding number 1' \(.*; 3 tries\)") as raised:
            write_all([ONE], writer_of(changed))
        assert len(server.requests) == 3
        assert "\n" not in str(raised.value)
        sick = False
        assert write_all([ONE], writer_of(changed))[ONE.statement].text == GOOD


def test_a_body_has_bounds() -> None:
    with pytest.raises(Unusable, match="more than 10 bytes"):
        whole(iter([b"x" * 6] * 2), 60, 10)
    with pytest.raises(Unusable, match="not whole after -1 s"):
        whole(iter([b"x"]), -1)
    assert whole(iter([b"a", b"b"]), 60) == b"ab"


def test_an_old_entry_with_a_list_is_read_and_one_without_text_is_asked_for_again(own_cache: Path) -> None:
    """As versions before this one left them: content as it came."""
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        changed = settings(server.base_url)
        cache, questions = AnswerCache(own_cache / "answers"), [question(f"finding number {number}") for number in range(3)]
        old = {"finish_reason": "stop", "prompt_tokens": 3, "completion_tokens": 4, "model": "m", "answered_at": None}
        texts = [[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": GOOD}], 7]
        for each, text in zip(questions[1:], texts, strict=True):
            request = Conversation(each, changed).request
            assert request is not None
            cache.put(request, {**old, "text": text})
        described = write_all(questions, writer_of(changed))
        assert described["finding number 1"].text == GOOD
        assert not described["finding number 1"].new
        assert len(server.requests) == 2
        write_all(questions, writer_of(changed))
        assert len(server.requests) == 2
    (aside,) = (own_cache / "answers" / DAMAGED).iterdir()
    assert json.loads(aside.read_text())["answer"]["text"] == 7


@pytest.mark.usefixtures("own_cache")
def test_a_redirect_is_not_followed() -> None:
    with fake_openai(lambda path, body: completion(GOOD)) as elsewhere:
        target = f"{elsewhere.base_url}/chat/completions"
        with (
            fake_openai(lambda path, body: (307, {"Location": target}, {})) as server,
            pytest.raises(EsiError, match=f"status 307.*it redirects to {target}"),
        ):
            write_all([ONE], writer_of(settings(server.base_url)))
        assert elsewhere.requests == []


@given(st.text(max_size=12) | st.sampled_from(["inf", "-inf", "1e999", "Fri, 31 Dec 9999 23:59:59 -9959"]))
def test_any_retry_after_is_a_finite_pause_or_none(header: str) -> None:
    seconds = retry_after(header)
    assert seconds is None or (np.isfinite(seconds) and seconds >= 0)


# Embeddings

VECTOR = st.fixed_dictionaries({}, optional={"index": JSON | st.integers(0, 2), "embedding": JSON | st.lists(st.floats())})
EMBEDDINGS = st.fixed_dictionaries({}, optional={"data": st.lists(VECTOR | JSON, max_size=3) | JSON})


@hypothesis_settings(deadline=None)
@given(EMBEDDINGS, st.integers(1, 2))
@example({"data": [{"index": 0, "embedding": [1e300]}]}, 1)
@example({"data": [{"index": 0, "embedding": [10**400]}]}, 1)
@example({"data": [{"index": 0, "embedding": "AACAPwAAgD8="}]}, 1)
@example({"data": [{"index": False, "embedding": [1.0]}]}, 1)
def test_any_embeddings_are_vectors_or_none(content: dict[str, Any], texts: int) -> None:
    try:
        vectors = vectors_of_answer(content, texts)
    except Unusable:
        return
    assert len(vectors) == texts
    assert all(vector.dtype == np.float32 and np.isfinite(vector).all() and vector.any() for vector in vectors)


@pytest.mark.parametrize("wrong", [[0.0, 0.0], [float("nan"), 1.0], ["1", "2"], [1.0, 2.0, 3.0], None, "x", [[1.0], [2.0]]])
def test_no_vector_of_a_bad_batch_is_kept(own_cache: Path, wrong: Any) -> None:
    sick = True

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        status, headers, content = answered(body)
        if sick:
            content["data"][0]["embedding"] = wrong
        return status, headers, content

    with fake_openai(reply) as server:
        with pytest.raises(EsiError, match="the embedding endpoint"):
            encoder_of(by_endpoint(server.base_url))(["a", "bbb"])
        assert list((own_cache / "embeddings").rglob("*.f32")) == []
        sick = False
        assert encoder_of(by_endpoint(server.base_url))(["a", "bbb"]).shape == (2, 2)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("broken", ["html", "empty", "half", "gzip garbage", "a list", "an error"])
def test_embeddings_that_are_no_json_are_asked_for_again_and_end_in_a_sentence(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_endpoint, "TIMEOUT_S", 0.5)
    sick = 3

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        nonlocal sick
        sick -= 1
        good = answered(body)
        return good if sick < 0 else BROKEN[broken](json.dumps(good[2]).encode())

    with fake_openai(reply) as server:
        with pytest.raises(EsiError, match="the embedding endpoint .* failed: "):
            encoder_of(by_endpoint(server.base_url))(["a"])
        assert len(server.requests) == 3
        sick = 2
        assert encoder_of(by_endpoint(server.base_url))(["a"]).shape == (1, 2)


# The Batch API

LINE = st.fixed_dictionaries(
    {},
    optional={
        "custom_id": JSON | st.just("k"),
        "response": st.fixed_dictionaries({}, optional={"status_code": JSON | st.just(200), "body": COMPLETION | JSON})
        | JSON,
        "error": JSON,
    },
)


@hypothesis_settings(deadline=None)
@given(st.lists(LINE.map(lambda line: json.dumps(line).encode()) | st.binary(max_size=20), max_size=4))
def test_any_file_of_a_batch_gives_answers_that_can_be_kept(lines: list[bytes]) -> None:
    file = b"\n".join(lines)
    answers = answers_of(file, {"k"})
    assert set(answers) <= {"k"}
    assert all(readable(answer) == answer for answer in answers.values())
    refusal = refusal_of(file)
    assert refusal is None or refusal.said


def test_a_line_separator_inside_an_answer_does_not_cut_its_line() -> None:
    content = with_message({"content": f"{GOOD}\u2028"})
    line = {"custom_id": "k", "response": {"status_code": 200, "body": content}}
    assert set(answers_of(json.dumps(line, ensure_ascii=False).encode(), {"k"})) == {"k"}


BATCH = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "status": JSON | st.sampled_from(["completed", "failed", "in_progress"]),
        "metadata": JSON | st.just({"esi": "n"}),
        "request_counts": JSON | st.dictionaries(st.just("completed"), JSON),
        "errors": JSON | st.dictionaries(st.just("data"), st.lists(JSON)),
        "output_file_id": JSON,
        "error_file_id": JSON,
    },
)


@given(BATCH, st.booleans())
def test_any_batch_is_one_or_none(content: dict[str, Any], more: bool) -> None:
    page = {"data": [content], "has_more": more}
    try:
        found = named(page, "n")
        batch = batch_of(content)
    except Unusable:
        return
    assert found in (None, batch)
    assert batch.id
    assert batch.completed >= 0
    assert next_page(page) in (None, batch.id)


@pytest.mark.usefixtures("own_cache")
def test_the_estimate_stands_in_the_sentence_of_the_budget() -> None:
    content = merged(completion(GOOD)[2], {"usage": {"prompt_tokens": "11", "completion_tokens": 7}})
    budget = NO_BUDGET | {"tokens": 500}
    with fake_openai(lambda path, body: (200, {}, content)) as server:
        questions = [question(f"finding number {number}") for number in range(9)]
        with pytest.raises(EsiError, match=r"this run has spent \d+ tokens, of \d answers by estimate"):
            write_all(questions, writer_of(settings(server.base_url, budget=budget, concurrency=1)))


def test_the_table_takes_every_model_that_says_it_answered() -> None:
    answer = answer_of(with_message({"content": GOOD}) | {"model": ["a", "b"]})
    assert answer["model"] is None
    assert pa.array([answer["model"]], pa.string()).null_count == 1
