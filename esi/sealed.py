"""What lies in the machine-local cache is used only as it was written: every entry carries a checksum, and is checked when
it is opened. A damaged one is named, dropped and made anew.

CRC-32 finds any damage of one stretch up to 32 bits for certain, and other damage but for one time in 4e9. It is there
against disks, kills and hands, not against an enemy.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from esi.files import locked, note_use, replacing, write_json

SEAL = struct.Struct("<8sQI")  # at the end of a file: MAGIC, how many bytes lie before it, their checksum
MAGIC = b"esi-seal"
LISTING = "seal.json"  # of a folder
UNFINISHED = ".done"
CHUNK = 1 << 26  # bytes that one thread sums at a time


# ---- one file


@contextmanager
def sealing(path: Path) -> Iterator[Path]:
    """`esi.files.replacing` of a cache entry: what the block wrote gets its seal before it takes the place of `path`, where
    zip, npz, npy and Arrow readers pass it over.

    The seal holds the names of the entry and its folder too: an entry is no good in the place of another. A folder in its
    place is dropped.
    """
    if path.is_dir():
        drop(path, "it is a folder")
    with replacing(path) as temporary:
        yield temporary
        size, checksum = temporary.stat().st_size, crc32(temporary, _binding(path))
        with temporary.open("ab") as file:
            file.write(SEAL.pack(MAGIC, size, checksum))


def intact(path: Path) -> bool:
    """Whether a sealed entry is there and as it was written; a damaged one is named and dropped."""
    try:
        reason = _damage(path)
    except FileNotFoundError:
        return False
    if reason:
        drop(path, reason)
    else:
        note_use(path)
    return not reason


def _damage(path: Path) -> str | None:
    if path.is_dir():
        return "it is a folder"
    size = path.stat().st_size - SEAL.size
    if size <= 0:
        return "it is cut short"
    with path.open("rb") as file:
        file.seek(size)
        magic, written, checksum = SEAL.unpack(file.read())
    if magic != MAGIC:
        return "its end is missing or changed"
    if written != size:
        return f"it has {size} bytes where {written} were written"
    return None if crc32(path, _binding(path), size) == checksum else "its bytes have changed"


def _binding(path: Path) -> int:
    return zlib.crc32("/".join(path.parts[-2:]).encode())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """A sealed npz file."""
    with sealing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **dict(arrays))  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a sealed npz file; None where there is none, or where it was damaged and has been dropped."""
    if not intact(path):
        return None
    with np.load(path) as arrays:
        return dict(arrays)


def read_bytes(path: Path) -> bytes | None:
    """What lies before the seal, as `read_arrays`."""
    return path.read_bytes()[: -SEAL.size] if intact(path) else None


# ---- several files, which stay as they are: a list of their checksums, written last


def seal(listing: Path, paths: Iterable[Path]) -> None:
    """Write the checksums of files into a file of the same folder; until then they count as unfinished."""
    sums = {str(path.relative_to(listing.parent)): [path.stat().st_size, crc32(path)] for path in paths}
    write_json(listing, digested({"files": sums}))


def sealed(listing: Path) -> dict[str, list[int]]:
    """Bytes and checksum of each file that `seal` listed, by its name."""
    return dict(json.loads(listing.read_text(encoding="utf-8"))["files"])


def unsealed(listing: Path, paths: Iterable[Path]) -> str | None:
    """None where exactly these files were sealed and are as they were; else why not."""
    try:
        sums = undigested(json.loads(listing.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return f"{listing.name} is missing"
    except (OSError, ValueError):
        sums = None
    if sums is None or not isinstance(files := sums.get("files"), dict):
        return f"{listing.name} has changed"
    found = {str(path.relative_to(listing.parent)): path for path in paths}
    for name in sorted({*files, *found}):
        if name not in files:
            return f"{name} was not there"
        if name not in found or not found[name].is_file():
            return f"{name} is missing"
        if files[name] != [found[name].stat().st_size, crc32(found[name])]:
            return f"{name} has changed"
    return None


def sealed_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache with all files as `make` wrote them: made where it is absent or damaged, by one process while
    others wait, in a folder beside it that a killed process leaves for the next.

    What `make` leaves under names that end in `UNFINISHED` is for the next process alone, and is not kept.
    """
    if _unsealed_folder(folder):
        partial = folder.with_name(f"{folder.name}.partial")
        if partial.is_file():
            drop(partial, "it is a file")
        with locked(partial) as work:
            if reason := _unsealed_folder(folder):  # else another process has made it while this one waited
                if folder.exists():
                    drop(folder, reason)
                make(work)
                for path in work.glob(f"*{UNFINISHED}"):
                    path.unlink()
                seal(work / LISTING, _files_below(work))
                work.rename(folder)
    note_use(folder / LISTING)
    return folder


def _unsealed_folder(folder: Path) -> str | None:
    return unsealed(folder / LISTING, _files_below(folder))


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path != folder / LISTING]


# ---- JSON, whose checksum is in it


def digested(content: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with its own checksum."""
    return {**content, "digest": _digest(content)}


def undigested(content: Any) -> dict[str, Any] | None:
    """The object that `digested` was given, None where this is not as it was."""
    if not isinstance(content, dict) or "digest" not in content:
        return None
    rest = {name: value for name, value in content.items() if name != "digest"}
    return rest if content["digest"] == _digest(rest) else None


def _digest(content: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()):08x}"


# ---- both


def drop(path: Path, reason: str) -> None:
    """Name a damaged entry on the error output and delete it, a folder too."""
    print(f"{path} is damaged ({reason}): it is dropped and made anew", file=sys.stderr)
    _delete(path)


def set_aside(path: Path, folder: Path) -> Path:
    """Move a damaged file that was paid for into a folder, under a name of its own. Returns where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(other.name.startswith(path.stem) for other in folder.iterdir())
    return path.rename(folder / f"{path.stem}-{number}.txt")


def clear(folder: Path) -> None:
    """Empty a folder."""
    for path in folder.iterdir():
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def crc32(path: Path, start: int = 0, size: int | None = None) -> int:
    """The checksum of a file's first `size` bytes, on all cores: the checksum of its chunks' checksums."""
    size = path.stat().st_size if size is None else size

    def of(offset: int) -> int:
        with path.open("rb") as file:
            file.seek(offset)
            return zlib.crc32(file.read(min(CHUNK, size - offset)))

    offsets = range(0, size, CHUNK)
    if len(offsets) > 1:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            sums = list(pool.map(of, offsets))
    else:
        sums = [of(offset) for offset in offsets]
    return zlib.crc32(struct.pack(f"<{len(sums)}I", *sums), start)
