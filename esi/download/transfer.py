"""All files of a selection: those that are present and verified stay, a few workers fetch the others.

How it scales, for MIMIC-IV-ECG's 1.6 million files: the file list stays on disk (`listing`), the files to fetch are an
array of 8-byte offsets, a few entries a worker are in flight, and the record of verified files is an SQLite file: memory
does not grow with the files' number beyond those offsets. A worker's connection is kept alive, so that a small file costs
one round trip: 4 connections at 100 ms each fetch 40 files/s, 1.6 million in 11 hours; 16 at 50 ms need one and a half.
Measured on 2 cores with 1.6 million lines: list read and checked in 4 s, looked up in the record in 8 s, 28 MB of memory in
all, 178 MB of record; from a server on the same machine 1,100 files/s, so that the network sets the pace.
"""

from __future__ import annotations

import os
import queue
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from tqdm import tqdm

from esi.download.catalogue import readable
from esi.download.fetch import DownloadError, Server, Stopped
from esi.download.listing import Entry, Selection
from esi.download.verified import Verified
from esi.errors import EsiError
from esi.files import file_hash

TICK_S = 0.5
MOST_FAILURES = 10  # files that cannot be had before the rest is given up


class Traffic:
    """Bytes received, by all workers together."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._started = time.monotonic()
        self.total = 0
        self.bar: tqdm | None = None  # one that counts bytes, where there is one

    def add(self, size: int) -> None:
        with self._lock:
            self.total += size
            if self.bar is not None:
                self.bar.update(size)

    def text(self) -> str:
        """Rate and total, for the progress bar."""
        return f"{readable(self.total / max(time.monotonic() - self._started, 1e-3))}/s, {readable(self.total)}"


@dataclass
class Work:
    """What is left to do of a selection."""

    left: Selection
    verified: int  # files that are there and known to be right
    unchecked: int  # of `left`: files that are there, to be hashed
    present_bytes: int


def refuse_links(root: Path, path: str) -> None:
    """Stop where a part of a path below root, or the file's `.part`, is a link: it would lead what is written elsewhere.

    Raises:
        EsiError: one is.
    """
    place = root
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            raise EsiError(f"{place} is a link, and nothing is written through one: put a folder or file there, or use --to")
    kept = place.with_name(f"{place.name}.part")
    if kept.is_symlink():
        raise EsiError(f"{kept} is a link, and nothing is written through one: remove it")


def find_work(selection: Selection, root: Path, record: Verified, verify: bool) -> Work:
    """Look at every selected file below `root`; with `verify`, none counts as known to be right."""
    left = array("Q")
    verified = unchecked = present = 0
    for offset, entry in tqdm(
        selection.with_offsets(), total=len(selection), desc="look", unit="file", delay=2, leave=False
    ):
        refuse_links(root, entry.path)
        try:
            status = os.stat(root / entry.path)
        except FileNotFoundError:
            left.append(offset)
            continue
        present += status.st_size
        if not verify and record.holds(entry.path, entry.sha256, status):
            verified += 1
        else:
            unchecked += 1
            left.append(offset)
    return Work(Selection(selection.path, left), verified, unchecked, present)


@dataclass
class Outcome:
    """What a transfer did."""

    fetched: int = 0
    confirmed: int = 0  # were there, unknown to the record, and have their checksum
    replaced: int = 0  # were there with another checksum
    failures: list[DownloadError] = field(default_factory=list)


def transfer(
    left: Selection, root: Path, record: Verified, server: Server, connections: int, traffic: Traffic, stop: Event
) -> Outcome:
    """Bring every entry of `left` to its place below `root`, and note it in the record.

    Failures of single files are collected, up to a limit; refused access, a full disk and the like end the transfer at
    once with an `EsiError`. The workers are daemon threads: a kill or Ctrl-C leaves `.part` files, which the next call
    goes on with.
    """
    outcome = Outcome()
    if not left:
        return outcome
    tasks: queue.Queue[Entry | None] = queue.Queue()
    results: queue.Queue[tuple[Entry, str | Exception]] = queue.Queue()
    workers = [Thread(target=_work, args=(tasks, results, root, server), daemon=True) for _ in range(connections)]
    for worker in workers:
        worker.start()
    entries = iter(left)
    under_way = 0
    try:
        with tqdm(total=len(left), desc="download", unit="file") as bar:
            while True:
                while under_way < 4 * connections and (entry := next(entries, None)):
                    tasks.put(entry)
                    under_way += 1
                if not under_way:
                    return outcome
                try:
                    entry, result = results.get(timeout=TICK_S)
                except queue.Empty:
                    bar.set_postfix_str(traffic.text())
                    record.keep()
                    continue
                under_way -= 1
                _note(outcome, entry, result, root, record)
                bar.set_postfix_str(traffic.text(), refresh=False)
                bar.update()
    finally:
        if under_way:
            stop.set()
        for _ in workers:
            tasks.put(None)


def _work(
    tasks: queue.Queue[Entry | None], results: queue.Queue[tuple[Entry, str | Exception]], root: Path, server: Server
) -> None:
    while (entry := tasks.get()) is not None:
        try:
            results.put((entry, _place(entry, root, server)))
        except Stopped:
            return
        except Exception as error:  # raised again by the main thread
            results.put((entry, error))


def _place(entry: Entry, root: Path, server: Server) -> str:
    """See to one file; its own name holds the old content until the right one is there."""
    refuse_links(root, entry.path)
    target = root / entry.path
    wrong = target.exists()
    if wrong and file_hash(target) == entry.sha256:
        return "confirmed"
    server.fetch(entry.path, target, entry.sha256)
    return "replaced" if wrong else "fetched"


def _note(outcome: Outcome, entry: Entry, result: str | Exception, root: Path, record: Verified) -> None:
    if isinstance(result, str):
        setattr(outcome, result, getattr(outcome, result) + 1)
        record.add(entry.path, entry.sha256, os.stat(root / entry.path))
        record.keep()
    elif isinstance(result, DownloadError):
        outcome.failures.append(result)
        if len(outcome.failures) >= MOST_FAILURES:
            raise EsiError(f"{len(outcome.failures)} files failed, the rest is left: {result}")
    elif isinstance(result, OSError):
        raise EsiError(f"{root / entry.path}: {result.strerror or result}; the same command goes on from here") from result
    else:
        raise result
