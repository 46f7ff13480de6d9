"""What is fuzzed: a strategy for inputs, and what is done with one. An input is JSON, so that it can be kept.

A target's `run` returns a word for what came of an input. `ErrataError` is an answer, too; whatever else is raised is
a finding, and so is a broken promise, for which `run` raises `Broken`.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

from pipeline.errors import ErrataError
from pipeline.unicode import is_unicode

ACTS = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Categories of characters that a terminal obeys, or that turn or hide what is written."""
HARMLESS = {"\n", "\t", "\u200c", "\u200d"}
"""Of these: line ends, tabs, and the joiners in words of some languages."""


class Broken(Exception):
    """A promise that is kept for every input was not kept for this one."""


@dataclass(frozen=True)
class Target:
    """One part that reads what others wrote."""

    name: str
    inputs: SearchStrategy[Any]
    """JSON values."""
    run: Callable[[Any, Path], str]
    """(input, an empty folder) -> what came of it."""
    examples: int = 25
    """Inputs that the fast tests try."""
    weight: int = 1
    """Its share of a long run."""
    sandboxed: bool = False
    """Whether it starts the sandbox for every input, which takes long and is not there on every machine."""


def try_input(target: Target, given: Any) -> str:
    """What came of one input, in words without its own texts and numbers. Raises what is a finding."""
    with tempfile.TemporaryDirectory(prefix="errata-fuzz-") as folder:
        try:
            return target.run(given, Path(folder))
        except ErrataError as error:
            keep(is_unicode(str(error)), f"a {type(error).__name__} that cannot be written down: {str(error)!a}")
            return f"{type(error).__name__}: {_kind_of(str(error), folder)}"


def _kind_of(message: str, folder: str) -> str:
    """A message without what it quotes, so that equal ones are counted as one."""
    plain = message.replace(folder, "").partition("\n")[0]
    plain = re.sub(r"(?<!\w)(?:'(?:[^'\\]|\\.)*'|\"[^\"]*\").*", "…", plain)
    return re.sub(r"\d+", "0", plain)[:50]


def keep(promise: bool, what: str) -> None:
    """Raises Broken where a promise is not kept."""
    if not promise:
        raise Broken(what)


def command(*arguments: str | Path) -> tuple[int, str, str]:
    """Run `errata` in this process: exit code, standard output, standard error.

    Exit code 1, a bug, raises Broken, and so does a character that acts on a terminal.
    """
    from errata.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
    keep(code in (0, 2, 3, 4), f"exit code {code}: {err.getvalue()[-300:]}")
    said = set(out.getvalue() + err.getvalue()) - HARMLESS
    acts = {sign for sign in said if unicodedata.category(sign) in ACTS}
    keep(not acts, f"characters that steer a terminal: {acts}")
    return code, out.getvalue(), err.getvalue()


def told(code: int, err: str, folder: Path) -> str:
    """What came of a command, in words."""
    return f"exit {code}: {_kind_of(err.strip().rpartition('errata: ')[2], str(folder))}"
