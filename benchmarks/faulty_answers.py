"""Descriptions from a server that fails three times in ten, with kills between: `python -m benchmarks.faulty_answers`.

Statements of the handbook, each with its own entry as the passage, are described by a process of its own, which is killed
(-9) at drawn moments and started again. Then what it wrote is compared with the entries, and what it counted with what the
server noted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.faulty_server import GERMAN, LBBB, Notes, faulty_server, key_of, recording_proxy
from benchmarks.report import report
from esi import params
from esi.cqa.books.chunks import chunk_table
from esi.cqa.books.read import read_books
from esi.cqa.check.answers import fault
from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.chat_answer import counted, readable, used_tokens
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.description import Question
from esi.cqa.write.extractive import ExtractiveWriter
from esi.cqa.write.openai_writer import OpenAIWriter
from esi.files import write_json
from esi.settings.cqa import Describe

ROOT = Path(__file__).resolve().parents[1]
SENTENCES = 3
_MARKUP = re.compile(
    r"</?\w+>|\*\*|\[\d|\||\$|^#|[\ud800-\udfff\ufffd]|\bthe user asks\b|\bhere is\b|\blet me know\b",
    re.IGNORECASE | re.MULTILINE,
)


def cases(count: int, seed: int) -> list[tuple[Question, str]]:
    """Statements of the handbook with their entry as passage, and the right text: the entry's own sentences."""
    settings = params.load(ROOT / "params.yaml").chunk
    sections = read_books(ROOT / settings.books)
    by_statement: dict[str, tuple[Question, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        writer = ExtractiveWriter(SENTENCES, AnswerCache(Path(folder)))
        for row in chunk_table(sections, settings.max_tokens, settings.overlap_tokens).to_pylist():
            if not row["heading"].endswith("> ECG criteria"):
                continue
            place = (row["chunk_id"], row["book"], row["heading"], row["names"], row["page"])
            passage = Passage(*place, row["text"], 0, 0.9)
            for statement in row["names"]:
                question = Question(statement, f"How is {statement} reflected in a 12-lead ECG?", (passage,))
                text = writer.write(question).text
                if fault(text, statement, question.passages, "stop") is None:
                    by_statement.setdefault(statement.lower(), (question, text))
    drawn = random.Random(seed).sample(sorted(by_statement), min(count, len(by_statement)))
    return [by_statement[name] for name in drawn]


def settings_for(base_url: str, concurrency: int) -> Describe:
    """The settings of params.yaml with this benchmark's server, its concurrency and short pauses."""
    changes = {"provider": "openai", "model": "m", "base_url": base_url, "concurrency": concurrency, "max_retries": 20}
    shipped = params.load(ROOT / "params.yaml").describe
    return shipped.model_copy(update={**changes, "timeout_s": 20.0, "sentences": SENTENCES})


def write(base_url: str, concurrency: int, count: int, seed: int, out: Path) -> None:
    """The process that is killed: descriptions of all statements, and what it spent, as JSON."""
    from esi.cqa.endpoint import pace

    pace.LONGEST_PAUSE_S = 1.0
    writer = writer_of(settings_for(base_url, concurrency))
    assert isinstance(writer, OpenAIWriter)
    described = write_all([question for question, _ in cases(count, seed)], writer)
    ledger = writer.endpoint.ledger
    texts = {name: [answer.text, answer.fallback] for name, answer in described.items()}
    write_json(out, {"texts": texts, "spent": ledger.spent.total, "estimated": ledger.estimated})


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """The answers of the cache by the server's key."""
    answers = {}
    for path in (folder / ".cache" / "answers").rglob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        request = content["request"]
        if "messages" in request and (answer := readable(content["answer"])):
            system, question, *others = [message["content"] for message in request["messages"]]
            limit = request["settings"]["max_tokens"]
            used = used_tokens(answer, request["messages"], limit).total
            answers[key_of([f"{system}\n\n{question}", *others], limit)] = {"tokens": used, "counted": counted(answer)}
    return answers


def measured(count: int, kills: int, seed: int, share: float, concurrency: int, pause_s: float) -> dict[str, Any]:
    """Run, kill, run again, and compare."""
    asked = cases(count, seed)
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as name,
        recording_proxy() as (proxy, seen_by_proxy),
        faulty_server({question.statement: text for question, text in asked}, seed, share, pause_s) as notes,
    ):
        folder = Path(name)
        out = folder / "out.json"
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), f"http://{proxy}")
        environment = {**os.environ, **proxies, "DVC_ROOT": name, "PYTHONPATH": str(ROOT)}
        arguments = [notes.base_url, str(concurrency), str(count), str(seed), str(out)]
        command = [sys.executable, "-m", "benchmarks.faulty_answers", "--write", *arguments]
        lost: set[str] = set()
        for number in range(kills):
            wanted = int(count * (number + rng.uniform(0.3, 1.0)) / (kills + 1))
            process = subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.DEVNULL)
            while len(notes.billed) < wanted and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            while notes.in_flight:
                time.sleep(0.01)
            lost |= {each.key for each in notes.billed} - set(kept(folder))
        before, billed_before = kept(folder), len(notes.billed)
        subprocess.run(command, env=environment, cwd=folder, stderr=subprocess.PIPE, check=True)
        result, after = json.loads(out.read_text(encoding="utf-8")), kept(folder)
        in_last_run = notes.billed[billed_before:]
    return {
        **_texts(asked, result["texts"]),
        **_requests(notes, after, lost, kills, concurrency),
        **_spend(notes, after, {key: after[key] for key in after if key not in before}, in_last_run, result),
        "requests_seen_by_the_proxy": len(seen_by_proxy),
    }


def _texts(asked: list[tuple[Question, str]], texts: dict[str, list[Any]]) -> dict[str, Any]:
    right = {question.statement: " ".join(text.split()) for question, text in asked}
    wrong = {name: texts[name][0] for name in right if texts[name][0] != right[name]}
    return {
        "statements": len(right),
        "right": len(right) - len(wrong),
        "by_the_books_after_refusals": sum(fallback for _, fallback in texts.values()),
        "with_reasoning_or_markup": sum(bool(_MARKUP.search(text)) for text, _ in texts.values()),
        "in_german": sum(GERMAN in text for text, _ in texts.values()),
        "of_another_finding": sum(text == LBBB for text in wrong.values()),
        "wrong": dict(sorted(wrong.items())[:20]),
    }


def _requests(notes: Notes, after: dict[str, Any], lost: set[str], kills: int, concurrency: int) -> dict[str, Any]:
    times = Counter(each.key for each in notes.billed)
    twice = {key for key, count in times.items() if count > 1}
    return {
        "requests": notes.requests,
        "refused_for_a_field": notes.refused,
        "faults": dict(sorted(notes.faults.items())),
        "kills": kills,
        "concurrency": concurrency,
        "most_in_flight": notes.most_in_flight,
        "lost_at_kills": len(lost),
        "answered_twice": len(twice),
        "answered_twice_beyond_those_in_flight_at_a_kill": len(twice - lost),
        "answered_and_not_kept": len(set(times) - set(after)),
    }


def _spend(
    notes: Notes, after: dict[str, Any], new: dict[str, Any], in_last_run: list[Any], result: dict[str, Any]
) -> dict[str, Any]:
    last = {answer.key: answer for answer in notes.billed}  # of an answer that was lost, the second is kept
    by_server = sum(last[key].tokens for key in after if last[key].counted)
    by_client = sum(answer["tokens"] for answer in after.values() if answer["counted"])
    uncounted = [key for key in after if not after[key]["counted"]]
    return {
        "tokens_by_the_server": by_server,
        "tokens_by_the_client": by_client,
        "answers_without_a_plain_count": len(uncounted),
        "their_tokens_by_the_server": sum(last[key].tokens for key in uncounted),
        "their_tokens_by_estimate": sum(after[key]["tokens"] for key in uncounted),
        "last_run_spent": result["spent"],
        "last_run_spent_by_its_answers": sum(answer["tokens"] for answer in new.values()),
        "last_run_answers_billed": len(in_last_run),
        "last_run_answers_kept": len(new),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=int, default=500)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.3, help="of the requests that go wrong")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds that an answer takes")
    parser.add_argument("--write", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        base_url, concurrency, count, seed, out = arguments.write
        write(base_url, int(concurrency), int(count), int(seed), Path(out))
        return
    figures = measured(
        arguments.statements, arguments.kills, arguments.seed, arguments.share, arguments.concurrency, arguments.pause
    )
    twice = figures["answered_twice_beyond_those_in_flight_at_a_kill"]
    report(
        "faulty_answers",
        f"{figures['right']} of {figures['statements']} statements with the right text, "
        f"{figures['with_reasoning_or_markup']} with reasoning or markup, {twice} answered twice beyond those in flight at "
        f"{figures['kills']} kills; {figures['tokens_by_the_client']} tokens counted, "
        f"{figures['tokens_by_the_server']} billed",
        {"seed": arguments.seed, "share": arguments.share, **figures},
    )


if __name__ == "__main__":
    main()
