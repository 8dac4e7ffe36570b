"""What a module's results depend on in this project's code: the key of everything that is computed once and kept.

A key that lists its files by hand forgets one, and an edit of that file then gives the old results back.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from esi.files import content_hash, file_hash

ROOT = Path(__file__).resolve().parents[1]  # of a clone, or of the packages that pip installs into
PACKAGES = ("esi", "stages")
# Every setting is in it; a result depends on those that it is keyed by, not on how the others are checked.
NOT_FOLLOWED = "esi.params"
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
def code_hash(*modules: str) -> str:
    """SHA-256 (hex) of all code that the modules' results depend on; computed once a process.

    It covers the modules, what of this project they import directly or not, in functions too, the `__init__` of the packages
    on the way, the files that a module names as DATA_FILES, and the versions of the libraries that compute. What is imported
    by a name that the program makes up is not seen: name such a module here.

    Args:
        modules: usually `__name__` of the caller alone.

    Raises:
        ValueError: there is no such module.
    """
    names = sorted(closure(*modules))
    parts = [
        part for name in names for path in (module_path(name), *data_files(name)) if path for part in (name, file_hash(path))
    ]
    libraries = sorted({library for name in names for library in _imported(name) if library in COMPUTING})
    return content_hash(*parts, *(f"{library} {_version(COMPUTING[library])}" for library in libraries))


def closure(*modules: str) -> set[str]:
    """The modules and all of this project's that they import directly or not, wherever in their text."""
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in seen:
            if module_path(name) is None:
                raise ValueError(f"there is no module {name} below {ROOT}")
            seen.add(name)
            todo += [name.rpartition(".")[0]] if "." in name else []  # whose __init__ runs first
            todo += imports(name) if name != NOT_FOLLOWED else []
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
def _imported(name: str) -> frozenset[str]:
    """Everything that a module may import, of this project or not, each package on the way as well."""
    path = module_path(name)
    package = name if path and path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return frozenset(found | {each.split(".")[0] for each in found})


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
