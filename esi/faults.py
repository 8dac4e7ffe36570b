"""Faults of the machine - disk, rights, memory, GPU - told from faults of the code, and what a user is told of them."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

from esi.errors import EsiError

SMALLER = "free some, or make batches smaller (train.batch_size or train.accumulate, evaluate.batch_size)"
AGAIN = "and run it again: it goes on from what is finished"

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
