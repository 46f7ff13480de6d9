"""The Python code in a text, and what tests ask of it. Texts are parsed here, never run."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n`]*\n(.*?)(?:^[ \t]*(```)[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MARKED = ("python", "py", "python3")
NO_CODE = "no block of Python code found"
LONGEST = 100_000
"""Characters beyond which code is not read."""


@dataclass(frozen=True)
class Found:
    """Code that a text gives as its answer."""

    code: str
    alone: bool = True
    """Whether it is all the code of the text; with other blocks, it may need what stands in them."""


def parse(code: str) -> ast.Module | str:
    """The syntax tree, or why there is none."""
    if len(code) > LONGEST:
        return f"longer than {LONGEST} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings
            return ast.parse(code)
    except SyntaxError as error:
        return f"{error.msg} at line {error.lineno}"
    except (ValueError, MemoryError, RecursionError) as error:
        return str(error) or type(error).__name__


def find_code(text: str, wanted: set[str]) -> Found | str:
    """The answer's code, or why there is none.

    It is the last block of Python that defines one of the `wanted` names, so that an example of use behind it does not
    count; where no block does, the last that is Python. A text without blocks is code if it is Python and defines
    something. A block that is marked as Python and is none is the answer only where it is the only one.
    """
    blocks = FENCE.findall(text)
    if not blocks:
        body = body_of(text)
        made = any(isinstance(node, DEFINITIONS) for node in body)  # prose may be Python too: "No", "42"
        return Found(text) if made or bound(top_level(body)) & wanted else NO_CODE
    ours = []
    for mark, indented, end in blocks:
        code = textwrap.dedent(indented)
        marked, body = mark.lower() in MARKED, body_of(code)
        if (marked or (not mark and body)) and not code.lstrip().startswith(">>>"):  # no output, no session
            ours.append((code, bool(end), body))
    for code, ended, body in ours:
        if not body and not ended:
            return "a block of code has no end"
        if not body and (len(ours) > 1 or len(code) > LONGEST):
            return f"one of {len(ours)} blocks of code cannot be read as Python"
    if not ours:
        return NO_CODE
    chosen = next((code for code, _, body in reversed(ours) if bound(top_level(body)) & wanted), ours[-1][0])
    return Found(chosen, alone=len(ours) == 1)


def body_of(code: str) -> list[ast.stmt]:
    """The statements; none where it is no Python."""
    tree = parse(code)
    return [] if isinstance(tree, str) else tree.body


def wanted_names(tests: Sequence[str], entry_point: str = "") -> set[str]:
    """Names that the tests use and do not define themselves: what the answer has to define."""
    used, own, asked = set(), set(dir(builtins)), {entry_point} - {""}
    for body in map(body_of, tests):
        nodes = [node for statement in body for node in ast.walk(statement)]
        own |= bound(nodes)
        for node in nodes:
            match node:
                case ast.ImportFrom(module="solution"):
                    asked |= {alias.name for alias in node.names}
                case ast.Attribute(value=ast.Name(id="solution")):
                    asked.add(node.attr)
                case ast.Name(ctx=ast.Load()):
                    used.add(node.id)
    return (used - own) | asked


def runs_nothing(tests: Sequence[str]) -> bool:
    """Whether the tests only define: no statement that does something, and no function `test_…` to be called."""
    passive = (*DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Pass)
    for node in (node for test in tests for node in body_of(test)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        called = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if called or not (text or isinstance(node, passive)):
            return False
    return True


def unusual_tests(tests: Sequence[str]) -> list[str]:
    """Functions `test_…` that need more than a plain call: arguments (pytest's fixtures) or an event loop."""
    return [
        node.name
        for node in (node for test in tests for node in body_of(test))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if isinstance(node, ast.AsyncFunctionDef) or len(node.args.args) > len(node.args.defaults)
    ]


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that these nodes give a value."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


def top_level(body: Iterable[ast.stmt]) -> Iterable[ast.AST]:
    """The nodes outside functions and classes, and these themselves."""
    ahead: list[ast.AST] = [*body]
    ahead.reverse()
    while ahead:  # no recursion: an `if` may have a thousand branches
        node = ahead.pop()
        yield node
        if not isinstance(node, DEFINITIONS):
            ahead.extend(list(ast.iter_child_nodes(node))[::-1])
