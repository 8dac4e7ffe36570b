"""The files below a release's folder."""

from __future__ import annotations

import os
import posixpath
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


def path_below(root: Path, text: str, folder: str = ".") -> str | None:
    """The path of a file as a table or list names it, relative to `root`, posix style; None where it leads out of `root`.

    A relative path counts from `root`, or from the table's own folder if it leads out of `root` otherwise or if the file
    is there alone ("../waves/rec1" in root/tables/labels.csv); an absolute one must begin with `root`. "." and ".." are
    resolved by the text alone: a link inside the folder is the user's own, and is followed wherever it leads.

    Args:
        root: the data set's folder.
        text: the path; backslashes count as slashes.
        folder: that of the table, relative to `root`.
    """
    text = text.replace("\\", "/")
    if not text or "\0" in text:
        return None
    if text[0] != "/" and folder == "." and "./" not in text and "//" not in text and text != "." and text != "..":
        return text  # nothing to resolve
    bases = [os.path.abspath(root), os.path.realpath(root)]
    found = [
        os.path.relpath(place, base)
        for base in bases
        for start in ("", folder)
        if (place := posixpath.normpath(posixpath.join(base, start, text))).startswith(f"{base.rstrip('/')}/")
    ]
    return next((path for path in found if os.path.exists(root / path)), found[0] if found else None)
