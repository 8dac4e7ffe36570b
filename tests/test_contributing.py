"""The recipes of CONTRIBUTING.md, done as they stand there in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
RECIPES = [title for title in SECTIONS if title.startswith("A new ")]
BLOCK = re.compile(r"(?:^`(?P<file>[\w./-]+)`:$)|(?:^```(?P<kind>\w+)\n(?P<text>.*?)^```$)", re.MULTILINE | re.DOTALL)


def steps(recipe: str) -> Iterator[tuple[str, str, str]]:
    """Kind, file and text of each block of a recipe; an edit without a file's name is one of the file before."""
    file = ""
    for found in BLOCK.finditer(SECTIONS[recipe]):
        file = found["file"] or file
        if found["kind"] is not None:
            yield found["kind"], file, found["text"]


def edited(text: str, diff: str) -> str:
    """The text with the lines of a `diff` block: those with a plus are put in, those with a minus go, others stand there."""
    lines = [(line[:1], line[1:]) for line in diff.splitlines()]
    before = "".join(f"{line}\n" for mark, line in lines if mark != "+")
    after = "".join(f"{line}\n" for mark, line in lines if mark != "-")
    assert text.count(before) == 1, f"stands there {text.count(before)} times:\n{before}"
    return text.replace(before, after)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's own files, in a repository of their own."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "docs/")) and name != "dvc.lock":
            (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "copy" / name)
    run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -q -m copy", tmp_path / "copy")
    return tmp_path / "copy"


def run(command: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DVC_"))}
    environment |= {"PATH": path, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_as_it_is_written(copy: Path, recipe: str) -> None:
    kinds, files = [], set()
    for kind, file, text in steps(recipe):
        kinds.append(kind)
        files |= {file} if file.endswith(".py") else set()
        if kind == "python":
            assert not (copy / file).exists(), f"{file} is there already"
            (copy / file).write_text(text)
        elif kind == "diff":
            (copy / file).write_text(edited((copy / file).read_text(), text))
        elif kind == "sh":
            run(text, copy)
    assert {"python", "diff", "sh"} <= set(kinds), "a file, an edit and a command"
    run(f"ruff check {' '.join(sorted(files))} && ruff format --check {' '.join(sorted(files))}", copy)


def test_an_edit_whose_place_is_not_there_is_refused() -> None:
    assert edited("a\nb\n", " a\n+x\n") == "a\nx\nb\n"
    assert edited("a\nb\n", "-a\n+x\n b\n") == "x\nb\n"
    with pytest.raises(AssertionError, match="stands there 0 times"):
        edited("a\nb\n", " c\n+x\n")
    with pytest.raises(AssertionError, match="stands there 2 times"):
        edited("a\na\n", " a\n+x\n")


def test_the_recipes_that_are_promised_are_there() -> None:
    assert {"A new signal encoder", "A new data set", "A new pretraining method"} <= set(RECIPES)
