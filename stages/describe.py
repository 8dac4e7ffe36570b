"""Describe every finding from the passages that are nearest to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

from esi import params
from esi.cqa.describe import ask_for, figures, findings, write_all, writer_of
from esi.cqa.description import description_table
from esi.cqa.retrieval_report import draw_scores, write_scores
from esi.errors import run
from esi.files import write_json, write_table


def main() -> None:
    settings = params.load()
    writer = writer_of(settings.describe)
    statements = findings(pq.read_table("data/statements.parquet"))
    questions = ask_for(statements, Path("data/knowledge/index.parquet"), settings.describe, settings.embed)
    described = write_all(questions, writer)
    new = sum(answer.new for answer in described.values())
    print(f"describe: {new} new, {len(described) - new} from the cache", file=sys.stderr)
    write_table(
        "data/descriptions.parquet", description_table((question, described[question.statement]) for question in questions)
    )
    write_json("metrics/describe.json", figures([described[statement] for statement in statements]))
    write_scores(Path("metrics/describe/retrieval.csv"), questions)
    draw_scores(Path("metrics/describe/retrieval.png"), questions)


if __name__ == "__main__":
    run(main)
