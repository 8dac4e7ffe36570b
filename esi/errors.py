"""Errors that a user can mend, faults of the machine and signals, and how a command shows them: a sentence, no traceback.

What is not among them is a fault of the code, and keeps its traceback.
"""

from __future__ import annotations

import errno
import inspect
import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any


class EsiError(ValueError):
    """Something outside the code is not as it must be; the message is a sentence that names it and says what to do."""


def shown(text: str, most: int = 80) -> str:
    """A text for the screen: one line, nothing that steers a terminal, at most so long."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


SMALLER = "free some, or make batches smaller (train.batch_size or train.accumulate, evaluate.batch_size)"
AGAIN = "and run it again: it goes on from what is finished"
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
ONE_REQUEST_S = 1.0  # `timeout` and some shells signal both the process and its group

# What the system says, by error number: what is wrong, and what to do.
_NUMBERS = {
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("the disk quota is used up", "make room"),
    errno.EFBIG: ("a file would become larger than the system allows", "raise the limit (`ulimit -f`)"),
    errno.EROFS: ("the file system is read-only", "make it writable, or work in a folder that is"),
    errno.EACCES: ("permission is denied", "give this user the right"),
    errno.EPERM: ("the system does not permit it", "give this user the right"),
    errno.EMFILE: ("too many files are open", "raise the limit (`ulimit -n`)"),
    errno.ENFILE: ("too many files are open on this machine", "end other programs"),
    errno.EAGAIN: ("the system starts no further process or thread", "raise the limit (`ulimit -u`) or end other programs"),
    errno.ENOMEM: ("memory is short", SMALLER),
    errno.EIO: ("the disk reports an input/output error", "look after the disk"),
    errno.ESTALE: ("the network folder has gone away", "mount it"),
    errno.ENOTCONN: ("the network folder is not connected", "mount it"),
    errno.ENOTDIR: ("a file lies where a folder must be", "move it away"),
    errno.EISDIR: ("a folder lies where a file must be", "move it away"),
    errno.ENAMETOOLONG: ("the name is longer than the file system takes", "give it a shorter one"),
    errno.ENOENT: ("there is no such file or folder", "put it there"),
}  # fmt: skip
_SEVERE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EIO, errno.EMFILE}
# What libraries say in words of their own where the system's number is lost.
_WORDS = {
    "database or disk is full": errno.ENOSPC,  # SQLite, Chroma
    "file write failed": errno.ENOSPC,  # torch.save
    " requested and ": errno.ENOSPC,  # numpy: "1000 requested and 0 written"
    "unexpected pos": errno.ENOSPC,  # torch.save, where it closes what it could not write
    "attempt to write a readonly database": errno.EROFS,  # SQLite, Chroma
    "can't allocate memory": errno.ENOMEM,  # torch, CPU
    "not enough memory": errno.ENOMEM,
    "bad_alloc": errno.ENOMEM,  # C++
    "failed to map segment": errno.ENOMEM,  # a shared library while it is loaded
    "can't start new thread": errno.EAGAIN,
}
_GPU = re.compile("CUDA out of memory|CU(BLAS|DNN)_STATUS_ALLOC_FAILED|CUDA error: out of memory")
_NUMBER = re.compile(r"(?:os error|[Ee]rrno) (\d+)")  # Rust; Arrow
_POOL = {"BrokenProcessPool", "BrokenExecutor", "TerminatedWorkerError"}


def run(main: Callable[..., Any], *arguments: str, name: str = "") -> Any:
    """Run the `main` of a stage or another command.

    An `EsiError` or a fault of the machine ends the process with its sentence alone and status 1; Ctrl-C with 130, SIGTERM
    with 143, SIGHUP with 129, each after temporary files are removed; a closed pipe (`| head`) with 141 and no word.
    """
    file = Path(inspect.getfile(main))
    name = name or " ".join([file.parent.name if file.stem == "__main__" else file.stem, *arguments])
    if main.__module__ == "__main__":  # else it is called by a program, whose signals are its own
        listen(name)
        _end_with_dvc()
    try:
        result = main(*arguments)
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return result
    except KeyboardInterrupt:
        _write(f"{name}: {_stopped(signal.SIGINT)}")
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if _stdout_fails() and isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.exit(_without_controls(f"{name}: {sentence}"))


def sentence_of(error: BaseException) -> str | None:
    """What a user is told of an error, or None where only its traceback helps whoever mends the code."""
    if isinstance(error, EsiError):
        return str(error)
    chain = list(_chain(error))
    if any(_GPU.search(str(each)) or type(each).__name__ == "OutOfMemoryError" for each in chain):
        return f"the GPU's memory is short: {SMALLER}, {AGAIN}"
    if any(type(each).__name__ in _POOL for each in chain):
        return f"the system ended one of the processes, most likely for want of memory: free some, {AGAIN}"
    for each in chain:
        number = _number(each)
        if number is None:
            continue
        what, remedy = _NUMBERS[number]
        text = _plain(str(each))
        if number == errno.ENOENT and (found := _made_by(text)):
            path, stage = found
            return f"{path} is missing, which the stage {stage} makes: run `dvc repro {stage}` first"
        said = getattr(each, "filename", None) or (text if not isinstance(each, OSError) or each.errno is None else "")
        return f"{said}: {what}: {remedy}, {AGAIN}" if said else f"{what}: {remedy}, {AGAIN}"
    return None


def listen(name: str, signals: tuple[signal.Signals, ...] = ENDING) -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP end this process with a sentence, and no half file of it stays.

    The exception that a signal becomes is a `SystemExit`: what is open is closed and temporary files are removed on its way
    out, and no handler of ordinary errors holds it up. Ignored signals (as under `nohup`) stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    first: list[float] = []

    def end(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if first:
            if now - first[0] > ONE_REQUEST_S:
                os._exit(128 + number)  # asked again: at once
            return
        first.append(now)
        _write(f"\n{name}: {_stopped(number)}")
        raise SystemExit(128 + number)

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sentence = sentence_of(error)
        if sentence is None:
            sys.__excepthook__(kind, error, trace)
        else:
            _write(_without_controls(f"{name}: {sentence}"))

    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    sys.excepthook = show  # of what is raised while modules are still imported


def _without_controls(text: str) -> str:
    """Sentences quote files and servers: nothing in them is to steer the terminal; their lines stay."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _stopped(number: int) -> str:
    return f"stopped ({signal.Signals(number).name}); the same command goes on from what is finished"


def _write(text: str) -> None:
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())  # a signal may come in the middle of a print, which refuses a second one


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and faults of disk or memory in whose handling it came up.

    Other errors that were being handled say nothing: a missing file is often no more than an empty cache.
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        handled = cause.__context__
        if (
            cause.__cause__ is None
            and handled is not None
            and not cause.__suppress_context__
            and _number(handled) in _SEVERE
        ):
            yield handled
        cause = cause.__cause__


def _number(error: BaseException) -> int | None:
    """The system's error number behind an exception, if it is one that a user can do something about."""
    text = str(error)
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return error.errno
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    if isinstance(error, PermissionError):
        return errno.EACCES
    for found in _NUMBER.findall(text):
        if int(found) in _NUMBERS:
            return int(found)
    return next((number for words, number in _WORDS.items() if words in text), None)


def _plain(text: str) -> str:
    """The first line of a library's message."""
    return text.strip().splitlines()[0][:300] if text.strip() else ""


def _made_by(text: str) -> tuple[str, str] | None:
    """The path in a message that a stage of ./dvc.yaml makes, and that stage."""
    from ruamel.yaml import YAML  # only where something is missing

    try:
        stages = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    except (OSError, KeyError):
        return None
    for name, stage in stages.items():
        plain = stage.get("do", stage)
        for out in [*plain.get("outs", []), *plain.get("metrics", []), *plain.get("plots", [])]:
            path = str(next(iter(out)) if isinstance(out, dict) else out)
            pattern = re.escape(path).replace(r"\$\{key\}", r"(?P<key>[\w-]+)")
            if "$" not in pattern and (found := re.search(rf"{pattern}[\w./-]*", text)):
                key = found.groupdict().get("key")
                return found.group(), f"{name}@{key}" if key else name
    return None


def _stdout_fails() -> bool:
    """Whether what was printed finds no reader or no room; it is then given up: the interpreter's last flush would fail."""
    try:
        sys.stdout.flush()
        left = _reader_left(sys.stdout.fileno())
    except (OSError, ValueError):
        left = True
    if left:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return left


def _reader_left(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _end_with_dvc() -> None:
    """A stage ends when the DVC that started it does: else the next `dvc repro` would write beside it."""
    if "DVC_STAGE" not in os.environ:
        return
    watched = _parents()

    def watch() -> None:
        while os.getppid() == watched[0] and all(_alive(pid) for pid in watched):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end with dvc").start()


def _parents() -> list[int]:
    """The process that started this one and, where that is a launcher (accelerate, torchrun), the one that started it."""
    parent = os.getppid()
    with suppress(OSError, IndexError, ValueError):  # there is no /proc everywhere
        command = Path(f"/proc/{parent}/cmdline").read_bytes()
        if b"accelerate" in command or b"torchrun" in command:
            return [parent, int(Path(f"/proc/{parent}/stat").read_text().rsplit(")", 1)[1].split()[1])]
    return [parent]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
