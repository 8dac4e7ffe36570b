"""OpenAI's Batch API: many requests as one file, answered within 24 hours at half the price.

It only fills the cache; whatever a batch leaves unanswered is asked for one by one afterwards. A run that was killed finds
its batches again on the server, by a name in their metadata, and sends nothing twice.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
from openai.types import Batch
from tqdm import tqdm

from esi.cqa.answer_cache import AnswerCache
from esi.cqa.budget import Tokens, amount
from esi.cqa.chat_endpoint import ChatEndpoint, Unusable, answer_of, body_of, used_tokens, worst_case
from esi.cqa.conversation import TRIES
from esi.cqa.description import Question
from esi.cqa.estimate import missing_requests
from esi.cqa.openai_client import LONGEST_REASON, plain
from esi.errors import EsiError
from esi.files import cache_folder, json_hash, locked, write_json
from esi.settings.cqa import Describe

POLL_S = 30.0
MAX_REQUESTS = 20_000  # of the 50,000 and 200 MB that OpenAI takes: 10 kB a request
NAME = "esi"  # of the metadata entry that holds a batch's hash
_OVER = ("completed", "failed", "expired", "cancelled")
Requests = Mapping[str, dict[str, Any]]  # by key


def fetch_batches(questions: Sequence[Question], settings: Describe, cache: AnswerCache, endpoint: ChatEndpoint) -> None:
    """Ask for all first answers in batches, then for the answers to the rejections, as often as a conversation goes on.

    Raises:
        EsiError: the endpoint has no Batch API, refuses a file, or the budget could be crossed.
    """
    if not any(True for _ in missing_requests(questions, settings, cache)):
        return
    run = _Run(settings, cache, endpoint)
    try:
        with locked(cache_folder("batches")) as folder:  # two processes would each send the same batch
            run.take_up(folder)
            for _ in range(TRIES):
                missing = {json_hash(request): request for _, request in missing_requests(questions, settings, cache)}
                keys = sorted(missing)
                parts = [keys[start : start + MAX_REQUESTS] for start in range(0, len(keys), MAX_REQUESTS)]
                if not sum(run.send({key: missing[key] for key in part}, folder) for part in parts):
                    return
    except openai.APIError as error:
        raise EsiError(
            f"the endpoint {endpoint.client().base_url} took no batch ({plain(error)}): set describe.batch to false "
            "if it has no Batch API; a batch that it took goes on, and the next run fetches it"
        ) from None


class _Run:
    """A record of each batch lies in a folder from before it is sent until its answers are kept."""

    def __init__(self, settings: Describe, cache: AnswerCache, endpoint: ChatEndpoint) -> None:
        self._settings = settings
        self._cache = cache
        self._ledger = endpoint.ledger
        self._client = endpoint.client()  # without retries: a batch whose receipt is lost must not be sent again
        self._patient = self._client.with_options(max_retries=settings.max_retries)

    def take_up(self, folder: Path) -> None:
        """Fetch what killed runs sent to this endpoint; a batch that never got there is forgotten."""
        for path in sorted(folder.glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["base_url"] != self._settings.base_url:
                continue
            batches = self._patient.batches.list(limit=100)
            if batch := next((each for each in batches if (each.metadata or {}).get(NAME) == path.stem), None):
                self._finish(batch, record["requests"])
            path.unlink()

    def send(self, requests: Requests, folder: Path) -> int:
        """Send one batch, wait for it and keep its answers. Returns how many there were."""
        name = secrets.token_hex(16)  # no hash: the same requests may be sent again if they failed
        path = folder / f"{name}.json"
        lines = [self._line(key, request) for key, request in requests.items()]
        worst = self._worst(requests)
        with self._ledger.held(worst) as bill:
            write_json(path, {"base_url": self._settings.base_url, "requests": dict(requests)})
            upload = self._client.files.create(file=("requests.jsonl", "".join(lines).encode()), purpose="batch")
            batch = self._client.batches.create(
                completion_window="24h",
                endpoint="/v1/chat/completions",
                input_file_id=upload.id,
                metadata={NAME: name},
            )
            bill.used = Tokens()  # counted by its answers
        kept = self._finish(batch, requests)
        path.unlink()
        return kept

    def _finish(self, batch: Batch, requests: Requests) -> int:
        worst = self._worst(requests)
        with self._ledger.held(worst) as bill:
            about = f"{len(requests)} requests, at most {amount(worst, self._settings.budget)}"
            print(f"describe: batch {batch.id}, {about}", file=sys.stderr)
            with tqdm(total=len(requests), desc="batch", unit="request") as bar:
                while batch.status not in _OVER:
                    time.sleep(POLL_S)
                    batch = self._patient.batches.retrieve(batch.id)
                    bar.update((batch.request_counts.completed if batch.request_counts else 0) - bar.n)
            answers = dict(self._answers(batch.output_file_id, requests)) if batch.output_file_id else {}
            bill.used = Tokens()
            for key, answer in answers.items():
                bill.used += used_tokens(answer, requests[key]["messages"])
                self._cache.put(requests[key], answer)
        if batch.status == "failed":
            problems = "; ".join(error.message or "" for error in (batch.errors.data or [])) if batch.errors else ""
            print(f"describe: batch {batch.id} failed: {problems[:LONGEST_REASON]}", file=sys.stderr)
        return len(answers)

    def _answers(self, file_id: str, requests: Requests) -> Iterator[tuple[str, dict[str, Any]]]:
        """By key, whatever their order in the file; lines without a usable answer are left out."""
        for line in self._patient.files.content(file_id).text.splitlines():
            content = json.loads(line)
            response = content.get("response") or {}
            if content.get("custom_id") in requests and response.get("status_code") == 200:
                with suppress(Unusable):
                    yield content["custom_id"], answer_of(response["body"])

    def _line(self, key: str, request: Mapping[str, Any]) -> str:
        body = body_of(request["messages"], self._settings)
        return json.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"

    def _worst(self, requests: Requests) -> Tokens:
        worst = Tokens()
        for request in requests.values():
            worst += worst_case(request["messages"], self._settings.max_tokens)
        return worst
