"""What lies in the machine-local cache, and the removal of what no recent run used.

python -m esi.cache                                   # kind, entries, size, last use
python -m esi.cache clean --older-than 30 --dry-run   # what would go; without --dry-run it goes
python -m esi.cache clean --kind answers              # what was paid for goes only where it is named
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from esi.command import run
from esi.errors import EsiError
from esi.files import cache_folder

# Money was paid for these: answers of language models, vectors of embedding endpoints, batches that are under way.
PAID = ("answers", "batches", "vectors")
DAY_S = 86_400.0
OLDER_THAN_DAYS = 30.0


@dataclass(frozen=True)
class Entry:
    """A file, or a folder that is one thing."""

    kind: str
    path: Path
    size: int  # bytes
    used: float  # seconds since 1970; `esi.sealed` notes each use in the file's time of access


def entries(root: Path) -> Iterator[Entry]:
    """Everything in a cache, locks left out."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        for path in sorted(folder.iterdir()):
            if path.name.endswith(".lock"):
                continue
            if folder.name == "embeddings" and path.is_dir() and len(path.name) == 2:  # esi.cqa.retrieve.vector_cache
                yield from (_entry("vectors", file) for file in sorted(path.iterdir()) if not file.name.endswith(".lock"))
            elif folder.name in PAID and path.is_dir():
                yield from (_entry(folder.name, file) for file in sorted(path.iterdir()) if not file.name.endswith(".lock"))
            else:
                yield _entry(folder.name, path)


def _entry(kind: str, path: Path) -> Entry:
    stats = [file.lstat() for file in [path, *path.rglob("*")] if not file.is_dir()] or [path.lstat()]
    return Entry(kind, path, sum(each.st_size for each in stats), max(max(each.st_atime, each.st_mtime) for each in stats))


def listing(found: list[Entry], now: float) -> str:
    """A table of kinds."""
    lines = [f"{'kind':<12} {'entries':>8} {'size':>10}  last used, days ago"]
    for kind in sorted({entry.kind for entry in found}):
        own = [entry for entry in found if entry.kind == kind]
        ages = [max(now - entry.used, 0) / DAY_S for entry in own]
        paid = "  (paid for)" if kind in PAID else ""
        lines.append(f"{kind:<12} {len(own):>8} {_megabytes(own):>10}  {min(ages):.0f} to {max(ages):.0f}{paid}")
    return "\n".join([*lines, f"{'all':<12} {len(found):>8} {_megabytes(found):>10}"])


def clean(found: list[Entry], kinds: list[str], older_than_days: float, now: float, dry_run: bool = False) -> list[Entry]:
    """Remove what was last used before so many days; what a running process holds stays, and so does what was paid for.

    Args:
        found: of `entries`. kinds: the only ones to remove; those of PAID must be named here; none: all others.

    Returns:
        What was removed, or would be.
    """
    removed = []
    for entry in found:
        asked = entry.kind in kinds if kinds else entry.kind not in PAID
        if asked and now - entry.used >= older_than_days * DAY_S:
            with ExitStack() as stack:
                if _free(entry.path, stack):
                    removed.append(entry)
                    if not dry_run:
                        _remove(entry.path)
    return removed


def _free(path: Path, stack: ExitStack) -> bool:
    """Whether no process holds an entry; it is then held here until the stack is closed."""
    lock = path.with_name(f".{path.name}.lock")
    for held in [path] * path.is_dir() + [lock] * lock.exists():
        try:
            descriptor = os.open(held, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _megabytes(found: list[Entry]) -> str:
    return f"{sum(entry.size for entry in found) / 1e6:,.1f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m esi.cache", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", nargs="?", choices=["list", "clean"], default="list")
    parser.add_argument("--older-than", type=float, default=OLDER_THAN_DAYS, metavar="DAYS", help="since the last use")
    parser.add_argument("--kind", action="append", default=[], help="only this kind; say it again for more")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    arguments = parser.parse_args()
    if not arguments.older_than >= 0:
        raise EsiError(f"--older-than is {arguments.older_than}: give days, 0 or more")
    root, now = cache_folder(), time.time()
    found = list(entries(root))
    unknown = sorted(set(arguments.kind) - {entry.kind for entry in found} - set(PAID))
    if unknown:
        raise EsiError(f"{root} has nothing of kind {', '.join(unknown)}: `python -m esi.cache` says what it has")
    print(root)
    if arguments.action == "list":
        print(listing(found, now))
        return
    removed = clean(found, arguments.kind, arguments.older_than, now, arguments.dry_run)
    for entry in removed:
        print(f"{entry.kind:<12} {entry.path.relative_to(root)}")
    print(f"{len(removed)} entries, {_megabytes(removed)}{' would be removed' if arguments.dry_run else ' removed'}")


if __name__ == "__main__":
    run(main)
