"""One file for each answer that was ever given, named by the hash of all that determined it.

A run pays for nothing twice, a new label costs one call, and a killed run keeps what it paid for. Files are written whole or
not at all, and threads and processes that want the same answer at once get the one that the first of them asked for.

Each file carries its checksum. A damaged one is named, set aside in the folder DAMAGED (it was paid for, and an eye may
still read it), and its request is asked again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from esi import sealed
from esi.files import alone, json_hash, note_use, replacing

DAMAGED = "damaged"

Reader = Callable[[Any], dict[str, Any] | None]


class AnswerCache:
    """Answers (JSON objects) in `folder`, by request (a JSON object: provider, model, messages, settings)."""

    def __init__(self, folder: Path, readable: Reader | None = None) -> None:
        self._folder = folder
        self._readable = readable

    def reading(self, readable: Reader) -> AnswerCache:
        """The same cache for a reader of only some answers: one for which `readable` gives None counts as absent."""
        return AnswerCache(self._folder, readable)

    def path(self, key: str) -> Path:
        """Where the answer to the request of this hash is kept."""
        return self._folder / key[:2] / f"{key}.json"

    def get(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer, if it was given."""
        kept = self.read(json_hash(request))
        if kept is None or self._readable is None:
            return kept["answer"] if kept else None
        return self._readable(kept["answer"])

    def read(self, key: str) -> dict[str, Any] | None:
        """The request and its answer, by the request's hash; None where there is none, or only a damaged file."""
        path = self.path(key)
        try:
            kept = _whole(json.loads(path.read_text(encoding="utf-8")), key)
        except (OSError, ValueError, RecursionError):
            return None
        if kept:
            note_use(path)
        return kept

    def put(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer: on the disk, not only in the system's memory, for a power cut would cost it."""
        key = json_hash(request)
        path = self.path(key)
        if path.exists() and self.get(request) is None:
            self._set_aside(path)
        content = sealed.digested({"request": dict(request), "answer": dict(answer)})
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _set_aside(self, path: Path) -> None:
        kept = sealed.set_aside(path, self._folder / DAMAGED)
        print(f"{path} cannot be read: it is kept as {kept}, and asked for again", file=sys.stderr)

    def get_or_ask(
        self, request: Mapping[str, Any], ask: Callable[[], dict[str, Any]], place: AbstractContextManager | None = None
    ) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it had to be asked for. An error of `ask` passes through, and nothing is kept.

        `place` is held from before `ask` until the answer is kept, and not while another thread or process asks.
        """
        if (answer := self.get(request)) is not None:
            return answer, False
        with alone(self.path(json_hash(request)).with_suffix(".lock")):
            if (answer := self.get(request)) is not None:  # another thread or process asked meanwhile
                return answer, False
            with place or nullcontext():
                answer = ask()
                self.put(request, answer)
            return answer, True


def _whole(content: Any, key: str) -> dict[str, Any] | None:
    """What a file of the cache holds, None if it is not as it was written.

    Files of releases that kept no checksum are good where their request is: its hash is their name.
    """
    if isinstance(content, dict) and set(content) != {"request", "answer"}:
        content = sealed.undigested(content)
    if not isinstance(content, dict):
        return None
    request, answer = content.get("request"), content.get("answer")
    whole = isinstance(request, dict) and isinstance(answer, dict) and json_hash(request) == key
    return content if whole else None
