"""The files of a run as they are in one git revision, by DVC: what git tracks, and what DVC keeps in its cache."""

from __future__ import annotations

import posixpath
from typing import Any

from dvc.api import DVCFileSystem
from dvc.dependency import Dependency, ParamsDependency
from dvc.exceptions import DvcException, OutputNotFoundError
from dvc.fs import localfs
from dvc.repo.graph import get_subgraph_of_nodes
from dvc.scm import resolve_rev
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from esi.errors import EsiError
from esi.report.inputs import Line, parse_json, parse_lines

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
            EsiError: there is no such revision, or no params.yaml in it.
        """
        self.name = name
        try:
            self.commit = None if name == WORKSPACE else resolve_rev(DVCFileSystem().repo.scm, name)
            tracked = DVCFileSystem(rev=self.commit)
            self._files = localfs if name == WORKSPACE else tracked
            self._repo = tracked.repo
            self._needs = self._repo.index.graph  # from each stage to those whose outs it needs
        except (DvcException, OSError, AttributeError) as error:
            raise EsiError(
                f"{name} is no experiment and no other revision that can be read here ({error}): `dvc exp list` names them, "
                "`dvc exp pull` fetches those of others"
            ) from None
        try:
            content = YAML(typ="safe").load(self._text("params.yaml") or "")
        except YAMLError as error:
            raise EsiError(f"{name}: params.yaml cannot be read ({error}): take another revision") from None
        if not isinstance(content, dict):
            raise EsiError(f"{name} has no params.yaml: it is no run of this project")
        self.settings: dict[str, Any] = content

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names of a folder's files with this suffix, without it; none where there is no folder."""
        if not self._files.isdir(folder):
            return []
        paths = [posixpath.basename(path) for path in self._files.ls(folder, detail=False)]
        return sorted(path.removesuffix(suffix) for path in paths if path.endswith(suffix))

    def numbers(self, path: str) -> dict[str, Any]:
        """A JSON object; {} where there is no such file. Raises EsiError where it is not one."""
        text = self._text(path)
        return {} if text is None else parse_json(text, f"{self.name}: {path}")

    def lines(self, path: str) -> list[Line] | None:
        """The lines of a CSV table; None where there is no such file. Raises EsiError where a line has not all fields."""
        text = self._text(path)
        return None if text is None else parse_lines(text, f"{self.name}: {path}")

    def why_old(self, path: str) -> str | None:
        """Why a file is not of a run with this revision's settings, by DVC's record of each stage that it comes from.

        `dvc exp run -S describe.top_k=3 score_descriptions` leaves all other figures as they were: with the old settings.

        Returns:
            None where it is.
        """
        try:
            [out] = self._repo.find_outs_by_path(self._repo.fs.join(self._repo.root_dir, path))
        except OutputNotFoundError:
            return f"no stage writes {path}"
        seen: dict[str, tuple[str, Any]] = {}
        for stage in get_subgraph_of_nodes(self._needs, [out.stage]):
            for item in (*stage.deps, *stage.outs):
                if not item.hash_info:
                    return f"dvc.lock does not say with which {item} stage {stage.name} was run"
                if isinstance(item, ParamsDependency):
                    for key in item.status().get(str(item), ()):
                        return f"stage {stage.name} was run with other settings in {key}"
                else:
                    other, before = seen.setdefault(item.def_path, (stage.name, item.hash_info))
                    if item.hash_info != before:
                        return f"stages {other} and {stage.name} were run with different contents of {item.def_path}"
            for dep in stage.deps:
                if maker := self._made_another(dep):
                    return f"stages {maker} and {stage.name} were run with different contents of {dep.def_path}"
        return None

    def _made_another(self, dep: Dependency) -> str | None:
        """The stage that writes the folder in which a dependency is a file, where it wrote another file than that."""
        try:
            [out] = self._repo.find_outs_by_path(dep.fs_path, strict=False)
        except OutputNotFoundError:
            return None
        made = (
            None if out.fs_path == dep.fs_path else out.get_obj(dep.fs_path)
        )  # None as well where the cache lacks the folder
        return None if made is None or made.oid == dep.hash_info.value else str(out.stage.name)

    def _text(self, path: str) -> str | None:
        if not self._files.exists(path):
            return None
        try:
            return self._files.read_text(path, encoding="utf-8")
        except (OSError, DvcException, UnicodeDecodeError) as error:
            raise EsiError(
                f"{self.name}: {path} cannot be read ({error}): where the experiment was run elsewhere, `dvc exp pull` it"
            ) from None
