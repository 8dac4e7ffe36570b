"""OpenAI's Batch API: many requests as one file, answered within 24 hours at half the price.

It only fills the cache; whatever a batch leaves unanswered is asked for one by one afterwards. A run that was killed finds
its batches again on the server, by a name in their metadata, and sends nothing twice.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openai
from tqdm import tqdm

from esi import sealed
from esi.cqa.endpoint.openai_client import LONGEST_REASON, plain
from esi.cqa.endpoint.response import Unusable, json_object, words
from esi.cqa.write.answer_cache import DAMAGED, AnswerCache
from esi.cqa.write.batch_files import NAME, Batch, answers_of, batch_of, named, next_page, refusal_of
from esi.cqa.write.budget import Tokens, amount
from esi.cqa.write.chat_answer import counted, used_tokens
from esi.cqa.write.chat_endpoint import ChatEndpoint, worst_case
from esi.cqa.write.chat_request import body_of
from esi.cqa.write.conversation import TRIES
from esi.cqa.write.description import Question
from esi.cqa.write.estimate import missing_requests, so_far
from esi.cqa.write.outcome import check_start
from esi.errors import EsiError
from esi.files import cache_folder, json_hash, locked, write_json
from esi.settings.cqa import Describe

POLL_S = 30.0
MAX_REQUESTS = 20_000  # of the 50,000 and 200 MB that OpenAI takes: 10 kB a request
Requests = Mapping[str, dict[str, Any]]  # by key


def fetch_batches(questions: Sequence[Question], settings: Describe, cache: AnswerCache, endpoint: ChatEndpoint) -> None:
    """Ask for all first answers in batches, then for the answers to the rejections, as often as a conversation goes on.

    Raises:
        EsiError: the endpoint has no Batch API, refuses a file, the budget could be crossed, or no first answer can be used.
    """
    if not any(True for _ in missing_requests(questions, settings, cache)):
        return
    run = _Run(settings, cache, endpoint)
    try:
        with locked(cache_folder("batches")) as folder:  # two processes would each send the same batch
            run.take_up(folder, _missing(questions, settings, cache))
            for _ in range(TRIES):
                missing = _missing(questions, settings, cache)
                keys = sorted(missing)
                parts = [keys[start : start + MAX_REQUESTS] for start in range(0, len(keys), MAX_REQUESTS)]
                if not sum(run.send({key: missing[key] for key in part}, folder) for part in parts):
                    return
                check_start([(each, so_far(each, settings, cache)) for each in questions], settings)
    except (openai.APIError, Unusable) as error:
        raise EsiError(
            f"the endpoint {endpoint.client().base_url} took no batch ({plain(error)}): set describe.batch to false "
            "if it has no Batch API; a batch that it took goes on, and the next run fetches it"
        ) from None


def _missing(questions: Sequence[Question], settings: Describe, cache: AnswerCache) -> Requests:
    return {json_hash(request): request for _, request in missing_requests(questions, settings, cache)}


class _Run:
    """A record of each batch lies in a folder from before it is sent until its answers are kept."""

    def __init__(self, settings: Describe, cache: AnswerCache, endpoint: ChatEndpoint) -> None:
        self._settings = settings
        self._cache = cache
        self._endpoint = endpoint
        self._ledger = endpoint.ledger
        self._client = endpoint.client()  # without retries: a batch whose receipt is lost must not be sent again
        self._patient = self._client.with_options(max_retries=settings.max_retries)

    def take_up(self, folder: Path, missing: Requests) -> None:
        """Fetch what killed runs sent to this endpoint; a batch that never got there is forgotten.

        A record that is damaged is set aside, never deleted: its batch is looked for by the file's name, and `missing`, the
        requests that are asked now, tells what its answers are to.
        """
        for path in sorted(folder.glob("*.json")):
            record = _read(path)
            if record is None:
                kept = sealed.set_aside(path, folder / DAMAGED)
                print(f"{path} is damaged: it is kept as {kept}, its batch is looked for by name", file=sys.stderr)
                record = {"base_url": self._settings.base_url, "requests": missing}
            if record["base_url"] != self._settings.base_url:
                continue
            if batch := self._find(path.stem):
                self._finish(batch, record["requests"])
            path.unlink(missing_ok=True)

    def _find(self, name: str) -> Batch | None:
        page: dict[str, Any] = {"limit": 100}
        while True:
            content = json_object(self._patient.batches.with_raw_response.list(**page).content)
            if (batch := named(content, name)) or not (after := next_page(content)):
                return batch
            page["after"] = after

    def send(self, requests: Requests, folder: Path) -> int:
        """Send one batch, wait for it and keep its answers. Returns how many there were, or, where all were refused for a
        field that is now put otherwise, how many can be asked again.
        """
        name = secrets.token_hex(16)  # no hash: the same requests may be sent again if they failed
        path = folder / f"{name}.json"
        lines = [self._line(key, request) for key, request in requests.items()]
        worst = self._worst(requests)
        with self._ledger.held(worst) as bill:
            write_json(path, sealed.digested({"base_url": self._settings.base_url, "requests": dict(requests)}))
            sent = ("requests.jsonl", "".join(lines).encode())
            upload = json_object(self._client.files.with_raw_response.create(file=sent, purpose="batch").content)
            if not (upload_id := words(upload.get("id"))):
                raise Unusable("it took a file and gave it no id")
            created = self._client.batches.with_raw_response.create(
                completion_window="24h",
                endpoint="/v1/chat/completions",
                input_file_id=upload_id,
                metadata={NAME: name},
            )
            batch = batch_of(json_object(created.content))
            bill.used = Tokens()  # counted by its answers
        kept = self._finish(batch, requests)
        path.unlink()
        return kept

    def _finish(self, batch: Batch, requests: Requests) -> int:
        worst, form = self._worst(requests), self._endpoint.form
        with self._ledger.held(worst) as bill:
            about = f"{len(requests)} requests, at most {amount(worst, self._settings.budget)}"
            print(f"describe: batch {batch.id}, {about}", file=sys.stderr)
            with tqdm(total=len(requests), desc="batch", unit="request") as bar:
                while not batch.over:
                    time.sleep(POLL_S)
                    batch = batch_of(json_object(self._patient.batches.with_raw_response.retrieve(batch.id).content))
                    bar.update(max(batch.completed - bar.n, 0))
            answers = answers_of(self._file(batch.output_file), requests)
            bill.used = Tokens()
            for key, answer in answers.items():
                limit = requests[key]["settings"]["max_tokens"]
                bill.used += used_tokens(answer, requests[key]["messages"], limit)
                bill.counted &= counted(answer)
                self._cache.put(requests[key], answer)
        if batch.problems:
            print(f"describe: batch {batch.id} failed: {batch.problems[:LONGEST_REASON]}", file=sys.stderr)
        if len(answers) == len(requests):
            return len(answers)
        left = f"{len(requests) - len(answers)} of {len(requests)} requests have no answer in batch {batch.id}"
        refusal = refusal_of(self._file(batch.error_file)) or refusal_of(self._file(batch.output_file))
        if refusal is None:
            print(f"describe: {left}: they are asked again", file=sys.stderr)
            return len(answers)
        said = plain(ValueError(refusal.said))
        print(f"describe: {left} (status {refusal.status}: {said}): they are asked again", file=sys.stderr)
        if self._endpoint.adapt(form, refusal.status, said, refusal.named):
            return len(requests)
        return len(answers)

    def _file(self, file_id: str | None) -> bytes:
        return self._patient.files.content(file_id).content if file_id else b""

    def _line(self, key: str, request: Mapping[str, Any]) -> str:
        body = body_of(request["messages"], self._settings, self._endpoint.form, request["settings"]["max_tokens"])
        return json.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"

    def _worst(self, requests: Requests) -> Tokens:
        worst = Tokens()
        for request in requests.values():
            worst += worst_case(request["messages"], request["settings"]["max_tokens"])
        return worst


def _read(path: Path) -> dict[str, Any] | None:
    """A batch's record, None if it is damaged; of releases that kept no checksum its requests vouch for it by their keys."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(content, dict) and set(content) != {"base_url", "requests"}:
        content = sealed.undigested(content)
    requests = content.get("requests") if isinstance(content, dict) else None
    whole = isinstance(requests, dict) and all(
        isinstance(each, dict) and json_hash(each) == key for key, each in requests.items()
    )
    return content if whole else None
