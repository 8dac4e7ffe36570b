"""Every `-S` that the project shows anywhere gives valid settings, by the functions with which `dvc exp run` reads it."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from ruamel.yaml import YAML

from esi import params
from esi.download.catalogue import RELEASES
from tests.conftest import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks/README.md"]
COMMENTED = [ROOT / "params.yaml", ROOT / "dvc.yaml"]
SOURCES = sorted((ROOT / "esi").rglob("*.py"))
TABLES = sorted((ROOT / "esi").rglob("*.toml"))  # what the report proposes where a figure is missing


def of_shell(text: str) -> Iterator[tuple[str, ...]]:
    """The overrides of each command in a piece of shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if shown := tuple(value for flag, value in pairwise(words) if flag == "-S"):
            yield shown


def shown_by_pages() -> Iterator[tuple[str, ...]]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        spans = [span.replace("\n", " ") for span in re.findall("`([^`]+)`", FENCE.sub("", text)) if "-S " in span]
        for piece in [*(block for language, block in FENCE.findall(text) if language == "sh"), *spans]:
            yield from of_shell(piece)


def shown_by_comments() -> Iterator[tuple[str, ...]]:
    for path in COMMENTED:
        for comment in re.findall(r"(?:^|\s)# ?(.*)", path.read_text(encoding="utf-8")):
            for piece in [*re.findall("`([^`]+)`", comment), *re.findall("^ *(dvc exp run.*)", comment)]:
                yield from of_shell(piece if "-S " in piece else "")


def strings(content: Any) -> Iterator[str]:
    """Every text within nested tables and lists."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from strings(part)


def shown_by_code() -> Iterator[tuple[str, ...]]:
    """Commands in strings: what the report and the messages of errors propose, and `esi-data download` at its end."""
    in_code = [node for path in SOURCES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = [node.value for node in in_code if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    texts += [text for path in TABLES for text in strings(tomllib.loads(path.read_text(encoding="utf-8")))]
    for text in texts:
        if "-S " in text:
            filled = text.replace("{0}", "vit")
            for piece in re.findall("`([^`]+)`", filled) or [filled] * ("dvc exp run" in filled):
                yield from of_shell(piece)
    for release in RELEASES.values():
        if release.settings:
            yield tuple(setting.format(root="/data/release", to="/data") for setting in release.settings)


FOUND = {"pages": {*shown_by_pages()}, "comments": {*shown_by_comments()}, "code": {*shown_by_code()}}


def settings_of(folder: Path, overrides: tuple[str, ...]) -> list[params.Params]:
    """What `dvc exp run -S ...` makes of params.yaml; several for a series."""
    ((file, given),) = to_path_overrides(overrides).items()
    made = []
    for number, sweep in enumerate(get_hydra_sweeps({file: given})):
        path = Path(shutil.copy(ROOT / file, folder / f"{number}.yaml"))
        apply_overrides(path, sweep[file])
        made.append(params.load(path))
    return made


def test_they_are_found() -> None:
    assert [len(FOUND[place]) >= least for place, least in (("pages", 40), ("comments", 4), ("code", 25))] == [True] * 3
    assert ("simulate.prevalence={ptbxl: {AFIB: 0.2, NORM: 0.3}}",) in FOUND["pages"] & FOUND["comments"]


@pytest.mark.parametrize("shown", sorted(set().union(*FOUND.values())), ids=" ".join)
def test_an_override_that_is_shown(tmp_path: Path, shown: tuple[str, ...]) -> None:
    assert settings_of(tmp_path, shown)


def test_it_says_what_it_says(tmp_path: Path) -> None:
    (made,) = settings_of(tmp_path, ("simulate.prevalence={ptbxl: {AFIB: 0.2}, icbeb: {}}",))
    assert made.simulate.prevalence == {"ptbxl": {"AFIB": 0.2}, "icbeb": {}}
    (made,) = settings_of(tmp_path, ("describe.extra_body={chat_template_kwargs: {enable_thinking: false}}",))
    assert made.describe.extra_body == {"chat_template_kwargs": {"enable_thinking": False}}
    (made,) = settings_of(
        tmp_path, ("identify.seconds={ptbxl: 4.0}", "+identify.seconds.chapman=5.0", "~identify.seconds.icbeb")
    )
    assert made.identify.seconds == {"ptbxl": 4.0, "chapman": 5.0}


def defaults(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    yield key, content
    if isinstance(content, dict):
        for name, value in content.items():
            yield from defaults(value, f"{key}.{name}".lstrip("."))


def test_no_default_is_an_empty_mapping_which_takes_no_override() -> None:
    content = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert len(content) > 20
    assert [key for key, value in defaults(content) if value == {}] == []
