"""When the next request may leave: an account's limits a minute, and the pauses that a server asks for."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0


class Pace:
    """Spreads requests evenly over the minute, for all threads of the process.

    Each request takes 60 / requests_per_minute seconds, and its tokens theirs; the next one starts when both are over.
    Bursts would meet the limits that providers hold over parts of a minute.
    """

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._request_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token_s = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._free = 0.0
        self._lock = Lock()

    def take(self, tokens: int, now: float) -> float:
        """Seconds to wait from `now` (of a monotonic clock) before a request of so many tokens; its time is then taken."""
        with self._lock:
            start = max(now, self._free)
            self._free = start + max(self._request_s, tokens * self._token_s)
            return start - now

    def hold_back(self, seconds: float, now: float) -> None:
        """Allow no request of any thread before `now` + `seconds`, because the server asked one of them to wait."""
        with self._lock:
            self._free = max(self._free, now + seconds)

    def wait(self, tokens: int) -> None:
        """Sleep until a request of so many tokens may leave."""
        if (pause := self.take(tokens, time.monotonic())) > 0:  # a sleep of 0 s costs 3 ms on a busy machine
            time.sleep(pause)


def backoff(attempt: int) -> float:
    """Seconds before try `attempt` + 2: doubled each time, a random half of it left out so that threads spread."""
    return min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None where none can be read."""
    if header is None:
        return None
    try:
        seconds = float(header)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
