"""A lock file that a kill cut anywhere: DVC reads what the doctor makes of it, and no record in it is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.dvc_lock import repaired, stages_in, without_stages_of_the_past
from tests.conftest import ROOT

COMMITTED = (ROOT / "dvc.lock").read_text(encoding="utf-8")
WHOLE = COMMITTED[: [entry.start() for entry in re.finditer(r"^  \S", COMMITTED, re.MULTILINE)][8]]  # DVC's YAML is slow
STAGES = stages_in(WHOLE) or {}
OLD = WHOLE.replace("md5: ", "md5: 0")  # a commit with other records for all stages
OLD_STAGES = stages_in(OLD) or {}
DAMAGED = OLD[: OLD.index("md5: ", 3000) + 2]  # within a key: DVC refuses it


def test_the_committed_lock_is_whole() -> None:
    assert len(stages_in(COMMITTED) or {}) > 20
    assert len(STAGES) == 8
    assert STAGES.keys() == OLD_STAGES.keys()


@pytest.mark.parametrize("committed", ["", OLD, DAMAGED], ids=["nothing", "older records", "a damaged file"])
@given(st.integers(0, len(WHOLE) - 1))
@hypothesis.settings(max_examples=25, deadline=None)
def test_a_cut_anywhere(committed: str, cut: int) -> None:
    made = stages_in(repaired(WHOLE[:cut], committed))
    assert made is not None, "DVC reads it"
    kept = [name for name in made if made[name] == STAGES[name]]
    before = WHOLE[:cut].count("\n    cmd: ")
    assert len(kept) >= before - 1, "no whole record before the cut is lost, but for the last"
    if committed == OLD:
        assert made.keys() == STAGES.keys()
    assert all(made[name] in (STAGES[name], OLD_STAGES[name]) for name in made), "and none is half of one"


def test_a_merge_conflict() -> None:
    middle = WHOLE.index("\n  ", len(WHOLE) // 2)
    text = f"{WHOLE[:middle]}\n<<<<<<< HEAD\n    cmd: a\n=======\n    cmd: b\n>>>>>>> other{WHOLE[middle:]}"
    assert stages_in(text) is None
    assert (stages_in(repaired(text, OLD)) or {}).keys() == STAGES.keys()


def test_stages_of_the_past_are_left_out() -> None:
    pipeline = "stages: {simulate: {cmd: a}, locate: {foreach: [ptbxl], do: {cmd: b}}}"
    made = stages_in(without_stages_of_the_past(WHOLE, pipeline)) or {}
    assert made == {name: STAGES[name] for name in STAGES if name == "simulate" or name.startswith("locate@")}
    assert 1 < len(made) < len(STAGES)


def doctor(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-c", "import runpy; runpy.run_module('stages.doctor', run_name='__main__', alter_sys=True)"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*command, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_command_names_what_is_wrong_mends_it_and_then_finds_nothing(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    lock, rwlock = tmp_path / "dvc.lock", tmp_path / ".dvc/tmp/rwlock"
    cut = WHOLE[: WHOLE.index("    outs:", 8000) + 6]
    lock.write_text(cut)
    rwlock.parent.mkdir(parents=True)
    rwlock.write_text('{"read": {"data/ecg": [{"pid":')
    status, said = doctor(tmp_path)
    assert status == 1
    assert "dvc.lock is cut or damaged" in said
    assert "rwlock, DVC's list of running stages, is cut or damaged" in said
    assert lock.read_text() == cut, "without --repair nothing is changed"
    status, said = doctor(tmp_path, "--repair")
    assert status == 0
    assert "`dvc repro` goes on" in said
    assert stages_in(lock.read_text())
    assert doctor(tmp_path) == (0, "params.yaml, dvc.lock and DVC's own locks are whole\n")
    (tmp_path / "dvc.yaml").unlink()
    assert doctor(tmp_path) == (1, "doctor: there is no dvc.yaml here: run it at the root of the project\n")
