"""Journals that end in the middle of a line, in garbage, or hold a byte that was never written.

Each case is a finished run with one damaged journal and without its data set, built again by the command line's own
`main` in this process. The completion cache is whole, so nothing may be asked for.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.helpers.crash_builds import PROCESS, Build, differences, digest

JOURNALS = ("attempts.jsonl", "corrections.jsonl", "pairs.jsonl", "second_tries.jsonl")


@dataclass(frozen=True)
class Damage:
    """What is done to a journal."""

    journal: str
    what: str
    content: bytes
    """The journal as it is then."""
    line: int | None = None
    """The line that an error has to name; None where nothing but a clean resume will do."""
    may_mend: bool = True
    """Whether a clean resume will do where an error would, too."""


class Damaged:
    """A finished run that is damaged again and again. Use as a context manager."""

    def __init__(self, build: Build) -> None:
        self.build, self.whole = build, build.folder / "whole"
        shutil.copytree(build.runs, self.whole)
        self.wanted = digest(build.run)

    def __enter__(self) -> Damaged:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.whole)

    def journal(self, name: str) -> bytes:
        """A journal as it was."""
        return (self.whole / self.build.run.name / name).read_bytes()

    def try_out(self, damage: Damage) -> str | None:
        """Build with the damage; returns what is wrong with what came of it, None where all is well."""
        shutil.rmtree(self.build.runs)
        shutil.copytree(self.whole, self.build.runs)
        shutil.rmtree(self.build.run / "dataset")
        (self.build.run / "summary.json").unlink()
        (self.build.run / damage.journal).write_bytes(damage.content)
        asked = len(self.build.account.asked)
        code, said = build_here(self.build)
        where = f"{damage.journal}, {damage.what}"
        if code == 0:
            if changed := differences(digest(self.build.run), self.wanted):
                return f"{where}: went on, and {', '.join(changed)} changed"
            if len(self.build.account.asked) != asked:
                return f"{where}: paid again"
            if damage.line is not None and not damage.may_mend and f"{damage.journal}:{damage.line}" not in said:
                return f"{where}: went on without a word"
            return None
        if damage.line is None:
            return f"{where}: exit code {code}: {said[-300:]}"
        if code != 2 or f"{damage.journal}:{damage.line}" not in said:
            return f"{where}: exit code {code}, and line {damage.line} is not named: {said[-300:]}"
        return None


def build_here(build: Build) -> tuple[int, str]:
    """Run the command in this process; returns its exit code and its stderr, or the last line of a traceback."""
    from errata.cli import main

    said = io.StringIO()
    os.environ[PROCESS] = build.environment()[PROCESS]
    build.processes += 1
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = main(build.command()[3:])
    except Exception as error:
        return 1, f"traceback: {type(error).__name__}: {error}"
    finally:
        del os.environ[PROCESS]
    return code, said.getvalue()


def cut_last_line(journal: str, content: bytes, step: int) -> Iterator[Damage]:
    """The journal cut at every byte of its last line, from the line gone to its end missing."""
    start = content.rindex(b"\n", 0, -1) + 1
    ends = sorted({*range(start, len(content), step), start + 1, len(content) - 2, len(content) - 1})
    for end in ends:
        yield Damage(journal, f"cut {len(content) - end} bytes from its end", content[:end])


def add_garbage(journal: str, content: bytes, draw: random.Random) -> Iterator[Damage]:
    """Bytes behind the last line. Without a line's end they are a torn line; with one, they may be told instead."""
    number = content.count(b"\n") + 1
    last = content[content.rindex(b"\n", 0, -1) + 1 :]
    noise = bytes(byte for byte in draw.randbytes(600) if byte != 10)
    pieces = {"zeros": bytes(4096), "noise": noise, "half a line": last[: len(last) // 2], "a brace": b"{"}
    for what, piece in pieces.items():
        yield Damage(journal, f"{what} added", content + piece)
        yield Damage(journal, f"{what} and a line's end added", content + piece + b"\n", line=number)
    yield Damage(journal, "an object of another kind added", content + b'{"id": "x"}\n', line=number)


def flip_bytes(journal: str, content: bytes, draw: random.Random, count: int) -> Iterator[Damage]:
    """One bit of a line in the middle turned over, in `count` places drawn at random, and in its line's end.

    The two bytes that close a line are left alone: they say nothing.
    """
    starts = [0, *(match.end() for match in re.finditer(b"\n", content))][:-1]
    for which in range(count + 1):
        number = draw.randrange(1, len(starts) - 1)
        end = starts[number + 1] - 1
        place = end if which == count else draw.randrange(starts[number], end - 2)
        turned = bytes([content[place] ^ (1 << draw.randrange(7))])
        damaged = content[:place] + turned + content[place + 1 :]
        what = f"bit turned at {place - starts[number]} of {end - starts[number]} of line {number + 1}"
        yield Damage(journal, what, damaged, line=number + 1, may_mend=False)
