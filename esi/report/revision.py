"""The files of a run as they are in one git revision, by DVC: what git tracks, and what DVC keeps in its cache."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.fs import localfs
from dvc.scm import resolve_rev
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from esi.errors import EsiError
from esi.report.inputs import Line

WORKSPACE = "workspace"


class Revision:
    """A revision of the project in the working directory.

    Attributes:
        name: an experiment, another git revision, or `workspace`. commit: None for the workspace.
        settings: its params.yaml.
    """

    def __init__(self, name: str) -> None:
        """Open it.

        Raises:
            EsiError: there is no such revision, or no params.yaml and dvc.lock in it.
        """
        self.name = name
        try:
            self.commit = None if name == WORKSPACE else resolve_rev(DVCFileSystem().repo.scm, name)
            tracked = DVCFileSystem(rev=self.commit)
            self._files = localfs if name == WORKSPACE else tracked
            stages = {getattr(stage, "name", "") for stage in tracked.repo.index.stages}
        except (DvcException, OSError, AttributeError) as error:
            raise EsiError(
                f"{name} is no experiment and no other revision that can be read here ({error}): `dvc exp list` names them, "
                "`dvc exp pull` fetches those of others"
            ) from None
        self.settings = self._yaml("params.yaml")
        recorded = self._yaml("dvc.lock").get("stages") or {}
        # dvc.lock still holds stages that dvc.yaml does not have any more
        self._stages: dict[str, Any] = {stage: content for stage, content in recorded.items() if stage in stages}

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of a folder's files with this suffix, without it; none where there is no folder."""
        if not self._files.isdir(folder):
            return []
        found = (posixpath.basename(path) for path in self._files.ls(folder, detail=False))
        return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))

    def numbers(self, path: str) -> dict[str, Any]:
        """A JSON object; {} where there is no such file.

        Raises:
            EsiError: it is not one.
        """
        text = self._text(path)
        try:
            content = json.loads(text) if text is not None else {}
        except json.JSONDecodeError as error:
            raise EsiError(f"{self.name}: {path} cannot be read as JSON ({error}): run the experiment again") from None
        if not isinstance(content, dict):
            raise EsiError(f"{self.name}: {path} holds no JSON object: run the experiment again")
        return content

    def lines(self, path: str) -> list[Line] | None:
        """The lines of a CSV table; None where there is no such file.

        Raises:
            EsiError: a line has more or fewer fields than the header.
        """
        text = self._text(path)
        if text is None:
            return None
        lines: list[dict[Any, Any]] = list(csv.DictReader(io.StringIO(text)))
        for number, line in enumerate(lines, 2):
            if None in line or None in line.values():
                raise EsiError(f"{self.name}: {path}, line {number}: not as many fields as the header: run it again")
        return lines

    def why_old(self, path: str) -> str | None:
        """Why a file is not of a run with this revision's settings; None where it is.

        `dvc exp run -S describe.top_k=3 score_descriptions` leaves all other figures as they were: with the old settings.
        """
        stage = next((name for name in self._stages if any(_meet(path, out) for out in self._paths(name, "outs"))), None)
        if stage is None:
            return f"dvc.lock names no stage that writes {path}"
        seen: dict[str, tuple[str, str]] = {}
        for name in self._upstream(stage):
            for key, value in self._stages[name].get("params", {}).get("params.yaml", {}).items():
                if value != self._setting(key):
                    return f"stage {name} was run with other settings in {key}"
            for kind in ("deps", "outs"):
                for where, content in self._paths(name, kind).items():
                    other, before = seen.setdefault(where, (name, content))
                    if content != before:
                        return f"stages {other} and {name} were run with different contents of {where}"
        return None

    def _upstream(self, stage: str) -> Iterator[str]:
        """A stage and all whose outs it needs."""
        todo, seen = [stage], set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                yield name
                deps = self._paths(name, "deps")
                todo += [
                    other
                    for other in self._stages
                    if any(_meet(dep, out) for out in self._paths(other, "outs") for dep in deps)
                ]

    def _paths(self, stage: str, kind: str) -> dict[str, str]:
        return {posixpath.normpath(item["path"]): item.get("md5", "") for item in self._stages[stage].get(kind, [])}

    def _setting(self, key: str) -> Any:
        value: Any = self.settings
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _yaml(self, path: str) -> dict[str, Any]:
        text = self._text(path)
        if text is None:
            raise EsiError(f"{self.name} has no {path}: it is no run of this project")
        try:
            content = YAML(typ="safe").load(text)
        except YAMLError as error:
            raise EsiError(f"{self.name}: {path} cannot be read ({error}): take another revision") from None
        return content if isinstance(content, dict) else {}

    def _text(self, path: str) -> str | None:
        if not self._files.exists(path):
            return None
        try:
            return self._files.read_text(path, encoding="utf-8")
        except (OSError, DvcException, UnicodeDecodeError) as error:
            raise EsiError(
                f"{self.name}: {path} cannot be read ({error}): where the experiment was run elsewhere, `dvc exp pull` it"
            ) from None


def _meet(one: str, other: str) -> bool:
    """Whether a path is another, or lies within it, or holds it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
