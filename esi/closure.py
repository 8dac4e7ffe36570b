"""What a module's results depend on in this project's code: the key of everything that is computed once and kept, and what
`dvc repro` goes by (stages/code.py).

A key that lists its files by hand forgets one, and an edit of that file then gives the old results back.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from esi.files import content_hash, file_hash

ROOT = Path(__file__).resolve().parents[1]  # of a clone, or of the packages that pip installs into
PACKAGES = ("esi", "stages")
# They say which settings are allowed and how a command ends; what is computed with the settings goes by their values.
NOT_FOLLOWED = {"esi", "stages", "esi.params", "esi.command", "esi.faults"}
# Of a module of settings or paths an importer depends on those that it names, and on what these are made of.
BY_DEFINITION = ("esi.settings.", "esi.paths")
# Libraries that compute what is kept, by the name that they are imported by; those that only read or write are left out.
COMPUTING = {
    "chromadb": "chromadb",
    "numba": "numba",
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "sktime": "sktime",
    "tokenizers": "tokenizers",
    "torch": "torch",
    "transformers": "transformers",
    "wfdb": "wfdb",
}
DATA = "DATA_FILES"  # a module's tuple of glob patterns, relative to its folder, of the data files that it reads


@cache
def code_hash(*modules: str, without: frozenset[str] = frozenset()) -> str:
    """SHA-256 (hex) of all code that the modules' results depend on, computed once a process: `code_of`, and the versions of
    the libraries that compute.

    Args:
        modules: usually `__name__` of the caller alone.
        without: modules that are imported and have no part in this result.

    Raises:
        ValueError: there is no such module.
    """
    libraries = sorted(
        {library for name in closure(*modules, without=without) for library in _imported(name) if library in COMPUTING}
    )
    parts = [part for item in sorted(code_of(*modules, without=without).items()) for part in item]
    return content_hash(*parts, *(f"{library} {_version(COMPUTING[library])}" for library in libraries))


def code_of(*modules: str, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """SHA-256 (hex) by file, relative to the root, of all that the modules depend on in this project's code.

    It covers the modules, what of this project they import directly or not, in functions too, the `__init__` of the packages
    on the way, and the files that a module names as DATA_FILES. Of a module of settings or paths each definition that is
    used stands for itself, as `FILE:NAME`. What is imported by a name that the program makes up is not seen: a test finds
    such imports.

    Raises:
        ValueError: there is no such module.
    """
    found = {}
    for member in closure(*modules, without=without) - NOT_FOLLOWED:
        name, _, definition = member.partition(":")
        path = module_path(name)
        assert path
        if definition:
            found[f"{_relative(path)}:{definition}"] = _definition_hash(name, definition)
        else:
            found |= {_relative(file): file_hash(file) for file in (path, *data_files(name))}
    return found


def closure(*modules: str, without: frozenset[str] = frozenset()) -> set[str]:
    """The modules and all of this project's that they import directly or not, wherever in their text; of a module of
    settings or paths what is imported from it, as `MODULE:NAME`.
    """
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        member = todo.pop()
        if member in seen or member in without:
            continue
        seen.add(member)
        todo += _used_by(member)
    return seen


def imports(name: str) -> set[str]:
    """This project's modules that a module imports anywhere in its text, lazily or not."""
    return {other for other in _imported(name) if other.split(".")[0] in PACKAGES and module_path(other)}


def data_files(name: str) -> list[Path]:
    """The files that a module names as its DATA_FILES."""
    folder = (module_path(name) or ROOT).parent
    found: set[Path] = set()
    for node in _tree(name).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == DATA for to in node.targets):
            found.update(file for pattern in ast.literal_eval(node.value) for file in _glob(folder, pattern))
    return sorted(found)


def _glob(folder: Path, pattern: str) -> Iterator[Path]:
    while pattern.startswith("../"):
        folder, pattern = folder.parent, pattern[3:]
    return (file for file in folder.glob(pattern) if file.is_file())


@cache
def module_path(name: str) -> Path | None:
    """The file of one of this project's modules or packages, None where there is none."""
    base = ROOT.joinpath(*name.split("."))
    found = (path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file())
    return next(found, None)


@cache
def _tree(name: str) -> ast.Module:
    path = module_path(name)
    return ast.parse(path.read_bytes()) if path else ast.Module([], [])


@cache
def _imports(name: str) -> set[tuple[str, str]]:
    """Every import of a module: where from, and what; "" for the module itself."""
    path = module_path(name)
    package = name if path and path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[tuple[str, str]] = set()
    for node in _statements(_tree(name).body):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {(source, alias.name) for alias in node.names}
    return found


@cache
def _imported(name: str) -> frozenset[str]:
    """Everything that a module may import, of this project or not, each package on the way as well."""
    found = {part for source, other in _imports(name) for part in (source, f"{source}.{other}".rstrip("."))}
    return frozenset(found | {each.split(".")[0] for each in found})


def _statements(block: list[Any]) -> Iterator[ast.AST]:
    """All statements, inner ones too; `ast.walk` would go through every expression, for ten times as long."""
    for node in block:
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, inner, []))


def _members(imported: set[tuple[str, str]]) -> set[str]:
    """What of this project's code imports bring in, as `closure` names it."""
    found = set()
    for source, name in imported:
        if source.split(".")[0] not in PACKAGES:
            continue
        if f"{source}.".startswith(BY_DEFINITION) and name in _definitions(source):
            found.add(f"{source}:{name}")
        else:
            found |= {module for module in {source, f"{source}.{name}".rstrip(".")} if module_path(module)}
    return found


@cache
def _definitions(name: str) -> dict[str, list[ast.stmt]]:
    """A module's statements by the names that they define."""
    found: dict[str, list[ast.stmt]] = {}
    for node in _tree(name).body:
        targets: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            targets = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            places = node.targets if isinstance(node, ast.Assign) else [node.target]
            targets = [part.id for place in places for part in ast.walk(place) if isinstance(part, ast.Name)]
        for target in targets:
            found.setdefault(target, []).append(node)
    return found


@cache
def _used_by(member: str) -> frozenset[str]:
    """What a module or a definition uses itself, as `closure` names it."""
    name, _, definition = member.partition(":")
    if module_path(name) is None:
        raise ValueError(f"there is no module {name} below {ROOT}")
    if name in NOT_FOLLOWED:
        return frozenset()
    package = {name.rpartition(".")[0]} - {""}  # whose __init__ runs first
    if not definition:
        return frozenset(package | _members(_imports(name)))
    parts = (part for node in _definitions(name)[definition] for part in ast.walk(node))
    words = {part.id for part in parts if isinstance(part, ast.Name)}
    own = {f"{name}:{word}" for word in words if word in _definitions(name)}
    return frozenset(package | own | _members({(source, other) for source, other in _imports(name) if other in words}))


def _definition_hash(name: str, definition: str) -> str:
    path = module_path(name)
    assert path
    lines = path.read_bytes().splitlines(keepends=True)
    text = hashlib.sha256()
    for node in _definitions(name)[definition]:
        decorators = node.decorator_list if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        text.update(b"".join(lines[first - 1 : node.end_lineno]))
    return text.hexdigest()


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
