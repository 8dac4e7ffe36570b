"""The tokens and money that a run spends on a model, and the limit that it never crosses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from esi.errors import EsiError
from esi.settings.cqa import Budget


@dataclass(frozen=True)
class Tokens:
    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)


def cost_usd(tokens: Tokens, budget: Budget) -> float | None:
    """What tokens cost at the prices of `budget`, in US dollars; None where it names none."""
    if budget.usd_per_million_prompt_tokens is None or budget.usd_per_million_completion_tokens is None:
        return None
    dollars = (
        tokens.prompt * budget.usd_per_million_prompt_tokens + tokens.completion * budget.usd_per_million_completion_tokens
    )
    return round(dollars / 1e6, 9)


@dataclass
class Request:
    """One request in flight: at worst it costs `worst` tokens; its sender sets `used` once the true number is known."""

    worst: Tokens
    used: Tokens | None = None
    counted: bool = True  # False: `used` is an estimate, since the server gave no plain count


@dataclass
class Ledger:
    """The tokens of one run: spent, estimated and in flight. Safe for threads.

    A request is let go only if the limit holds even when it and all others in flight cost their worst case. Where that does
    not hold but others are in flight, it waits: they may turn out cheaper.
    """

    budget: Budget
    spent: Tokens = Tokens()
    doubtful: Tokens = Tokens()  # of requests that broke off: the provider may bill them or not
    broken_off: int = 0
    estimated: int = 0  # answers whose tokens in `spent` are an estimate
    _in_flight: Tokens = Tokens()
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def held(self, worst: Tokens) -> Iterator[Request]:
        """Hold `worst` for one request while the block runs. `used` left at None counts as `worst`, as doubtful.

        Raises:
            EsiError: the limit could be crossed; nothing was sent.
        """
        with self._changed:
            while self._over(self.spent + self.doubtful + self._in_flight + worst):
                if not self._in_flight.total:
                    raise EsiError(self._sentence(worst))
                self._changed.wait()
            self._in_flight += worst
        request = Request(worst)
        try:
            yield request
        finally:
            with self._changed:
                self._in_flight -= worst
                self.spent += request.used or Tokens()
                self.estimated += not request.counted
                if request.used is None:
                    self.doubtful += worst
                    self.broken_off += 1
                self._changed.notify_all()

    def _over(self, tokens: Tokens) -> bool:
        if self.budget.tokens is not None and tokens.total > self.budget.tokens:
            return True
        return self.budget.usd is not None and (cost_usd(tokens, self.budget) or 0) > self.budget.usd

    def _sentence(self, worst: Tokens) -> str:
        limits = [f"{self.budget.usd} USD"] * (self.budget.usd is not None)
        limits += [f"{self.budget.tokens} tokens"] * (self.budget.tokens is not None)
        about = f", of {self.estimated} answers by estimate" if self.estimated else ""
        doubt = f" ({self.broken_off} requests that broke off may add {amount(self.doubtful, self.budget)})"
        return (
            f"describe.budget allows {' and '.join(limits)}, and the next request could cross it: it takes up to "
            f"{amount(worst, self.budget)}, and this run has spent {amount(self.spent, self.budget)}{about}"
            f"{doubt if self.broken_off else ''}. Answers so far are kept: run the stage again and it goes on from here"
        )


def amount(tokens: Tokens, budget: Budget) -> str:
    """For people: "0.0123 USD, 4567 tokens", or the tokens alone where no prices are named."""
    cost = cost_usd(tokens, budget)
    return f"{tokens.total} tokens" if cost is None else f"{cost:.4f} USD, {tokens.total} tokens"
