"""A process that is killed while it writes: nothing that git or DVC sees, nothing lost, nothing left for good."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esi import files
from tests.conftest import ROOT

DVC_YAML = """
stages:
  a: {cmd: "true", deps: [data], outs: [out, {metrics/score: {cache: false}}]}
"""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(work: Callable[[], object]) -> None:
    """Run `work` in a process that has to die of it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def write_file(path: Path, text: str, end: Callable[[], None] = lambda: None) -> None:
    with files.replacing(path) as temporary:
        temporary.write_text(text)
        end()


def write_folder(path: Path, text: str, end: Callable[[], None] = lambda: None) -> None:
    with files.replacing_folder(path) as temporary:
        (temporary / "a").write_text(text)
        end()


def dying_after(renames: int) -> Callable[[], None]:
    """From now on this process dies after so many renames."""

    def begin() -> None:
        rename, done = Path.rename, []

        def counted(self: Path, target: Path) -> Path:
            done.append(rename(self, target))
            if len(done) == renames:
                die()
            return done[-1]

        Path.rename = counted  # type: ignore[method-assign]

    return begin


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git and DVC repository with this project's ignore files, in which everything is committed."""
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    for folder in ("data/sets", "out", "metrics/score"):
        write_folder(tmp_path / folder, "old")
    write_file(tmp_path / "data/table.csv", "old")
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in ([*run, "init", "-q"], [*dvc(), "init", "-q"], [*dvc(), "commit", "-q", "-f"], [*run, "add", "."]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([*run, "commit", "-qm", "a"], cwd=tmp_path, check=True)
    return tmp_path


def dvc() -> list[str]:
    return [sys.executable, "-m", "dvc"]


def status(repository: Path) -> tuple[str, str]:
    return tuple(
        subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout
        for command in (["git", "status", "--porcelain", "--untracked-files=all"], [*dvc(), "status"])
    )


def test_neither_git_nor_dvc_sees_what_a_kill_leaves_and_the_next_run_takes_it_away(repository: Path) -> None:
    before = status(repository)
    assert before == ("", "Data and pipelines are up to date.\n")
    written = [(write_file, "data/table.csv"), (write_folder, "data/sets"), (write_folder, "out")]
    written += [(write_folder, "metrics/score"), (write_file, "metrics/score/a.json"), (write_file, "data/sets/b")]
    for write, name in written:
        killed(lambda write=write, name=name: write(repository / name, "new", die))
    assert len(left_in(repository)) == len(written)
    assert status(repository) == before
    for write, name in written:
        write(repository / name, "old")
    assert left_in(repository) == []


def left_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"{files.UNFINISHED}*"))


@pytest.mark.parametrize(("renames", "found"), [(1, "absent"), (2, "new")])
def test_a_kill_while_folders_change_places_loses_nothing(tmp_path: Path, renames: int, found: str) -> None:
    out = tmp_path / "out"
    write_folder(out, "old")
    killed(lambda: write_folder(out, "new", dying_after(renames)))
    assert (out / "a").read_text() == "new" if found == "new" else not out.exists()
    with pytest.raises(RuntimeError), files.replacing_folder(out):
        raise RuntimeError  # a run that fails: the folder is what the killed one had made
    assert (out / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "a") as one, files.replacing_folder(tmp_path / "b") as folder:
        write_file(tmp_path / "a", "other")
        write_folder(tmp_path / "b", "other")
        one.write_text("one")
        (folder / "a").write_text("one")
    assert (tmp_path / "a").read_text() == (tmp_path / "b/a").read_text() == "one"
    assert left_in(tmp_path) == []


def test_only_what_was_left_of_the_same_path_is_taken_away(tmp_path: Path) -> None:
    killed(lambda: write_folder(tmp_path / "a.json", "new", die))
    write_folder(tmp_path / "a", "other")
    write_folder(tmp_path / "json", "other")
    assert len(left_in(tmp_path)) == 1
    write_folder(tmp_path / "a.json", "new")
    assert left_in(tmp_path) == []


def test_a_link_to_a_folder_is_replaced_and_what_it_names_is_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "cache", "kept")
    (tmp_path / "out").symlink_to(tmp_path / "cache")
    write_folder(tmp_path / "out", "new")
    assert ((tmp_path / "cache/a").read_text(), (tmp_path / "out/a").read_text()) == ("kept", "new")
    assert not (tmp_path / "out").is_symlink()


def test_a_folder_in_a_files_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(files.EsiError, match=r"report\.html is a folder where a file is to be written"):
        files.write_text(tmp_path / "report.html", "text")


def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    write_file(tmp_path / "a", "text")
    write_folder(tmp_path / "b", "text")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "folder").stat().st_mode
