"""The files below a release's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from esi.ecg.entries import ReleaseError


def files_below(root: Path, suffix: str = "") -> Iterator[str]:
    """The paths of the files whose names end so, relative to `root`, posix style, in the same order everywhere; folders
    that are links are gone into, each folder once.

    Raises:
        ReleaseError: a folder may not be read, so that its records would be lost.
    """

    def refuse(error: OSError) -> None:
        raise ReleaseError(f"{error.filename}: cannot be read ({error.strerror}): give yourself the right to, or remove it")

    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=refuse):
        here = os.path.realpath(folder)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders.sort()
        place = Path(folder).relative_to(root)
        yield from ((place / name).as_posix() for name in sorted(names) if name.endswith(suffix))
