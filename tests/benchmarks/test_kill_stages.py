"""The kill harness: whom it kills, how often, and that nobody of a session is left."""

from __future__ import annotations

import random
import subprocess
import sys

import psutil
import pytest

from benchmarks.kill_stages import State, share_out
from benchmarks.killed_clone import kill_session

SECONDS = {"simulate": 1.0, "ingest@ptbxl": 2.0, "pretrain": 97.0}


@pytest.mark.parametrize("kills", [0, 2, 3, 50])
def test_every_stage_is_killed_and_the_longest_most(kills: int) -> None:
    plan = share_out(SECONDS, kills, random.Random(0))
    assert plan == share_out(SECONDS, kills, random.Random(0))
    assert plan.total() == kills
    if kills >= len(SECONDS):
        assert plan.keys() == SECONDS.keys()
    if kills == 50:
        assert plan["pretrain"] > 40


def test_a_kill_that_came_too_late_for_its_stage_is_another_ones() -> None:
    state = State(SECONDS, {"simulate": 1, "ingest@ptbxl": 0, "pretrain": 2})
    assert state.due("simulate") == "simulate"
    assert state.due("ingest@ptbxl") is None, "simulate has not begun"
    state.begun = ["simulate"]
    assert state.due("ingest@ptbxl") == "simulate"
    assert state.due("pretrain") == "pretrain"


def test_a_whole_session_is_killed_and_nobody_else() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '600'], process_group=0); print(); sys.stdin.read()"
    leader = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=subprocess.PIPE, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"])
    assert leader.stdout is not None
    leader.stdout.readline()
    (child,) = psutil.Process(leader.pid).children()
    kill_session(leader.pid)
    assert leader.wait(30) == -9
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "a group of its own does not save it"
    assert other.poll() is None
    other.kill()
    other.wait()
