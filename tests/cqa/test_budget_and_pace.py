"""Limits: what a run may spend and how fast it may ask."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.cqa.endpoint.pace import Pace, backoff, retry_after
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.budget import Ledger, Tokens, cost_usd
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.estimate import estimate_text
from esi.cqa.write.openai_writer import OpenAIWriter
from esi.errors import EsiError
from esi.settings.cqa import Budget
from tests.cqa.fake_openai import completion, fake_openai
from tests.cqa.test_openai_writer import NO_BUDGET, STATEMENTS, answer_to, question, settings

PRICES = {"usd_per_million_prompt_tokens": 0.5, "usd_per_million_completion_tokens": 1.5}


def test_cost_is_tokens_by_price() -> None:
    assert cost_usd(Tokens(1_000_000, 2_000_000), Budget(**NO_BUDGET | PRICES)) == 3.5
    assert cost_usd(Tokens(5, 5), Budget(**NO_BUDGET)) is None


@pytest.mark.parametrize("wrong", [{"usd": 1.0}, {"usd_per_million_prompt_tokens": 1.0}])
def test_a_limit_in_money_needs_prices(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="usd_per_million"):
        Budget(**NO_BUDGET | wrong)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.booleans()), min_size=1, max_size=40), st.integers(1, 900)
)
def test_the_limit_is_never_crossed(requests: list[tuple[int, int, bool]], limit: int) -> None:
    """Whatever the requests really cost, up to their worst case, and whether or not that is known."""
    ledger = Ledger(Budget(**NO_BUDGET | {"tokens": limit}))
    billed = 0
    for prompt, completion_, known in requests:
        worst = Tokens(prompt + 10, completion_ + 10)
        try:
            with ledger.held(worst) as request:
                billed += prompt + completion_
                request.used = Tokens(prompt, completion_) if known else None
        except EsiError:
            assert ledger.spent.total + ledger.doubtful.total + worst.total > limit
    assert billed <= limit


def test_requests_in_flight_count_with_their_worst_case() -> None:
    ledger = Ledger(Budget(**NO_BUDGET | {"tokens": 100}))
    order: list[str] = []

    def second() -> None:
        with ledger.held(Tokens(60, 0)) as request:
            order.append("second")
            request.used = Tokens(60, 0)

    with ledger.held(Tokens(60, 0)) as request:
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first ends")
        request.used = Tokens(20, 0)
    thread.join()
    assert order == ["first ends", "second"]
    assert ledger.spent == Tokens(80, 0)


def test_a_run_stops_before_its_budget_and_the_next_goes_on(own_cache: Path) -> None:
    budget = NO_BUDGET | PRICES | {"usd": 0.00031}
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        changed = settings(server.base_url, budget=budget, concurrency=3)
        questions = [question(name) for name in STATEMENTS]
        runs = 0
        while True:
            runs += 1
            writer = writer_of(changed)
            assert isinstance(writer, OpenAIWriter)
            sent = len(server.requests)
            described, sentence = None, ""
            try:
                described = write_all(questions, writer)
            except EsiError as error:
                sentence = str(error)
            new = len(server.requests) - sent
            assert new > 0
            assert writer.endpoint.ledger.spent == Tokens(11 * new, 7 * new)
            assert new * (11 * 0.5 + 7 * 1.5) / 1e6 <= 0.00031
            if described is not None:
                break
            assert "describe.budget allows 0.00031 USD" in sentence
            assert f"this run has spent {new * 1.6e-05:.4f} USD, {18 * new} tokens" in sentence
            assert "run the stage again and it goes on" in sentence
        assert runs > 1
        assert len(server.requests) == len(STATEMENTS)
    assert {answer.cost_usd for answer in described.values()} == {1.6e-05}


def test_the_estimate_sends_nothing_and_counts_what_is_missing(own_cache: Path) -> None:
    with fake_openai(lambda path, body: completion(answer_to(body))) as server:
        changed = settings(server.base_url, budget=NO_BUDGET | PRICES)
        write_all([question(name) for name in STATEMENTS[:5]], writer_of(changed))
        text = estimate_text([question(name) for name in STATEMENTS], changed, AnswerCache(own_cache / "answers"))
        assert len(server.requests) == 5
    assert "12 statements, 5 answered from the cache, 7 requests to m" in text
    assert "at most 350 of answers" in text
    assert "USD" in text


@pytest.mark.parametrize(
    ("requests", "tokens", "each", "seconds"), [(60, None, 500, 1.0), (None, 6000, 500, 5.0), (60, 6000, 500, 5.0)]
)
def test_requests_are_spread_over_the_minute(
    requests: float | None, tokens: float | None, each: int, seconds: float
) -> None:
    pace = Pace(requests, tokens)
    assert [pace.take(each, 100.0) for _ in range(4)] == pytest.approx([0, seconds, 2 * seconds, 3 * seconds])
    assert pace.take(each, 1000.0) == 0


def test_a_pause_that_the_server_asks_for_is_for_all() -> None:
    pace = Pace(None, None)
    assert pace.take(1, 50.0) == 0
    pace.hold_back(20, 50.0)
    pace.hold_back(5, 50.0)
    assert pace.take(1, 60.0) == 10


def test_back_off_doubles_up_to_a_minute() -> None:
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 16, 32, 60, 60]):
        assert longest / 2 <= backoff(attempt) <= longest


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == 7
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("-3") == 0
    assert retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)) == pytest.approx(100, abs=5)


@pytest.mark.usefixtures("own_cache")
def test_a_wait_of_hours_ends_the_run_with_a_sentence() -> None:
    def reply(path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        return 429, {"Retry-After": "86400"}, {"error": {"message": "tomorrow"}}

    with (
        fake_openai(reply) as server,
        pytest.raises(EsiError, match=r"no answer for 'one' \(it asks to wait 86400 s\)"),
    ):
        write_all([question("one")], writer_of(settings(server.base_url)))
