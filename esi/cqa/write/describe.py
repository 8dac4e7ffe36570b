"""Statements and the knowledge index -> one description for each statement (paper, section 3.1.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

import pyarrow as pa
from tqdm import tqdm

from esi.cqa.retrieve.embedding import encoder_name, encoder_of
from esi.cqa.retrieve.retrieval import retrieve
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.description import Description, Question, Writer
from esi.cqa.write.extractive import ExtractiveWriter
from esi.errors import EsiError
from esi.files import cache_folder
from esi.settings.cqa import Describe, Embed, Retrieve

BAR_S = 0.5  # between two looks at the progress bar


def findings(statements: pa.Table) -> list[str]:
    """The statements that get a description, the commonest first: findings; nothing on lead quality or administration.

    Raises:
        EsiError: a statement stands there twice.
    """
    rows = [row for row in statements.select(["statement", "kind", "count"]).to_pylist() if row["kind"] == "finding"]
    names = [row["statement"] for row in sorted(rows, key=lambda row: (-row["count"], row["statement"]))]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise EsiError(f"data/statements.parquet names {twice[0]!r} more than once: run the stage statements again")
    return names


def ask_for(statements: Sequence[str], index_path: Path, describe: Describe, embed: Embed, how: Retrieve) -> list[Question]:
    """The questions with their retrieved passages (none where `describe.top_k` is 0), in the order of the statements."""
    questions = {statement: describe.question.replace("{condition}", statement) for statement in statements}
    if describe.top_k == 0:
        return [Question(statement, question, ()) for statement, question in questions.items()]
    encode, name = encoder_of(embed), encoder_name(embed)
    passages = retrieve(
        index_path, questions, encode, name, describe.top_k, method=how.method, names=how.names, server=how.server
    )
    return [Question(statement, questions[statement], tuple(passages[statement])) for statement in statements]


def writer_of(settings: Describe) -> Writer:
    """The writer that params.yaml asks for, on the machine's cache of answers."""
    cache = AnswerCache(cache_folder("answers"))
    extractive = ExtractiveWriter(settings.sentences, cache)
    if settings.provider == "extractive":
        return extractive
    from esi.cqa.write.openai_writer import OpenAIWriter  # the openai library is not needed otherwise

    return OpenAIWriter(settings, cache, extractive)


def write_all(questions: Sequence[Question], writer: Writer) -> dict[str, Description]:
    """A description by statement. The first error stops what has not begun; answers so far stay in the cache."""
    writer.prepare(questions)
    described: dict[str, Description] = {}
    todo: SimpleQueue[Question] = SimpleQueue()
    for question in questions:
        todo.put(question)
    stopped = Event()
    with tqdm(total=len(questions), desc="describe", unit="statement") as bar:

        def work() -> None:
            while not stopped.is_set():
                try:
                    question = todo.get_nowait()
                except Empty:
                    return
                described[question.statement] = writer.write(question)

        # A future a thread, not one a question: there may be 100,000 of those.
        with ThreadPoolExecutor(max_workers=writer.concurrency) as pool:
            threads = [pool.submit(work) for _ in range(writer.concurrency)]
            try:
                waiting = set(threads)
                while waiting:
                    done, waiting = wait(waiting, timeout=BAR_S, return_when=FIRST_EXCEPTION)
                    _show(bar, described)
                    for thread in done:
                        thread.result()
            finally:
                stopped.set()
    return described


def _show(bar: tqdm, described: Mapping[str, Description]) -> None:
    answers = list(described.values())
    tokens = sum(answer.spent_tokens for answer in answers)
    costs = [answer.spent_usd for answer in answers if answer.spent_usd is not None]
    if tokens:
        bar.set_postfix_str(f"{tokens} tokens" + (f", {sum(costs):.4f} USD" if costs else ""), refresh=False)
    bar.update(len(answers) - bar.n)


def count_answers(described: Sequence[Description]) -> dict[str, int | float]:
    """What metrics/describe.json holds; nothing in it depends on what the cache held."""
    providers = Counter(answer.provider for answer in described)
    content: dict[str, int | float] = {"statements": len(described)}
    content |= {f"by_{provider}": providers[provider] for provider in sorted(providers)}
    content["empty"] = sum(not answer.text for answer in described)
    content["rejected"] = sum(len(answer.rejections) for answer in described)
    content["fallbacks"] = sum(answer.fallback for answer in described)
    content["words_mean"] = _mean([len(answer.text.split()) for answer in described])
    if exchanges := [exchange for answer in described for exchange in answer.exchanges]:
        content["answers"] = len(exchanges)
        content["cut"] = sum(exchange.cut for exchange in exchanges)
        content["uncounted"] = sum(None in (exchange.prompt_tokens, exchange.completion_tokens) for exchange in exchanges)
    for name in ("prompt_tokens", "completion_tokens"):
        counts = [count for answer in described if (count := getattr(answer, name)) is not None]
        if counts:
            content[f"{name}_mean"] = _mean(counts)
    return content


def _mean(values: Sequence[int]) -> float:
    return round(sum(values) / len(values), 1) if values else 0.0
