"""A clone of the project on the tiny profile, whose `dvc repro` can be killed at a chosen moment."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil
from ruamel.yaml import YAML

from tests.stages import tiny

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {**tiny.SETTINGS, "train.epochs": 2, "train.checkpoint_every": 2}  # a kill finds a checkpoint to go on from
RUNNING = re.compile(r"Running stage '([^']+)'")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_OUTS = {".git", ".dvc", ".cache"}
IDENTITY = {f"GIT_{role}_{what}": "kills@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass
class Run:
    """What one `dvc repro` did: the stages that began, with their seconds until the next one's beginning or the end."""

    seconds: dict[str, float] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    status: int | None = None  # None: killed


class Clone:
    """A Git clone with the tiny profile and without results; its own caches lie in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_project(cls, folder: Path) -> Clone:
        """Clone the project's last commit and commit the profile on top of it."""
        made = cls._cloned(folder, ROOT)
        yaml, path = YAML(), folder / "params.yaml"
        content = yaml.load(path.read_text(encoding="utf-8"))
        tiny.apply(content, SETTINGS | {"tasks": {name: content["tasks"][name] for name in tiny.TASKS}})
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
        made.git("rm", "-q", "-r", "--cached", "metrics")
        made.git("clean", "-q", "-f", "-d", "metrics")
        made.git("commit", "-q", "-a", "-m", "tiny profile without results")
        return made

    @classmethod
    def of_commit(cls, folder: Path, other: Clone) -> Clone:
        """A clone at the commit of another clone, even if the project has moved on."""
        return cls._cloned(folder, other.folder)

    @classmethod
    def _cloned(cls, folder: Path, source: Path) -> Clone:
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(source), str(folder)], check=True)
        return cls(folder)

    def git(self, *arguments: str) -> str:
        """The output of a Git command in the clone."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def environment(self) -> dict[str, str]:
        """This process's environment, its interpreter first on the path, without variables that point out of the clone."""
        kept = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "PYTHONPATH")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return kept | IDENTITY | {"PATH": path, "DVC_NO_ANALYTICS": "1"}

    def repro(self, kill_after: Callable[[str], float | None] = lambda stage: None) -> Run:
        """One `dvc repro`.

        Args:
            kill_after: at the beginning of each stage, in how many seconds all processes are to be killed (SIGKILL, so that
                none can tidy up); None for not at all. A moment that has not come when the next stage begins stays.
        """
        run, lines, moment = Run(), SimpleQueue[str | None](), float("inf")
        process = subprocess.Popen(
            ["dvc", "repro"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        stage, since = "", time.monotonic()
        while True:
            try:
                line = lines.get(timeout=min(max(0.0, moment - time.monotonic()), 3600))
            except Empty:
                kill_session(process.pid)
                process.wait()
                break
            now = time.monotonic()
            if line is None:
                run.status = process.wait()
                break
            run.output.append(line)
            if begun := RUNNING.search(line):
                run.seconds[stage] = now - since
                stage, since = begun.group(1), now
                after = kill_after(stage)
                moment = min(moment, now + after) if after is not None else moment
        run.seconds[stage] = time.monotonic() - since
        run.seconds.pop("", None)
        return run

    def files(self) -> dict[str, str]:
        """SHA-256 of every file but those of Git, DVC and the machine-local cache, by path."""
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in self._walk()}

    def _walk(self) -> Iterator[Path]:
        for top, folders, names in os.walk(self.folder):
            if Path(top) == self.folder:
                folders[:] = [name for name in folders if name not in NOT_OUTS]
            folders[:] = [name for name in folders if name != "__pycache__"]
            yield from (Path(top) / name for name in names)

    def untracked(self) -> set[str]:
        """The files that `git status` lists as untracked."""
        shown = self.git("status", "--porcelain", "--untracked-files=all").splitlines()
        return {line[3:] for line in shown if line.startswith("??")}

    def cached(self) -> Counter[str]:
        """Files of the machine-local cache; the names that Chroma draws at random are one."""
        folder = self.folder / ".cache"
        files = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        return Counter(UUID.sub("UUID", name) for name in files)


def kill_session(leader: int) -> None:
    """SIGKILL for every process of a session, until none is left: a pool may be starting one at this moment."""
    while True:
        alive = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process.pid)
            except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                continue
        if not alive:
            return
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
