"""Where every description came from: a row for each request, in a file of its own that no later stage depends on.

The time of an answer is in here and not among the descriptions: the same words given an hour later must not train anew.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from esi.cqa.write.description import Description, Question

_PASSAGE = pa.struct([("chunk_id", pa.string()), ("book", pa.string()), ("heading", pa.string()), ("page", pa.int32())])
SCHEMA = pa.schema(
    [
        ("statement", pa.string()),
        ("attempt", pa.int32()),  # from 1; 0 for a description that no model was asked for
        ("request", pa.string()),  # its hash, which names the answer's file in the cache; null without a model
        ("asked_model", pa.string()),
        ("answering_model", pa.string()),  # as the endpoint says
        ("answered_at", pa.string()),  # UTC
        ("prompt_hash", pa.string()),
        ("passages", pa.list_(_PASSAGE)),  # best first; page from 1, null for books without pages
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("rejection", pa.string()),  # why the answer was refused; null where it was accepted
    ]
)


def provenance_table(described: Iterable[tuple[Question, Description]], asked_model: str) -> pa.Table:
    """The rows of data/provenance.parquet (columns: `SCHEMA`), by statement and attempt in the order given."""
    rows = []
    for question, answer in described:
        common = {
            "statement": question.statement,
            "asked_model": asked_model if answer.exchanges else answer.model,
            "prompt_hash": answer.prompt_hash,
            "passages": [{name: getattr(passage, name) for name in _PASSAGE.names} for passage in question.passages],
        }
        if not answer.exchanges:
            rows.append({**common, "attempt": 0})
        for attempt, exchange in enumerate(answer.exchanges, start=1):
            rows.append(
                {
                    **common,
                    "attempt": attempt,
                    "request": exchange.request,
                    "answering_model": exchange.model,
                    "answered_at": exchange.answered_at,
                    "prompt_tokens": exchange.prompt_tokens,
                    "completion_tokens": exchange.completion_tokens,
                    "rejection": exchange.rejection,
                }
            )
    return pa.Table.from_pylist(rows, SCHEMA)
