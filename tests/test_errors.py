"""Faults of the machine and signals, as real libraries and real processes meet them: one sentence and the usual status."""

from __future__ import annotations

import errno
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from matplotlib.figure import Figure

from esi.command import run
from esi.errors import EsiError
from esi.faults import sentence_of
from tests.conftest import ROOT

GOES_ON = "it goes on from what is finished"
DISK_FULL = f"the disk is full: make room, and run it again: {GOES_ON}"
FULL = Path("/dev/full")
TABLE = pl.DataFrame({"number": range(100_000)})
WRITERS: dict[str, Callable[[str], object]] = {
    "text": lambda path: Path(path).write_text("x" * 100_000),
    "numpy": lambda path: np.zeros(100_000).tofile(path),
    "arrow": lambda path: pq.write_table(TABLE.to_arrow(), path),
    "polars": TABLE.write_parquet,
    "polars csv": TABLE.write_csv,
    "torch": lambda path: torch.save({"weight": torch.zeros(100_000)}, path),
    "picture": lambda path: Figure().savefig(path, format="png"),
}


def caught(action: Callable[[], object]) -> Exception:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_whoever_writes(tmp_path: Path, writer: str) -> None:
    if not FULL.exists():
        pytest.skip("the system has no /dev/full")
    path = tmp_path / "full"
    path.symlink_to(FULL)  # pyarrow removes what it could not write
    sentence = sentence_of(caught(lambda: WRITERS[writer](str(path))))
    assert sentence is not None
    assert sentence.endswith(DISK_FULL)


def full_database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("pragma max_page_count = 2")
    connection.execute("create table t (x)")
    return connection


def read_only(path: Path) -> sqlite3.Connection:
    sqlite3.connect(path).close()
    path.touch()
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def test_a_database_says_it_in_its_own_words(tmp_path: Path) -> None:
    full = caught(lambda: full_database(tmp_path / "a").execute("insert into t values (zeroblob(100000))"))
    assert DISK_FULL in (sentence_of(full) or "")
    closed = caught(lambda: read_only(tmp_path / "b").execute("create table t (x)"))
    assert "the file system is read-only" in (sentence_of(closed) or "")


@pytest.mark.parametrize(
    "action",
    [
        lambda: bytearray(1 << 60),
        lambda: np.zeros(1 << 55),
        lambda: torch.zeros(1 << 55),
        lambda: pa.allocate_buffer(1 << 60),
    ],
    ids=["python", "numpy", "torch", "arrow"],
)
def test_too_little_memory_whoever_asks(action: Callable[[], object]) -> None:
    sentence = sentence_of(caught(action)) or ""
    assert "memory is short: free some, or make batches smaller" in sentence
    assert sentence.endswith(GOES_ON)


def test_the_memory_of_a_gpu() -> None:
    sentence = sentence_of(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")) or ""
    assert sentence.startswith("the GPU's memory is short: free some, or make batches smaller (train.batch_size")


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "larger than the system allows"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EMFILE, r"too many files are open: raise the limit \(`ulimit -n`\)"),
        (errno.EIO, "the disk reports an input/output error"),
        (errno.ENOTDIR, "a file lies where a folder must be"),
        (errno.ESTALE, "the network folder has gone away"),
    ],
)
def test_what_the_system_refuses_is_named_with_its_file(number: int, what: str) -> None:
    for error in (
        OSError(number, os.strerror(number), "data/ecg/a"),
        RuntimeError(f"data/ecg/a: I/O error: (os error {number})"),  # Rust: polars, safetensors, tokenizers
        OSError(f"[Errno {number}] Error writing bytes to file data/ecg/a"),
    ):
        sentence = sentence_of(error) or ""
        assert "data/ecg/a" in sentence
        assert re.search(what, sentence)


def test_a_fault_behind_another_error_counts_and_what_was_only_being_handled_does_not() -> None:
    def behind(fault: OSError) -> Exception:
        def action() -> None:
            try:
                raise fault
            except OSError:
                raise KeyError("weight")  # noqa: B904

        return caught(action)

    assert DISK_FULL in (sentence_of(behind(OSError(errno.ENOSPC, "full"))) or "")
    assert sentence_of(behind(FileNotFoundError(errno.ENOENT, "missing", "no cache yet"))) is None
    assert "memory" in (sentence_of(BrokenProcessPool("A process was terminated abruptly")) or "")


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), RuntimeError("shapes differ"), TypeError("x"), IndexError()]
)
def test_a_fault_of_the_code_keeps_its_traceback(error: Exception) -> None:
    def main() -> None:
        raise error

    assert sentence_of(error) is None
    with pytest.raises(type(error)):
        run(main)


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (
            lambda: pq.read_table("data/descriptions.parquet"),
            "the stage describe makes: run `dvc repro describe` first",
        ),
        (lambda: pl.read_parquet("data/ecg/mimic/part-00000.parquet"), "which the stage ingest@mimic makes"),
        (lambda: Path("metrics/pairs.json").read_text(), "metrics/pairs.json is missing, which the stage pairs makes"),
        (lambda: np.load("data/model/x.npy"), "which the stage pretrain makes"),
        (lambda: Path("data/nobody.csv").read_text(), "data/nobody.csv: there is no such file or folder: put it there"),
    ],
)
def test_a_missing_file_names_the_stage_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[], object], sentence: str
) -> None:
    (tmp_path / "dvc.yaml").symlink_to(ROOT / "dvc.yaml")
    monkeypatch.chdir(tmp_path)
    assert sentence in (sentence_of(caught(read)) or "")


def test_a_sentence_does_not_steer_the_terminal() -> None:
    def main() -> None:
        raise EsiError("notes.hea: the label \x1b[2J\x1b]0;owned\x07 is unknown\nits age\r is none\x9b31m")

    with pytest.raises(SystemExit) as ended:
        run(main, name="ingest")
    assert ended.value.code == "ingest: notes.hea: the label  [2J ]0;owned  is unknown\nits age  is none 31m"


def test_a_user_error_and_ctrl_c_in_a_program_that_calls_it() -> None:
    def main(kind: str) -> None:
        if kind == "error":
            raise EsiError("data/x.csv: mend it")
        raise KeyboardInterrupt

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], sys.excepthook
    with pytest.raises(SystemExit, match="test_errors error: data/x.csv: mend it"):
        run(main, "error")
    with pytest.raises(SystemExit) as stopped:
        run(main, "interrupt")
    assert stopped.value.code == 130
    assert ([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], sys.excepthook) == before


WRITING = """
import os, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from esi.command import run
from esi.files import replacing

def write(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        os.write(1, b"begun\\n")
        time.sleep(60 if path == "out" else 1)

def main():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(write, "by a thread")
        write("out")

if __name__ == "__main__":
    run(main)
"""


def started(folder: Path, *, parent: str = "", **environment: str) -> subprocess.Popen[str]:
    (folder / "writing.py").write_text(WRITING)
    process = subprocess.Popen(
        [*parent.split(), sys.executable, "writing.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # these tests themselves may run under nohup
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_a_command_in_order(tmp_path: Path, name: str, times: int) -> None:
    process = started(tmp_path)
    for _ in range(times):  # `timeout` sends it to the process and to its group
        process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert said.strip() == f"writing: stopped ({name}); the same command goes on from what is finished"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["by a thread", "writing.py"], (
        "what a thread has begun is whole"
    )


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    process = started(tmp_path, parent="nohup")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143, "SIGHUP, which came first, is ignored under nohup"


def test_ctrl_c_while_modules_are_imported(tmp_path: Path) -> None:
    (tmp_path / "polars.py").write_text("import time; print('begun', flush=True); time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.pairs"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (
        130,
        "pairs: stopped (SIGINT); the same command goes on from what is finished",
    )


def test_a_stage_ends_when_its_dvc_is_killed(tmp_path: Path) -> None:
    (tmp_path / "writing.py").write_text(WRITING)
    code = "import subprocess, sys; subprocess.run([sys.executable, 'writing.py'])"
    dvc = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_STAGE": "writing"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert dvc.stdout is not None
    assert [dvc.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
    (stage,) = psutil.Process(dvc.pid).children()
    dvc.kill()
    dvc.wait()
    stage.wait(30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["by a thread", "writing.py"]


def printed_to(writing: int, tmp_path: Path) -> tuple[int, str]:
    (tmp_path / "list.txt").write_text("Sinus rhythm\n")
    command = [sys.executable, "-m", "esi.ecg.statements", str(tmp_path / "list.txt")]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    return done.returncode, done.stderr.strip()


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert printed_to(writing, tmp_path) == (141, "")


def test_a_full_disk_under_the_output(tmp_path: Path) -> None:
    if not FULL.exists():
        pytest.skip("the system has no /dev/full")
    assert printed_to(os.open(FULL, os.O_WRONLY), tmp_path) == (1, f"statements: {DISK_FULL}")


def test_a_stage_on_a_full_disk_leaves_the_old_out_and_no_litter(tmp_path: Path) -> None:
    """The stage `chunk` where no file may grow beyond 4 KB, which the system refuses as it does on a full disk."""
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    (tmp_path / "data/knowledge").mkdir(parents=True)
    (tmp_path / "data/textbooks").symlink_to(ROOT / "data/textbooks")
    old = tmp_path / "data/knowledge/chunks.parquet"
    old.write_text("old")
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "runpy.run_module('stages.chunk', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("chunk: ")
    assert GOES_ON in done.stderr
    assert "Traceback" not in done.stderr
    assert old.read_text() == "old"
    assert [path.name for path in old.parent.iterdir()] == ["chunks.parquet"]
