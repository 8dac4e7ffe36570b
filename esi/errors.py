"""Errors that a user can mend, and how a stage shows them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path


class EsiError(ValueError):
    """Something outside the code is not as it must be; the message is a sentence that names it and says what to do."""


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage's `main`; an `EsiError` ends the process with its sentence alone and exit status 1."""
    try:
        main(*arguments)
    except EsiError as error:
        stage = Path(inspect.getfile(main)).stem
        sys.exit(f"{' '.join([stage, *arguments])}: {error}")
