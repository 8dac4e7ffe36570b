"""Files written whole or not at all, content hashes, and the machine-local cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there when the block ends well, delete it when it does not.

    A reader never sees half a file, and two processes that write the same file leave one whole copy.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes the file private; outs are shared like any other file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold `folder` (made if absent) for this process alone; another that wants it waits. The lock lies beside it."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


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
