"""Money never passes through a float: read from the sources, as no value can show that it did not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixelrelay

PACKAGE = Path(pixelrelay.__file__).parent
MONEY = re.compile(r"\b\w*(cost|price|dollar|money|spend|spent|at_risk|budget|estimate)\w*\b", re.IGNORECASE)
NOT_MONEY = re.compile(r"retry_budget|RetryBudget|self\.budget|_engine\.budget|budget\.(share|floor)")


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text("utf-8")))


def is_float(node: ast.AST) -> bool:
    """A literal as 0.04, or a call of ``float``."""
    literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
    return literal or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")


@pytest.mark.parametrize("path", sorted((PACKAGE / "cost").glob("*.py")), ids=lambda path: path.name)
def test_nothing_in_the_cost_layer_is_a_float(path: Path) -> None:
    assert [ast.unparse(node) for node in nodes(path) if is_float(node)] == []


@pytest.mark.parametrize("part", ["router", "store"])
def test_no_sum_of_money_is_made_with_a_float(part: str) -> None:
    sums = [
        f"{path.name}: {text}"
        for path in sorted((PACKAGE / part).glob("*.py"))
        for node in nodes(path)
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.Compare | ast.Call)
        for text in [ast.unparse(node)]
        if MONEY.search(NOT_MONEY.sub("", text)) and is_made_with_a_float(node)
    ]

    assert sums == []


def is_made_with_a_float(node: ast.AST) -> bool:
    match node:
        case ast.BinOp():
            return is_float(node.left) or is_float(node.right)
        case ast.AugAssign():
            return is_float(node.value)
        case ast.Compare():
            return any(is_float(each) for each in (node.left, *node.comparators))
        case _:
            return is_float(node)


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        ("cost * 0.5", True),
        ("total += float(cost)", True),
        ("spend > 1.5", True),
        ("cost * 2", False),
        ("price * Decimal('0.5')", False),
    ],
)
def test_the_reader_sees_what_it_looks_for(source: str, bad: bool) -> None:
    found = [node for node in ast.walk(ast.parse(source)) if is_made_with_a_float(node)]

    assert bool(found) is bad
