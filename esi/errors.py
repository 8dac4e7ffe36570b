"""The error that a user can mend, and how a text that is not ours is shown in one."""

from __future__ import annotations


class EsiError(ValueError):
    """Something outside the code is not as it must be; the message is a sentence that names it and says what to do."""


def shown(text: str, most: int = 80) -> str:
    """A text for the screen: one line, nothing that steers a terminal, at most so long."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= most else f"{line[: most - 3]}..."
