"""Describe every finding from the passages that are nearest to it."""

from __future__ import annotations

import sys

import pyarrow.parquet as pq

from esi import params
from esi.command import run
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.describe import ask_for, count_answers, findings, write_all, writer_of
from esi.cqa.write.description import description_table
from esi.cqa.write.outcome import outcome
from esi.cqa.write.provenance import provenance_table
from esi.cqa.write.retrieval_report import draw_scores, write_scores
from esi.errors import EsiError
from esi.files import cache_folder, write_json, write_table
from esi.paths import DESCRIPTIONS, INDEX, METRICS, PROVENANCE, STATEMENTS


def main(option: str | None = None) -> None:
    if option not in (None, "--dry-run"):
        raise EsiError(f"{option} is no option: --dry-run prints what a run would cost and sends nothing")
    settings = params.load()
    writer = writer_of(settings.describe)
    statements = findings(pq.read_table(STATEMENTS))
    questions = ask_for(statements, INDEX, settings.describe, settings.embed, settings.retrieve)
    if option:
        from esi.cqa.write.estimate import (
            estimate_text,  # it loads the openai library, which an extractive run does not need
        )

        print(estimate_text(questions, settings.describe, AnswerCache(cache_folder("answers"))))
        return
    answers = write_all(questions, writer)
    described = [(question, answers[question.statement]) for question in questions]
    write_table(DESCRIPTIONS, description_table(described))
    write_table(PROVENANCE, provenance_table(described, settings.describe.model))
    write_json(METRICS / "describe.json", count_answers([answer for _, answer in described]))
    write_scores(METRICS / "describe/retrieval.csv", questions)
    draw_scores(METRICS / "describe/retrieval.png", questions)
    new = sum(answer.new for answer in answers.values())
    line = f"describe: {new} new, {len(answers) - new} from the cache"
    print(line + outcome(described, settings.describe), file=sys.stderr)


if __name__ == "__main__":
    run(main, *sys.argv[1:])
