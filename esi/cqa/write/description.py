"""The question to a writer of descriptions, and the description that it returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from esi.cqa.retrieve.retrieval import Passage

SCHEMA = pa.schema(
    [
        ("statement", pa.string()),
        ("question", pa.string()),
        ("description", pa.string()),
        ("chunk_ids", pa.list_(pa.string())),  # the passages, best first
        ("provider", pa.string()),  # who wrote it: openai or extractive
        ("model", pa.string()),
        ("prompt_hash", pa.string()),  # of all that the writer was given
        ("prompt_tokens", pa.int64()),  # over all tries; null where no model ran or the endpoint does not say
        ("completion_tokens", pa.int64()),
        ("cost_usd", pa.float64()),  # null unless known
        ("fallback", pa.bool_()),  # the model's answers were rejected, the extractive writer stepped in
    ]
)


@dataclass(frozen=True)
class Question:
    """One statement, its question, and the passages to answer from. Nothing else of a record is known here."""

    statement: str
    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Exchange:
    """One request to a model with its answer or rejection."""

    request: str  # its hash, which names its file in the cache
    model: str | None  # that says it answered: a snapshot, or what a proxy chose
    answered_at: str | None  # UTC
    prompt_tokens: int | None
    completion_tokens: int | None
    rejection: str | None  # why the answer was refused
    cut: bool = False  # refused because the limit on tokens was reached first


@dataclass(frozen=True)
class Description:
    """An accepted description and how it came about."""

    text: str
    provider: str
    model: str
    prompt_hash: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None  # of all tries, at the prices of params.yaml
    fallback: bool = False
    exchanges: tuple[Exchange, ...] = ()
    new: bool = True  # False where every answer came from the cache
    spent_tokens: int = 0  # by this run, cached answers left out
    spent_usd: float | None = None

    @property
    def rejections(self) -> tuple[str, ...]:
        """Why earlier answers were refused."""
        return tuple(each.rejection for each in self.exchanges if each.rejection is not None)


class Writer(Protocol):
    """Writes descriptions; safe to call from `concurrency` threads at once."""

    concurrency: int

    def prepare(self, questions: Sequence[Question]) -> None:
        """What is better done for all questions together; nothing unless a writer says otherwise."""
        return None

    def write(self, question: Question) -> Description: ...


def description_table(described: Iterable[tuple[Question, Description]]) -> pa.Table:
    """The rows of data/descriptions.parquet (columns: `SCHEMA`)."""
    names = ("provider", "model", "prompt_hash", "prompt_tokens", "completion_tokens", "cost_usd", "fallback")
    rows = [
        {
            "statement": question.statement,
            "question": question.question,
            "description": answer.text,
            "chunk_ids": [passage.chunk_id for passage in question.passages],
            **{name: getattr(answer, name) for name in names},
        }
        for question, answer in described
    ]
    return pa.Table.from_pylist(rows, SCHEMA)
