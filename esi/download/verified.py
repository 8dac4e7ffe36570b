"""Which files were found to have their checksum, so that a second call need not hash 90 GB again.

An SQLite file outside the release's folder (sizes and times are this machine's, and DVC may hash the folder). A file counts
as verified while its size and modification time are what they were. A kill loses at most the last two seconds of entries:
those files are hashed again, not fetched again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from types import TracebackType

from esi.errors import EsiError

COMMIT_EVERY_S = 2.0


class Verified:
    """The record of one release's folder; held by one process at a time, used by one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            self._connection.execute(
                "PRAGMA locking_mode=EXCLUSIVE"
            )  # the lock stays after the commit, until the process ends
            self._connection.execute("BEGIN EXCLUSIVE")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS verified "
                "(path TEXT PRIMARY KEY, sha256 BLOB, size INTEGER, mtime_ns INTEGER) WITHOUT ROWID"
            )
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" in str(error):
                raise EsiError(
                    f"{path} is in use: another esi-data downloads this release; wait for it or stop it"
                ) from error
            raise EsiError(f"{path}: {error}; the folder must be writable and on a file system with locks") from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise EsiError(f"{path}: {error}; delete it, and the files that are there are hashed once more") from error
        self._committed = time.monotonic()

    def __enter__(self) -> Verified:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.close()

    def holds(self, path: str, sha256: str, status: os.stat_result) -> bool:
        """Was the file verified against this checksum, and is it untouched since?"""
        row = self._connection.execute("SELECT sha256, size, mtime_ns FROM verified WHERE path = ?", (path,)).fetchone()
        return row == (bytes.fromhex(sha256), status.st_size, status.st_mtime_ns)

    def first(self, path: str, sha256: str) -> str:
        """The checksum that a file had when it was first noted here, which is now if it was not yet."""
        self._connection.execute("INSERT OR IGNORE INTO verified VALUES (?, ?, 0, 0)", (path, bytes.fromhex(sha256)))
        ((noted,),) = self._connection.execute("SELECT sha256 FROM verified WHERE path = ?", (path,)).fetchall()
        return bytes(noted).hex()

    def add(self, path: str, sha256: str, status: os.stat_result) -> None:
        """Note that the file, with the size and time in `status`, has the checksum `sha256`."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        self._connection.execute(
            "INSERT OR REPLACE INTO verified VALUES (?, ?, ?, ?)",
            (path, bytes.fromhex(sha256), status.st_size, status.st_mtime_ns),
        )

    def keep(self) -> None:
        """Write down what was added, at most every two seconds: call it as often as you like."""
        if self._connection.in_transaction and time.monotonic() - self._committed > COMMIT_EVERY_S:
            self._connection.execute("COMMIT")
            self._committed = time.monotonic()
