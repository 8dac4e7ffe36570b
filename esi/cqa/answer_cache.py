"""One file for each answer that was ever given, named by the hash of all that determined it.

A run pays for nothing twice, a new label costs one call, and a killed run keeps what it paid for. Files are written whole or
not at all, so that processes may share the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from esi.files import json_hash, write_json


class AnswerCache:
    """Answers (JSON objects) in `folder`, by request (a JSON object: provider, model, messages, settings)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_or_ask(self, request: Mapping[str, Any], ask: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it had to be asked for. An error of `ask` passes through, and nothing is kept."""
        key = json_hash(request)
        path = self._folder / key[:2] / f"{key}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))["answer"], False
        except FileNotFoundError:
            answer = ask()
            write_json(path, {"request": dict(request), "answer": answer})
            return answer, True
