"""One file for each answer that was ever given, named by the hash of all that determined it.

A run pays for nothing twice, a new label costs one call, and a killed run keeps what it paid for. Files are written whole or
not at all, and threads and processes that want the same answer at once get the one that the first of them asked for.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from esi.errors import EsiError
from esi.files import json_hash, write_json

Reader = Callable[[Any], dict[str, Any] | None]


class AnswerCache:
    """Answers (JSON objects) in `folder`, by request (a JSON object: provider, model, messages, settings)."""

    def __init__(self, folder: Path, readable: Reader | None = None) -> None:
        self._folder = folder
        self._readable = readable

    def reading(self, readable: Reader) -> AnswerCache:
        """The same answers for somebody who cannot read all: one that `readable` gives None for counts as never given."""
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
        """The request and its answer, by the request's hash.

        Raises:
            EsiError: the file is not whole, as after a power cut.
        """
        path = self.path(key)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise EsiError(f"{path} is not a whole answer: delete it, and it is asked for again") from None

    def put(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer."""
        write_json(self.path(json_hash(request)), {"request": dict(request), "answer": dict(answer)})

    def get_or_ask(
        self, request: Mapping[str, Any], ask: Callable[[], dict[str, Any]], place: AbstractContextManager | None = None
    ) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it had to be asked for. An error of `ask` passes through, and nothing is kept.

        `place` is held from before `ask` until the answer is kept, and not while another thread or process asks.
        """
        if (answer := self.get(request)) is not None:
            return answer, False
        with _alone(self.path(json_hash(request)).with_suffix(".lock")):
            if (answer := self.get(request)) is not None:  # another thread or process asked meanwhile
                return answer, False
            with place or nullcontext():
                answer = ask()
                self.put(request, answer)
            return answer, True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; others wait. It is gone afterwards, or, after a kill, held by nobody."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                ours = path.stat().st_ino == os.fstat(lock.fileno()).st_ino
            except FileNotFoundError:
                ours = False
            if ours:  # else its last holder deleted it while we waited
                try:
                    yield
                finally:
                    path.unlink()
                return
