"""A test that cannot fail is a defect: the kinds of it that can be seen in the text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

FILES = sorted((ROOT / "tests").rglob("*.py"))
ALWAYS_TRUE = (ast.GeneratorExp, ast.Lambda, ast.Tuple, ast.JoinedStr)  # what `assert` takes for true whatever it holds
LAZY = {"map", "filter", "zip", "iter", "reversed", "enumerate", "print"}
CHECKS = ("raises", "warns", "assert_", "fail", "check", "deprecated_call")


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Line and kind of each assertion that holds whatever the code does."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert):
            yield from ((node.lineno, kind) for kind in of_assertion(node.test))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not asks(node):
            yield node.lineno, "a test that asserts nothing"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises":
            kinds = {ast.unparse(each) for each in node.args[:1]} & {"Exception", "BaseException"}
            if kinds and not any(keyword.arg == "match" for keyword in node.keywords):
                yield node.lineno, "any error at all is expected, a wrong name in the test too"


def of_assertion(test: ast.expr) -> Iterator[str]:
    if isinstance(test, ALWAYS_TRUE) or (isinstance(test, ast.Constant) and test.value):
        yield "always true"
    if isinstance(test, ast.Call) and ast.unparse(test.func) in LAZY:
        yield "an iterator is true, a print is not"
    if isinstance(test, ast.BoolOp):
        parts = [part for value in test.values for part in of_assertion(value)]
        if isinstance(test.op, ast.Or) and parts:
            yield "one side is always true"
    if isinstance(test, ast.Compare):
        sides = [test.left, *test.comparators]
        if len(sides) == 2 and ast.dump(sides[0]) == ast.dump(sides[1]) and not calls(test):
            yield "compared with itself"
        if ast.unparse(test).startswith("len(") and ast.unparse(test).endswith((">= 0", "> -1")):
            yield "no length is negative"
        if isinstance(test.ops[0], ast.Eq) and all(counts_one_character(side) for side in sides):
            yield "how often a character stands there is not what stands there"
        if isinstance(test.ops[0], ast.In) and isinstance(test.left, ast.Constant) and test.left.value == "":
            yield "the empty text is in every text"


def calls(node: ast.AST) -> bool:
    """Whether the two sides of a comparison may differ although they read the same: a second draw, a second run."""
    return any(isinstance(each, ast.Call) for each in ast.walk(node))


def counts_one_character(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "count":
        return False
    return all(isinstance(each, ast.Constant) and len(str(each.value)) == 1 for each in node.args)


def asks(test: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].startswith(CHECKS))
        for node in ast.walk(test)
    )


@pytest.mark.parametrize(
    "text",
    [
        "assert (x == 1, 'said')",
        "assert (each for each in found)",
        "assert x == 1 or True",
        "assert found or 'nothing was found'",
        "assert map(str, found)",
        "assert lambda: x == 1",
        "assert made.weights == made.weights",
        "assert len(found) >= 0",
        "assert one.count('\"') == two.count('\"')",
        "assert '' in said",
        "with pytest.raises(Exception):\n    run()",
        "def test_it():\n    run()",
    ],
)
def test_each_kind_is_seen(text: str) -> None:
    assert len([*faults(text)]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "assert x == 1, 'said'",
        "assert draw() == draw()",
        "assert said.count('x') == 2",
        "assert len(found) >= 1",
        "with pytest.raises(Exception, match='no compiler'):\n    run()",
        "def test_it():\n    torch.testing.assert_close(a, b)",
    ],
)
def test_good_ones_pass(text: str) -> None:
    assert [*faults(text)] == []


def test_no_test_of_this_project_is_one_of_them() -> None:
    assert len(FILES) > 100
    found = [f"{path.relative_to(ROOT)}:{line}: {kind}" for path in FILES for line, kind in faults(path.read_text("utf-8"))]
    assert not found, "\n".join(found)
