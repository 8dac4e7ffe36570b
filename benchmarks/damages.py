"""Damages to a record's files, one function each: it changes the files in place, at a place that `rng` draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Files = dict[str, bytes]  # of one record, by name
Damage = Callable[[Files, np.random.Generator], None]
MAT4_HEADER = 24  # bytes before the samples of a Challenge file


def _samples(files: Files, rng: np.random.Generator) -> tuple[str, bytearray, int]:
    """A signal file, its bytes, and one place among its samples."""
    names = sorted(name for name in files if not name.endswith(".hea"))
    name = names[rng.integers(len(names))]
    first = MAT4_HEADER if name.endswith(".mat") else 0
    return name, bytearray(files[name]), int(rng.integers(first, len(files[name])))


def flip_bit(files: Files, rng: np.random.Generator) -> None:
    """Flip one bit of one sample."""
    name, data, place = _samples(files, rng)
    data[place] ^= 1 << int(rng.integers(8))
    files[name] = bytes(data)


def overwrite(files: Files, rng: np.random.Generator) -> None:
    """Overwrite up to 512 bytes of samples by random ones."""
    name, data, place = _samples(files, rng)
    end = min(place + int(rng.integers(1, 513)), len(data))
    data[place:end] = rng.bytes(end - place)
    files[name] = bytes(data)


def zero(files: Files, rng: np.random.Generator) -> None:
    """Set a block of 512 to 4,096 bytes to zero, as a disk does that lost it."""
    name, data, place = _samples(files, rng)
    end = min(place + 512 * int(rng.integers(1, 9)), len(data))
    data[place:end] = bytes(end - place)
    files[name] = bytes(data)


def insert(files: Files, rng: np.random.Generator) -> None:
    """Insert up to 16 bytes between two samples, so that all that follow move."""
    name, data, place = _samples(files, rng)
    data[place:place] = rng.bytes(int(rng.integers(1, 17)))
    files[name] = bytes(data)


def lose(files: Files, rng: np.random.Generator) -> None:
    """Remove up to 16 bytes of samples, so that all that follow move and the file is too short."""
    name, data, place = _samples(files, rng)
    del data[place : place + int(rng.integers(1, 17))]
    files[name] = bytes(data)


def cut(files: Files, rng: np.random.Generator) -> None:
    """Cut off the end of a file, which may be the header."""
    name = sorted(files)[rng.integers(len(files))]
    files[name] = files[name][: int(rng.integers(len(files[name])))]


def _header(files: Files, rng: np.random.Generator) -> tuple[str, list[bytes]]:
    """A header and its lines."""
    names = sorted(name for name in files if name.endswith(".hea"))
    name = names[rng.integers(len(names))]
    return name, files[name].splitlines(keepends=True)


def exchange_lines(files: Files, rng: np.random.Generator) -> None:
    """Exchange two signal lines of a header, so that the leads' names belong to other samples."""
    names = sorted(name for name in files if name.endswith(".hea") and len(files[name].splitlines()) > 12)
    name = names[rng.integers(len(names))]
    lines = files[name].splitlines(keepends=True)
    one, other = rng.choice(np.arange(1, 13), 2, replace=False)
    lines[one], lines[other] = lines[other], lines[one]
    files[name] = b"".join(lines)


def repeat_line(files: Files, rng: np.random.Generator) -> None:
    """Repeat a line of a header."""
    name, lines = _header(files, rng)
    place = int(rng.integers(len(lines)))
    files[name] = b"".join([*lines[: place + 1], *lines[place:]])


def lose_line(files: Files, rng: np.random.Generator) -> None:
    """Remove a line of a header."""
    name, lines = _header(files, rng)
    del lines[int(rng.integers(len(lines)))]
    files[name] = b"".join(lines)


def flip_header_bit(files: Files, rng: np.random.Generator) -> None:
    """Flip one bit of a header."""
    name, lines = _header(files, rng)
    data = bytearray(b"".join(lines))
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    files[name] = bytes(data)


def insert_in_header(files: Files, rng: np.random.Generator) -> None:
    """Insert up to 16 bytes, random or of one character, into a header."""
    name, lines = _header(files, rng)
    data = b"".join(lines)
    place, count = int(rng.integers(len(data) + 1)), int(rng.integers(1, 17))
    added = rng.bytes(count) if rng.random() < 0.5 else rng.bytes(1) * count
    files[name] = data[:place] + added + data[place:]


SAMPLE_DAMAGES: dict[str, Damage] = {  # the header's checksum lines stay as they were
    "flipped bit": flip_bit, "overwritten bytes": overwrite, "zeroed block": zero, "inserted bytes": insert,
    "lost bytes": lose, "exchanged lines": exchange_lines,
}  # fmt: skip
DAMAGES: dict[str, Damage] = SAMPLE_DAMAGES | {
    "cut file": cut, "repeated line": repeat_line, "lost line": lose_line, "flipped header bit": flip_header_bit,
    "bytes in the header": insert_in_header,
}  # fmt: skip
NEED_A_HEADER = {name for name, damage in DAMAGES.items() if damage not in (flip_bit, overwrite, zero, insert, lose, cut)}
