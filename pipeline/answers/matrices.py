"""Sums and products of matrices, worked out."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.answers.evaluation import walk
from pipeline.answers.tree import Apply, Matrix, Node

LARGEST = 300
"""Nodes of an expression of matrices beyond which it is not worked out."""


def to_matrix(node: Node) -> Matrix | None:
    """The matrix that an expression of matrices is; None where it is none or the shapes do not fit."""
    if isinstance(node, Matrix):
        return node
    if sum(1 for _ in walk(node)) > LARGEST:
        return None
    if not isinstance(node, Apply) or not any(isinstance(to_matrix(part), Matrix) for part in node.args):
        return None
    parts = [to_matrix(part) for part in node.args]
    if node.name == "neg" and parts[0]:
        return _map(parts[0], lambda entry: Apply("neg", (entry,)))
    if node.name == "+" and all(parts):
        total = parts[0]
        for part in parts[1:]:
            total = _add(total, part) if total and part else None
        return total
    if node.name == "*" and len(node.args) == 2:
        left, right = parts
        if left and right:
            return _multiply(left, right)
        if left or right:
            scalar = node.args[1] if left else node.args[0]
            return _map(left or right, lambda entry: Apply("*", (scalar, entry)))  # type: ignore[arg-type]
    if node.name == "/" and parts[0] and not parts[1]:
        return _map(parts[0], lambda entry: Apply("/", (entry, node.args[1])))
    return None


def _map(matrix: Matrix, change: Callable[[Node], Node]) -> Matrix:
    return Matrix(tuple(tuple(change(entry) for entry in row) for row in matrix.rows))


def _add(a: Matrix, b: Matrix) -> Matrix | None:
    if len(a.rows) != len(b.rows) or len(a.rows[0]) != len(b.rows[0]):
        return None
    rows = zip(a.rows, b.rows, strict=True)
    return Matrix(tuple(tuple(Apply("+", pair) for pair in zip(x, y, strict=True)) for x, y in rows))


def _multiply(a: Matrix, b: Matrix) -> Matrix | None:
    if len(a.rows[0]) != len(b.rows) or len(a.rows) * len(b.rows[0]) > 100:
        return None
    columns = list(zip(*b.rows, strict=True))
    return Matrix(
        tuple(
            tuple(Apply("+", tuple(Apply("*", pair) for pair in zip(row, column, strict=True))) for column in columns)
            for row in a.rows
        )
    )
