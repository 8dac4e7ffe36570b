"""The text of a table or list, whatever program wrote it: its encoding, its line ends, its damaged bytes."""

from __future__ import annotations

import codecs
import gzip
import sys
import zlib
from pathlib import Path

from esi.ecg.entries import ReleaseError

HEAD = 1 << 20  # bytes that hold the first line of any table
_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_KINDS = {b"PK\x03\x04": "a zipped file or an .xlsx", b"\xd0\xcf\x11\xe0": "an .xls", b"PAR1": "a Parquet file"}


def read_text(path: Path, remedy: str, head: bool = False) -> str:
    """The text of a file, gzipped or not, with "\\n" at the end of every line.

    UTF-8 and UTF-16 are read as they are. What is neither is taken as cp1252, as Windows writes it in Western Europe and
    America, and that is said on stderr. In a file that has other characters beyond ASCII in valid UTF-8, bytes that are none
    are damage: they come as lone surrogates.

    Args:
        path: an existing file.
        remedy: what to do about a file that is none.
        head: its beginning alone, some hundred kilobytes.

    Raises:
        ReleaseError: it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.open(file) if packed else file as content:
                data = content.read(HEAD if head else -1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReleaseError(f"{path}: cannot be read ({reason}): {remedy}") from None
    for start, kind in _KINDS.items():
        if data.startswith(start):
            raise ReleaseError(f"{path}: is {kind}, no CSV file: save the table as CSV in UTF-8")
    text = _decode(path, data, head)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decode(path: Path, data: bytes, head: bool) -> str:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _utf16_without_mark(data)
    if encoding not in (None, "utf-8-sig"):
        try:
            return data.decode(encoding, "ignore" if head else "strict")
        except UnicodeDecodeError:
            raise ReleaseError(f"{path}: is damaged {encoding.upper()} text: save the table anew as CSV in UTF-8") from None
    if head and len(data) == HEAD:
        data = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1]  # no character is cut in two
    text = data.decode("utf-8-sig", "surrogateescape")
    if text.isascii() or not any("\udc80" <= char <= "\udcff" for char in text):
        return text
    if any(char > "\x7f" and not "\udc80" <= char <= "\udcff" for char in text):
        return text  # the few that are no UTF-8 are damage
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise ReleaseError(f"{path}: is not a CSV file in UTF-8, nor in cp1252: save it as CSV in UTF-8") from None
    if not head:
        print(f"{path}: is not in UTF-8 and is read as cp1252 (Windows)", file=sys.stderr)
    return text


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 of mostly ASCII characters has a zero in every other byte."""
    sample = data[: 1 << 12]
    for first, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        zeros, others = sample[first::2], sample[1 - first :: 2]
        if len(sample) >= 4 and zeros.count(0) > 0.8 * len(zeros) and others.count(0) < 0.2 * len(others):
            return name
    return None
