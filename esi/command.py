"""How a stage or another command runs: errors and signals end it with a sentence, no traceback and no half file.

What is neither an `EsiError` nor a fault of the machine is a fault of the code, and keeps its traceback.
"""

from __future__ import annotations

import inspect
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from esi.faults import sentence_of

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
ONE_REQUEST_S = 1.0  # `timeout` and some shells signal both the process and its group


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
