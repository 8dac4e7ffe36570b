"""A release's own list of files, `SHA256SUMS.txt`: one `<sha256> <path>` a line, read as a stream.

PhysioNet writes one space between the two (physionet-build, `make_checksum_file`), `sha256sum` two characters; both are
read. MIMIC-IV-ECG's list has 1.6 million lines, some 190 MB: the file stays on disk, and what is selected is kept as byte
offsets of lines, 8 bytes each (13 MB).
"""

from __future__ import annotations

import fnmatch
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from esi.errors import EsiError

NAME = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S.*)")
_UNSAFE = re.compile(r"[\x00-\x1f\\]|^[A-Za-z]:")


class Entry(NamedTuple):
    """One file of a release."""

    path: str  # relative, with forward slashes
    sha256: str  # hex, lower case


class ListingError(EsiError):
    """`SHA256SUMS.txt` is not what it must be."""


def parse(line: bytes, where: str) -> Entry:
    """One line of the list. `where` names file and line for the error.

    A path that leads out of the release's folder (absolute, `..`, a drive letter) or holds a backslash or control character
    is refused.
    """
    match = _LINE.fullmatch(line.decode("utf-8", errors="replace").rstrip("\r\n"))
    if not match:
        shown = line[:60].decode("utf-8", errors="replace").rstrip()
        raise ListingError(
            f"{where} is {shown!r}, not '<sha256> <path>': is this a mirror's file list? Delete it and run again"
        )
    path = match[2].removeprefix("./")  # as `find . | xargs sha256sum` writes it
    # Not pathlib: it interns every part, 200 bytes a line that stay.
    if _UNSAFE.search(path) or not {"", ".", ".."}.isdisjoint(path.split("/")):  # "" begins an absolute path
        raise ListingError(f"{where} names {match[2]!r}, which leads out of the release's folder: do not trust this mirror")
    return Entry(path, match[1].lower())


class Selection:
    """The lines of a list that a download is about, as offsets into the file; iterate it for the entries."""

    def __init__(self, path: Path, offsets: array[int]) -> None:
        self.path = path
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets)

    def __iter__(self) -> Iterator[Entry]:
        for _, entry in self.with_offsets():
            yield entry

    def with_offsets(self) -> Iterator[tuple[int, Entry]]:
        """Each entry with the offset of its line."""
        with self.path.open("rb") as file:
            for offset in self.offsets:
                file.seek(offset)
                yield offset, parse(file.readline(), f"{self.path} at byte {offset}")


def select(path: Path, include: Sequence[str], only: Sequence[str] = ()) -> Selection:
    """The entries that match one of `include` and, where `only` is given, one of `only` as well.

    Both are globs, whose `*` crosses folders. Every line is checked, selected or not: a bad one is an error of the list.
    """
    wanted = re.compile("|".join(fnmatch.translate(glob) for glob in include))
    narrowed = re.compile("|".join(fnmatch.translate(glob) for glob in only))  # of nothing: matches everything
    offsets = array("Q")
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                name = parse(line, f"line {number} of {path}").path
                if wanted.match(name) and narrowed.match(name):
                    offsets.append(offset)
            offset += len(line)
    return Selection(path, offsets)
