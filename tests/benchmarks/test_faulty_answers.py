"""The benchmark of the faulty server, small: what it promises of 500 statements holds for a few with one kill."""

from __future__ import annotations

import pytest

from benchmarks.faulty_answers import cases, measured
from benchmarks.faulty_server import FAULTS


def test_the_cases_are_the_handbooks_statements_each_with_its_own_text() -> None:
    drawn = cases(500, 0)
    assert len({question.statement.lower() for question, _ in drawn}) == 500
    assert all(text for _, text in drawn)
    assert [question.statement for question, _ in cases(500, 0)] == [question.statement for question, _ in drawn]


def test_a_faulty_server_and_a_kill_cost_nothing_but_what_was_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    figures = measured(30, 1, 1, 0.3, 4, 0.02)
    assert len(figures["faults"]) > len(FAULTS) / 4
    assert figures["right"] == figures["statements"] == 30, figures["wrong"]
    assert figures["with_reasoning_or_markup"] == 0
    assert figures["lost_at_kills"] <= figures["concurrency"]
    assert figures["answered_twice_beyond_those_in_flight_at_a_kill"] == 0
    assert figures["answered_and_not_kept"] == 0
    assert figures["most_in_flight"] <= figures["concurrency"]
    assert figures["tokens_by_the_client"] == figures["tokens_by_the_server"] > 0
    assert figures["last_run_spent"] == figures["last_run_spent_by_its_answers"] > 0
    assert figures["requests_seen_by_the_proxy"] == 0
