"""A run whose answers are refused says so, stops early, and asks for a cut answer with more tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from esi.cqa.write.describe import count_answers, write_all, writer_of
from esi.cqa.write.description import Description, Question
from esi.cqa.write.outcome import outcome
from esi.errors import EsiError
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_batch_and_archive import BatchServer
from tests.cqa.test_openai_writer import STATEMENTS, answer_to, question, settings

MANY = [question(f"finding number {number}") for number in range(40)]
Answer = tuple[int, dict[str, str], Any]


def thinking(tokens: int) -> Any:
    """A reasoning model that spends so many tokens before it says anything."""

    def reply(path: str, body: dict[str, Any]) -> Answer:
        limit = body["max_tokens"]
        if limit > tokens:
            return completion(answer_to(body))
        status, headers, content = completion("", "length")
        content["choices"][0]["message"]["content"] = None
        content["usage"] = {"prompt_tokens": 11, "completion_tokens": limit}
        return status, headers, content

    return reply


@pytest.mark.usefixtures("own_cache")
def test_a_cut_answer_is_asked_for_with_more_tokens_in_the_same_words() -> None:
    with fake_openai(thinking(700)) as server:
        changed = settings(server.base_url, max_tokens=200)
        described = write_all(MANY[:3], writer_of(changed))
        write_all(MANY[:3], writer_of(changed))
        assert len(server.requests) == 6
    assert not any(answer.fallback for answer in described.values())
    bodies = [body for _, _, body in server.requests]
    assert sorted(body.pop("max_tokens") for body in bodies) == [200] * 3 + [800] * 3
    assert all(len(body["messages"]) == 2 for body in bodies)
    rows = [(each, described[each.statement]) for each in MANY[:3]]
    content = count_answers([answer for _, answer in rows])
    assert (content["answers"], content["cut"], content["rejected"], content["fallbacks"]) == (6, 3, 3, 0)
    line = outcome(rows, changed)
    assert '3 of 6 answers (50%) were refused, the commonest reason (3 times): "It was cut at the limit on tokens' in line
    assert "raise describe.max_tokens (now 200);" in line


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("first", "most", "limits"), [(200, 2000, [200, 800, 2000]), (50, None, [50]), (100, 150, [100, 150])]
)
def test_the_tokens_of_a_cut_answer_have_a_bound(first: int, most: int | None, limits: list[int]) -> None:
    with fake_openai(thinking(10**6)) as server:
        changed = settings(server.base_url, max_tokens=first, max_tokens_if_cut=most)
        described = write_all(MANY[:1], writer_of(changed))
        assert [body["max_tokens"] for _, _, body in server.requests] == limits
        write_all(MANY[:1], writer_of(changed))
        assert len(server.requests) == len(limits)
    rows = [(MANY[0], described[MANY[0].statement])]
    assert rows[0][1].fallback
    assert "1 of 1 (100%) have sentences of the books instead of the model's" in outcome(rows, changed)
    assert f"describe.max_tokens_if_cut (now {most or 'null'})" in outcome(rows, changed)


@pytest.mark.usefixtures("own_cache")
def test_a_longer_request_that_the_model_has_no_room_for_costs_one_statement_only() -> None:
    def reply(path: str, body: dict[str, Any]) -> Answer:
        if body["max_tokens"] > 200:
            return 400, {}, {"error": {"message": "This model's maximum context length is 512 tokens."}}
        return thinking(1000)(path, body) if "number 1 " in answer_to(body) else completion(answer_to(body))

    with fake_openai(reply) as server:
        described = write_all(MANY[:3], writer_of(settings(server.base_url, max_tokens=200)))
    assert [name for name, answer in described.items() if answer.fallback] == ["finding number 1"]


def test_a_streak_of_refusals_at_the_start_ends_the_run_and_the_next_goes_on(own_cache: Path) -> None:
    sick = True
    with fake_openai(lambda path, body: thinking(10**6 if sick else 0)(path, body)) as server:
        changed = settings(server.base_url, give_up_after=5, max_tokens=200, concurrency=1)
        with pytest.raises(EsiError, match="none of the first 5 .*15 of 15 answers") as raised:
            write_all(MANY, writer_of(changed))
        assert "describe.max_tokens" in str(raised.value)
        assert "set describe.give_up_after to null" in str(raised.value)
        paid = len(server.requests)
        assert paid == 15
        assert len(list((own_cache / "answers").rglob("*.json"))) == paid + 5  # and what the books gave instead
        sick = False
        described = write_all(MANY, writer_of(changed))
        assert len(server.requests) == paid + len(MANY) - 5
        assert sum(answer.fallback for answer in described.values()) == 5


@pytest.mark.usefixtures("own_cache")
def test_threads_in_flight_ask_no_more_once_the_run_gave_up() -> None:
    with fake_openai(lambda path, body: completion("No.")) as server:
        with pytest.raises(EsiError, match="fewer than 8 words"):
            write_all(MANY, writer_of(settings(server.base_url, give_up_after=5, concurrency=4)))
        assert 15 <= len(server.requests) <= 3 * (5 + 8)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(("after", "good"), [(None, None), (5, 3)])
def test_one_accepted_answer_or_null_lets_the_run_go_on(after: int | None, good: int | None) -> None:
    def reply(path: str, body: dict[str, Any]) -> Answer:
        return completion(answer_to(body) if f"number {good} " in answer_to(body) else "No.")

    with fake_openai(reply) as server:
        changed = settings(server.base_url, give_up_after=after, concurrency=1)
        described = write_all(MANY, writer_of(changed))
    assert sum(answer.fallback for answer in described.values()) == len(MANY) - (good is not None)
    rows = [(each, described[each.statement]) for each in MANY]
    line = outcome(rows, changed)
    assert f"{len(MANY) - (good is not None)} of 40 (" in line
    assert '"It had fewer than 8 words": try a larger describe.model' in line


@pytest.mark.usefixtures("own_cache")
def test_the_commonest_reason_is_told_without_what_one_answer_said() -> None:
    """Facts on a patient differ from answer to answer; the reason is one."""

    def reply(path: str, body: dict[str, Any]) -> Answer:
        if len(body["messages"]) > 2:
            return completion(answer_to(body))
        age = 40 + int(answer_to(body).split("number ")[1].split()[0])
        return completion(f"A {age}-year-old man has a wide QRS complex and a tall R wave in V1.")

    with fake_openai(reply) as server:
        changed = settings(server.base_url)
        described = write_all([question(name) for name in STATEMENTS], writer_of(changed))
    line = outcome([(question(name), described[name]) for name in STATEMENTS], changed)
    assert line.startswith(
        '; 12 of 24 answers (50%) were refused, the commonest reason (12 times): "It spoke of a particular patient": '
    )
    assert "sentences of the books" not in line


@pytest.mark.usefixtures("own_cache")
def test_a_batch_whose_answers_are_all_refused_is_not_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esi.cqa.write.batch_api.POLL_S", 0.01)
    monkeypatch.setattr("tests.cqa.test_batch_and_archive.answer_to", lambda body: "No.")
    reply = BatchServer()
    with fake_openai(reply) as server:
        questions = [question(name) for name in STATEMENTS]
        with pytest.raises(EsiError, match="none of the first 11 statements .* fewer than 8 words"):
            write_all(questions, writer_of(settings(server.base_url, batch=True)))
    assert set(reply.asked.values()) == {1}


@pytest.mark.usefixtures("own_cache")
def test_a_batch_whose_field_is_not_taken_is_sent_again_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esi.cqa.write.batch_api.POLL_S", 0.01)
    reply = BatchServer()
    take = reply._take

    def refuse_the_limit(body: dict[str, Any]) -> dict[str, Any]:
        lines = [json.loads(line) for line in reply.files[body["input_file_id"]].splitlines()]
        batch = take(body)
        if "max_tokens" in lines[0]["body"]:
            message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            error = {"status_code": 400, "body": {"error": {"message": message, "param": "max_tokens"}}}
            refused = [json.dumps({"custom_id": line["custom_id"], "response": error}) for line in lines]
            reply.files["errors"] = "\n".join(refused)
            batch |= {"output_file_id": None, "error_file_id": "errors"}
        return batch

    reply._take = refuse_the_limit  # type: ignore[method-assign]
    with fake_openai(reply) as server:
        described = write_all([question(STATEMENTS[0])], writer_of(settings(server.base_url, batch=True)))
    assert not described[STATEMENTS[0]].fallback
    assert reply.asked == {STATEMENTS[0]: 2}  # by two batches, the first of which was refused; none one by one


@pytest.mark.usefixtures("own_cache")
def test_a_run_without_refusals_says_nothing_more() -> None:
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        changed = settings(server.base_url)
        described = write_all(MANY[:2], writer_of(changed))
    assert outcome([(each, described[each.statement]) for each in MANY[:2]], changed) == ""


def test_statements_without_a_description_are_said_with_examples() -> None:
    rows = [
        (Question(name, f"What is {name}?", ()), Description(text, "extractive", "extractive", "0"))
        for name, text in (
            ("vorhofflimmern", ""),
            ("LBBB\x1b[31m" + "x" * 200, ""),
            ("AF", "No P waves."),
            ("RBBB", "rSR'."),
        )
    ]
    line = outcome(rows, settings("http://localhost:9/v1"))
    assert "; 2 of 4 statements (50%) have no description, for no passage of the books is about them, such as" in line
    assert "'vorhofflimmern', 'LBBB [31mxxx" in line
    assert len(line) < 250
    assert outcome(rows[2:], settings("http://localhost:9/v1")) == ""
