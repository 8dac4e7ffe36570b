"""The cache says what it holds, and is cleaned of what nobody uses: never of what was paid for, unasked, or is in use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from esi import cache, files, sealed
from esi.cqa.retrieve.vector_cache import VectorCache
from esi.cqa.write.answer_cache import AnswerCache
from esi.train.checkpoint import Checkpoint
from tests.conftest import ROOT

DAY = 86_400


@pytest.fixture
def full(own_cache: Path) -> Path:
    """A cache with an entry of most kinds, all 100 days old."""
    AnswerCache(files.cache_folder("answers")).put({"a": 1}, {"text": "t"})
    VectorCache(files.cache_folder("embeddings"), None, "m").put("text", np.ones(3))
    sealed.write_arrays(files.cache_folder("embeddings") / "x.npz", {"z": np.ones(3)})
    sealed.sealed_folder(
        files.cache_folder("signals") / "s", lambda work: (work / "signals.npy").write_bytes(b"abc") and None
    )
    files.write_json(files.cache_folder("batches") / "b.json", {})
    (files.cache_folder("checkpoints") / "old").mkdir()
    (own_cache / "checkpoints/old/state.pt").write_bytes(b"state")
    (files.cache_folder("signals") / ".s.partial.lock").touch()
    for path in own_cache.rglob("*"):
        os.utime(path, (time.time() - 100 * DAY,) * 2)
    return own_cache


def names(found: list[cache.Entry]) -> list[tuple[str, str]]:
    return sorted((entry.kind, entry.path.suffix) for entry in found)


def cleaned(root: Path, *kinds: str, days: float = 30, dry_run: bool = False) -> list[str]:
    return [entry.kind for entry in cache.clean(list(cache.entries(root)), list(kinds), days, time.time(), dry_run)]


def test_every_kind_is_listed_with_size_and_age(full: Path) -> None:
    found = list(cache.entries(full))
    assert [entry.kind for entry in found] == ["answers", "batches", "checkpoints", "vectors", "embeddings", "signals"]
    assert all(entry.size > 0 for entry in found if entry.kind != "batches")
    table = cache.listing(found, time.time())
    assert "signals" in table
    assert "100 to 100" in table
    assert table.count("(paid for)") == 3


def test_old_entries_go_and_what_was_paid_for_stays(full: Path) -> None:
    assert cleaned(full, days=101) == []
    assert cleaned(full, dry_run=True) == ["checkpoints", "embeddings", "signals"]
    assert cleaned(full) == ["checkpoints", "embeddings", "signals"]
    assert [entry.kind for entry in cache.entries(full)] == ["answers", "batches", "vectors"]
    assert cleaned(full, days=0) == []


@pytest.mark.parametrize("kind", cache.PAID)
def test_what_was_paid_for_goes_where_it_is_named(full: Path, kind: str) -> None:
    assert cleaned(full, kind) == [kind]


def test_use_makes_an_entry_young(full: Path) -> None:
    assert sealed.read_arrays(full / "embeddings/x.npz")
    sealed.sealed_folder(full / "signals/s", lambda work: None)
    AnswerCache(full / "answers").get({"a": 1})
    VectorCache(full / "embeddings", None, "m").get("text")
    assert cleaned(full, "answers", "vectors", "embeddings", "signals") == []


def test_the_checkpoint_of_a_running_process_stays(own_cache: Path) -> None:
    checkpoint = Checkpoint({"run": 1})
    checkpoint.save({"done": torch.tensor(1)})
    assert cleaned(own_cache, days=0) == []
    again = [sys.executable, "-m", "esi.cache", "clean", "--older-than", "0"]
    said = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "0 entries, 0.0 MB removed" in said
    checkpoint.delete()
    assert not list(own_cache.rglob("state.pt"))


def test_a_checkpoint_whose_process_was_killed_goes(own_cache: Path) -> None:
    code = "import os; from esi.train.checkpoint import Checkpoint; Checkpoint({}).save({'a': 1}); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert cleaned(own_cache, days=0) == ["checkpoints"]


def test_what_a_process_builds_stays(own_cache: Path) -> None:
    with files.locked(files.cache_folder("signals") / "s.partial"), files.replacing(own_cache / "controls/a.npz"):
        assert cleaned(own_cache, days=0) == []
    assert cleaned(own_cache, days=0) == ["controls", "signals"]


def test_the_command_says_what_is_wrong(full: Path) -> None:
    for arguments in (["clean", "--kind", "signalz"], ["clean", "--older-than", "-1"], ["clean", "--older-than", "nan"]):
        run = subprocess.run([sys.executable, "-m", "esi.cache", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 1
        assert "Traceback" not in run.stderr
