"""`esi-data download SET`: a public release, whole or in part, onto a machine with internet."""

from __future__ import annotations

import argparse
import getpass
import os
import shlex
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from threading import Event

import httpx
from tqdm import tqdm

from esi.command import ENDING, listen, run
from esi.download import listing
from esi.download.catalogue import PHYSIONET, RELEASES, S3_MIRROR, Release, describe, find, readable
from esi.download.fetch import Patience, Server
from esi.download.transfer import Outcome, Traffic, Work, find_work, refuse_links, transfer
from esi.download.verified import Verified
from esi.errors import EsiError
from esi.files import file_hash

MOST_CONNECTIONS = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OVERVIEW = f"""\
The sets:

{chr(10).join(describe(release) for release in RELEASES.values())}

A release comes to FOLDER/<release>/<version>, such as data/releases/ptb-xl/1.0.3. Interrupt at will: the same command goes
on where it was, and fetches nothing that is there and has its checksum. PhysioNet has the open sets also at
{S3_MIRROR} (--mirror, or ESI_DATA_MIRROR in the environment).
Credentialed sets ask for user name and password, or take them from PHYSIONET_USERNAME and PHYSIONET_PASSWORD; they are
written nowhere.
"""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `esi-data`; an error that a user can mend ends it with one sentence and status 1."""
    if arguments is None:
        listen("esi-data", tuple(number for number in ENDING if number != signal.SIGINT))  # Ctrl-C has its sentence below
    options = _parse(arguments)
    run(lambda: _download_unless_left(options), name="esi-data")


def _download_unless_left(options: argparse.Namespace) -> None:
    try:
        download(options)
    except (KeyboardInterrupt, EOFError):  # EOFError: Ctrl-D where the password is asked for
        print("\nesi-data: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    what = "Public ECG releases for the pipeline."
    parser = argparse.ArgumentParser(prog="esi-data", description=what, epilog=OVERVIEW, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="download")
    what = "Fetch a set: resumable, every file checked against the release's SHA256SUMS.txt."
    command = commands.add_parser("download", help="fetch a set", description=what, epilog=OVERVIEW, formatter_class=raw)
    add = command.add_argument
    add("set", metavar="SET", help="one of those below")
    add("--to", type=Path, default=Path("data/releases"), metavar="FOLDER", help="default: %(default)s")
    what = "only files of the set that match, such as 'records100/*' or '*.csv'; may be repeated"
    add("--only", action="append", default=[], metavar="PATTERN", help=what)
    add("--connections", type=int, default=4, metavar="N", help=f"1 to {MOST_CONNECTIONS}, default: %(default)s")
    mirror = os.environ.get("ESI_DATA_MIRROR") or PHYSIONET
    add("--mirror", default=mirror, metavar="URL", help=f"where the releases are, default: {PHYSIONET}")
    what = f"SHA-256 that {listing.NAME} itself must have; without it, the list is held to what it was at the first download"
    add("--sums-digest", metavar="SHA256", type=str.lower, help=what)
    add("--verify", action="store_true", help="hash every file that is there again, and replace wrong ones")
    add("--dry-run", action="store_true", help="say what would be fetched; only the file list is fetched")
    return parser.parse_args(arguments)


def download(options: argparse.Namespace) -> None:
    """Fetch what the options ask for, and say what to do next. Errors: `EsiError`."""
    release = find(options.set)
    if not 1 <= options.connections <= MOST_CONNECTIONS:
        raise EsiError(f"--connections {options.connections}: give 1 to {MOST_CONNECTIONS}, to be fair to a public server")
    mirror = _checked_mirror(options.mirror, release)
    to = options.to.resolve()
    root = to / release.folder
    record_file = to / ".esi-download" / f"{release.slug}-{release.version}.sqlite"
    whole = not options.only
    traffic, stop = Traffic(), Event()
    server = Server(f"{mirror}/{release.folder}", _credential(release), options.connections, Patience(), traffic.add, stop)
    try:
        with Verified(record_file) as record:
            refuse_links(root, listing.NAME)
            _have_list(server, root, traffic)
            _check_list(root / listing.NAME, record, record_file, options.sums_digest or release.sums_sha256)
            selection = listing.select(root / listing.NAME, release.include, options.only)
            if not selection:
                raise EsiError(f"{release.name} has no file that matches {' or '.join(options.only or release.include)}")
            work = find_work(selection, root, record, options.verify)
            print(_plan(release, work, whole))
            if not options.dry_run:
                if whole:
                    _check_space(release, work, root)
                outcome = transfer(work.left, root, record, server, options.connections, traffic, stop)
                _finish(release, outcome, len(selection), to, whole)
    except sqlite3.Error as error:
        raise EsiError(f"{record_file}: {error}; mend that, and the same command goes on from here") from error
    except OSError as error:
        raise EsiError(f"{error.filename or root}: {error.strerror or error}; name another folder with --to") from error
    finally:
        server.close()


def _checked_mirror(text: str, release: Release) -> str:
    try:
        url = httpx.URL(text.rstrip("/"))
    except httpx.InvalidURL as error:
        raise EsiError(f"--mirror: {error}; give an address such as {PHYSIONET}") from None
    if url.userinfo:
        raise EsiError("--mirror holds a user name or password, which logs and process lists show: leave them away")
    if url.scheme not in ("http", "https") or not url.host:
        raise EsiError(f"--mirror {text!r} is no http(s) address: give one such as {PHYSIONET}")
    if release.credentialed and url.scheme != "https" and url.host not in LOOPBACK:
        raise EsiError(f"--mirror {text}: {release.name} needs a password, which is sent over https only")
    return str(url)


def _credential(release: Release) -> tuple[str, str] | None:
    """User name and password of a credentialed release, from the environment or the terminal."""
    if not release.credentialed:
        return None
    user, password = os.environ.get("PHYSIONET_USERNAME"), os.environ.get("PHYSIONET_PASSWORD")
    if (not user or not password) and not sys.stdin.isatty():
        raise EsiError(
            f"{release.name} needs a PhysioNet account: set PHYSIONET_USERNAME and PHYSIONET_PASSWORD ({release.address})"
        )
    return user or input("PhysioNet user name: "), password or getpass.getpass("PhysioNet password: ")


def _have_list(server: Server, root: Path, traffic: Traffic) -> None:
    """Fetch the release's file list where it is missing; it gets its name once every line of it is read and safe."""
    target = root / listing.NAME
    if target.exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    part = root / f"{listing.NAME}.part"
    with tqdm(desc="file list", unit="B", unit_scale=True, leave=False) as traffic.bar:
        server.receive(listing.NAME, part)
    traffic.bar = None
    try:
        listing.select(part, ("*",))
    except listing.ListingError:
        part.unlink()
        raise
    part.replace(target)


def _check_list(path: Path, record: Verified, record_file: Path, known: str | None) -> None:
    """The list of checksums comes from the same server as the files: it must be what is known, or what it was at first."""
    digest = file_hash(path)
    wanted = known or record.first(listing.NAME, digest)
    if digest != wanted:
        path.unlink()
        since = "known" if known else "at the first download"
        replaced = "" if known else f", or delete {record_file} if the release was replaced"
        raise EsiError(
            f"{path}: its SHA-256 is {digest}, not {wanted} as {since}, and it was removed: do not trust this mirror, name "
            f"another with --mirror{replaced}"
        )
    record.first(listing.NAME, digest)


def _plan(release: Release, work: Work, whole: bool) -> str:
    missing = len(work.left) - work.unchecked
    text = (
        f"{release.name}: {len(work.left) + work.verified:,} files, {work.verified:,} there and right, "
        f"{work.unchecked:,} there and to be checked, {missing:,} to fetch"
    )
    if not missing:
        return text
    known = whole and release.transfer_bytes
    size = f"some {readable(_missing_bytes(release, work, release.transfer_bytes))}" if known else "of unknown size"
    return f"{text} ({size})"


def _missing_bytes(release: Release, work: Work, size: int | None) -> float:
    """The part of `size` (of the whole set, transferred or on disk) that is not there yet."""
    if not size or not release.transfer_bytes or len(work.left) == work.unchecked:
        return 0
    return size * max(1 - work.present_bytes / release.transfer_bytes, 0)


def _check_space(release: Release, work: Work, root: Path) -> None:
    needed, free = _missing_bytes(release, work, release.disk_bytes), shutil.disk_usage(root).free
    if needed > free:
        raise EsiError(
            f"{root}: {release.name} needs some {readable(needed)} more and {readable(free)} are free: "
            "name another folder with --to, or a part of the set with --only"
        )


def _finish(release: Release, outcome: Outcome, files: int, to: Path, whole: bool) -> None:
    failures = outcome.failures
    if failures:
        raise EsiError(f"{len(failures)} of {files:,} files failed, the same command tries them again: {failures[0]}")
    root = to / release.folder
    print(
        f"{release.name}: all {files:,} files are in {root} and have their checksum "
        f"({outcome.fetched:,} fetched, {outcome.replaced:,} replaced, {outcome.confirmed:,} checked)"
    )
    settings = [setting.format(root=root.resolve(), to=to.resolve()) for setting in release.settings]
    if not whole:  # the table to watch is the same for a part of the release as for all of it
        settings = [setting for setting in settings if ".watch=" not in setting]
    if settings:
        print("next: dvc exp run " + " ".join(f"-S {shlex.quote(setting)}" for setting in settings))
    if release.hint:
        print(release.hint.format(root=root, to=to))


if __name__ == "__main__":
    main()
