"""Settings that name a member of one of this project's registries: a new member is a value of the setting at once.

The names are read in the registry's text, without importing it: every stage reads all settings, and would load PyTorch and
depend on every encoder, only to refuse a name that is none.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from pydantic import AfterValidator
from pydantic_core import PydanticKnownError

ROOT = Path(__file__).resolve().parents[2]


@cache
def keys(module: str, registry: str) -> tuple[str, ...]:
    """The keys of a dictionary that a module assigns to a name, in their order.

    Args:
        module: such as "esi.model.encoders".
        registry: such as "ENCODERS", a dictionary in braces whose keys are plain strings.

    Raises:
        ValueError: the module assigns no such dictionary.
    """
    tree = ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_bytes())
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        named = any(isinstance(target, ast.Name) and target.id == registry for target in targets)
        if named and isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            return tuple(ast.literal_eval(key) for key in node.value.keys if key is not None)
    raise ValueError(f"{module} assigns no dictionary to {registry}")


def key_of(module: str, registry: str) -> AfterValidator:
    """For `Annotated[str, ...]`: the value is one of the registry's keys."""

    def check(name: str) -> str:
        names = keys(module, registry)
        if name not in names:
            *others, last = map(repr, names)
            raise PydanticKnownError("literal_error", {"expected": f"{', '.join(others)} or {last}" if others else last})
        return name

    return AfterValidator(check)
