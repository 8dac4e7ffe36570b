"""Files written whole or not at all, content hashes, and the machine-local cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from esi.errors import EsiError

# Of the folders in which outs are made. .gitignore and .dvcignore hide them: what a kill leaves counts as nothing.
UNFINISHED = ".esi-tmp."
_NEW, _OLD = "new", "old"


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield the path of a temporary file; move it to `path` when the block ends well, delete it when it does not.

    A reader never sees half a file, and two processes that write the same file leave one whole copy. What a killed process
    left of this file goes with the next that writes it.

    Raises:
        EsiError: `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise EsiError(f"{path} is a folder where a file is to be written: move it away")
    with scratch(path) as workspace:
        temporary = workspace / _NEW  # no name that a search for finished files finds
        temporary.touch()
        yield temporary
        temporary.replace(path)


@contextmanager
def replacing_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder; it takes the place of `path` when the block ends well.

    A kill while the two change places costs nothing: the next process that writes `path` finds the new one and puts it there
    first.
    """
    path = Path(path)
    with scratch(path) as workspace:
        temporary = workspace / _NEW
        temporary.mkdir()
        yield temporary
        if path.exists() or path.is_symlink():
            path.rename(workspace / _OLD)
        temporary.rename(path)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A folder for a while, beside `path`, on its file system, and so by a rename away from it.

    It is locked while its owner lives: the next process that writes `path` takes away those that nobody holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{UNFINISHED}{path.name}"
    for left in [other for other in path.parent.iterdir() if other.name.rpartition(".")[0] == prefix]:
        _take_away(left, path)
    while True:
        workspace = Path(tempfile.mkdtemp(prefix=f"{prefix}.", dir=path.parent))
        with _held(workspace) as held:
            if not held:  # another process took it for a dead one's before the lock was ours
                continue
            try:
                yield workspace
            finally:
                shutil.rmtree(workspace, ignore_errors=True)
            return


def _take_away(left: Path, path: Path) -> None:
    """Delete a killed process's workspace; a new folder whose predecessor is aside already goes to its place first."""
    with _held(left, wait=False) as held:
        if held:
            if (left / _OLD).exists() and not path.exists():
                (left / _NEW).rename(path)
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _held(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Lock a folder; False where it is gone, or, without waiting, where another process holds it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = folder.stat().st_ino == os.fstat(descriptor).st_ino
        except (BlockingIOError, FileNotFoundError):
            held = False
        yield held
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold `folder` (made if absent) for this process alone; another that wants it waits. The lock lies beside it."""
    with alone(folder.with_name(f".{folder.name}.lock")):
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


@contextmanager
def alone(path: Path) -> Iterator[None]:
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
                    path.unlink(missing_ok=True)
                return


_holding: dict[Path, int] = {}


def hold(folder: Path) -> None:
    """Keep a folder of the cache from being cleaned away while this process lives; others may hold it too."""
    if folder not in _holding and folder.is_dir():
        _holding[folder] = os.open(folder, os.O_RDONLY)
        fcntl.flock(_holding[folder], fcntl.LOCK_SH)


def let_go(folder: Path) -> None:
    """Hold it no longer."""
    if folder in _holding:
        os.close(_holding.pop(folder))


def note_use(path: Path) -> None:
    """Set the time of a file's last use, by which old entries of the cache are found; its other times stay."""
    with suppress(OSError):  # a cache that cannot be written to can still be read
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON atomically; keys keep their order, NaN and infinity are refused (they break `dvc metrics diff`)."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(path: Path | str, table: pa.Table, row_group_size: int | None = None) -> None:
    """Write one Parquet file atomically: zstd, and the same bytes for the same table."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=row_group_size)


def content_hash(*parts: bytes | str) -> str:
    """SHA-256 (hex) of the parts; their borders count, so ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def json_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a JSON-able mapping; the order of its keys does not matter."""
    return content_hash(json.dumps(content, sort_keys=True, ensure_ascii=False))


def file_hash(path: Path | str) -> str:
    """SHA-256 (hex) of one file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder(*names: str) -> Path:
    """A folder below the machine-local cache, made if it is absent.

    DVC sets DVC_ROOT to the main repository even inside the temporary workspaces of `dvc exp run --temp` and `--queue`,
    so that every experiment of one clone shares paid answers, checkpoints and memory-mapped signals.
    """
    root = Path(os.environ.get("DVC_ROOT") or Path(__file__).resolve().parents[1])
    folder = root.joinpath(".cache", *names)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
