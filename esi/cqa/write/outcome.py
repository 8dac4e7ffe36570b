"""How a run of a language model ended: how many answers were refused, most often why, and which setting cures that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock

from esi.cqa.write.description import Description, Question
from esi.errors import EsiError, shown
from esi.settings.cqa import Describe

EXAMPLES = 5
_CUT = "It was cut at the limit on tokens before it had said anything"
_PARTICULARS = re.compile(r' \(".*"\)')  # what an answer said, and no other did


class Streak:
    """Ends a run whose first answers are all refused, before it has paid for the rest. Safe for threads.

    Statements that were asked about in this run are counted until one answer is accepted, from the cache or not: a run that
    was stopped goes on with what is mended.
    """

    def __init__(self, settings: Describe) -> None:
        self._settings = settings
        self._refused: list[tuple[Question, Description]] = []
        self._proven = settings.give_up_after is None
        self._lock = Lock()

    def take(self, question: Question, description: Description) -> None:
        """Count one statement's end."""
        with self._lock:
            self._proven |= not description.fallback
            if description.new and not self._proven:
                self._refused.append((question, description))

    def check(self) -> None:
        """To be called before a request.

        Raises:
            EsiError: the first `describe.give_up_after` statements got no answer that could be used.
        """
        with self._lock:
            if self._proven or len(self._refused) < (self._settings.give_up_after or 0):
                return
            raise _none_of(self._refused, self._settings)


def check_start(described: Sequence[tuple[Question, Description]], settings: Describe) -> None:
    """The same for answers that came together, by the Batch API: `described` has the conversations as they stand.

    Raises:
        EsiError: at least `describe.give_up_after` were answered, and no answer could be used.
    """
    refused = [(question, answer) for question, answer in described if answer.rejections]
    if settings.give_up_after is None or len(refused) < settings.give_up_after:
        return
    if all(len(answer.rejections) == len(answer.exchanges) for _, answer in described):
        raise _none_of(refused, settings)


def _none_of(refused: Sequence[tuple[Question, Description]], settings: Describe) -> EsiError:
    return EsiError(
        f"none of the first {len(refused)} statements got an answer that could be used: {refusals(refused, settings)}. "
        "Nothing more was asked, and what was answered is kept. Correct that and run the stage again, or set "
        "describe.give_up_after to null to go on in any case"
    )


def outcome(described: Iterable[tuple[Question, Description]], settings: Describe) -> str:
    """The end of the stage's last line: sentences of the books instead of answers, refusals, counts that are estimates."""
    described = list(described)
    exchanges = [exchange for _, answer in described for exchange in answer.exchanges]
    asked = sum(bool(answer.exchanges) for _, answer in described)
    fallbacks = [answer for _, answer in described if answer.fallback]
    parts = []
    if fallbacks:
        parts.append(
            f"{len(fallbacks)} of {asked} ({len(fallbacks) / asked:.0%}) have sentences of the books instead of the model's"
        )
    if unwritten := [question.statement for question, answer in described if not answer.text]:
        examples = ", ".join(repr(shown(statement, 60)) for statement in unwritten[:EXAMPLES])
        share = f"{len(unwritten)} of {len(described)} statements ({len(unwritten) / len(described):.0%})"
        parts.append(f"{share} have no description, for no passage of the books is about them, such as {examples}")
    if any(exchange.rejection is not None for exchange in exchanges):
        parts.append(refusals(described, settings))
    if uncounted := sum(None in (exchange.prompt_tokens, exchange.completion_tokens) for exchange in exchanges):
        parts.append(
            f"{uncounted} of {len(exchanges)} answers came without a plain count of tokens: what they cost is estimated"
        )
    return "".join(f"; {part}" for part in parts)


def refusals(described: Iterable[tuple[Question, Description]], settings: Describe) -> str:
    """Such as: 6 of 9 answers (67%) were refused, the commonest reason (4 times): "It was empty": try ..."""
    reasons: Counter[str] = Counter()
    answers, to_the_end = 0, False
    for question, description in described:
        answers += len(description.exchanges)
        to_the_end |= description.fallback and description.exchanges[-1].cut
        for exchange in description.exchanges:
            if exchange.rejection is not None:
                reason = exchange.rejection.replace(question.statement, "the finding").rstrip(".")
                reasons[_CUT if exchange.cut else _PARTICULARS.sub("", reason)] += 1
    (reason, times), total = reasons.most_common(1)[0], sum(reasons.values())
    head = f"{total} of {answers} answers ({total / answers:.0%}) were refused"
    return f'{head}, the commonest reason ({times} times): "{reason}": {_cure(reason, settings, to_the_end)}'


def _cure(reason: str, settings: Describe, cut_to_the_end: bool) -> str:
    if reason == _CUT:
        limits = f"describe.max_tokens (now {settings.max_tokens})"
        if cut_to_the_end:
            most = "null" if settings.max_tokens_if_cut is None else settings.max_tokens_if_cut
            limits += f" and describe.max_tokens_if_cut (now {most})"
        return (
            f"raise {limits}; a reasoning model thinks in these tokens, which describe.reasoning_effort lowers where it can"
        )
    if "JSON" in reason:
        return "set describe.structured to false, or take a model that writes JSON (describe.model)"
    if "empty" in reason or "refused to answer" in reason or "of the question or the answer" in reason:
        return "try another describe.model or describe.system_prompt"
    if "contradict" in reason or "did not say how" in reason:
        return "try a larger describe.model, or more passages (describe.top_k)"
    return "try a larger describe.model, or another describe.system_prompt"
