"""The fenced blocks of the documents, what each of them is, and how its commands are read and run.

A comment before a block says what its commands need that no test has; words behind a colon restrict it to the lines
that hold one of them, and the others are run:

    <!-- gpu -->                            a GPU
    <!-- key -->                            a key, or a network
    <!-- key: --push, org/name -->          the same, for some lines of the block
    <!-- elsewhere: tests/… -->             nothing: the named test runs them
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
MARKS = ("gpu", "key", "elsewhere")
RUN = ("errata", "python", "torchrun", "make")
"""Commands of ours, whose options are read."""
SHELL = ("cd", "cp", "echo", "export", "head", "ls", "mkdir", "pip", "sed", "source", "vllm", "wc")
Kind = Literal["commands", "python", "yaml", "json", "jinja", "text"]
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("bash", "sh", "console"), "commands"),
    **{name: name for name in ("python", "yaml", "json", "jinja", "text")},  # type: ignore[dict-item]
}


@dataclass(frozen=True)
class Block:
    """A fenced block and the mark before it."""

    file: Path
    line: int
    language: str
    text: str
    mark: str | None
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> Kind:
        """What it is; a block without a language holds commands if it begins with one. KeyError for anything else."""
        if self.language:
            return KINDS[self.language]
        return "commands" if self.text.split(maxsplit=1)[0] in (*RUN, *SHELL) else "text"

    @property
    def commands(self) -> list[str]:
        """Its commands: lines that a backslash joins are one, and so is a command with its here-document."""
        found: list[str] = []
        end = None
        for line in self.text.replace("\\\n", " ").splitlines():
            if end is not None:
                found[-1] += f"\n{line}"
                end = None if line == end else end
            elif line.strip() and not line.startswith("#"):
                found.append(line)
                here = re.search(r"<<'?(\w+)'?", line)
                end = here[1] if here else None
        return found

    def is_run(self, command: str) -> bool:
        """Whether the test of this document runs a command."""
        if self.mark is None or self.mark == "elsewhere":
            return self.mark is None
        return bool(self.words) and not any(word in command for word in self.words)


def read_blocks(file: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = file.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        mark, _, words = (match["mark"] or "").partition(":")
        line = text.count("\n", 0, match.start("text"))
        told = tuple(word.strip() for word in words.split(",") if word.strip())
        found.append(Block(file, line, match["language"], match["text"], mark or None, told))
    return found


def all_blocks(kind: Kind) -> list[Block]:
    """The blocks of one kind in all documents."""
    return [block for file in DOCUMENTS for block in read_blocks(file) if block.kind == kind]


def words_of(command: str) -> list[str]:
    """A command's words, up to what the shell makes of it: a pipe, a redirection, a comment, another command."""
    words = shlex.split(command.partition("<<")[0], comments=True)
    stops = [number for number, word in enumerate(words) if word in ("|", "||", "&&", ">", ">>", "&")]
    return words[: stops[0]] if stops else words


def check_command(command: str, folder: Path) -> None:
    """Raises, or exits, where a command or an option is none; a configuration in `folder` is read with its options."""
    name, *rest = words_of(command)
    assert name in (*RUN, *SHELL) or re.match(r"[A-Z]+=", name), f"unknown command: {command}"
    if name == "errata":
        _check_errata(rest, folder)
    elif name == "make":
        subprocess.run(["make", "-n", *rest], cwd=ROOT, check=True, capture_output=True)
    elif "trainer" in rest:
        _check_trainer(rest[rest.index("trainer") + 1 :], folder)


def _check_errata(rest: list[str], folder: Path) -> None:
    from errata.cli import COMMANDS, make_parser
    from errata.config import load
    from pipeline.loading import parse_overrides

    known, more = make_parser().parse_known_args(rest)
    if not getattr(COMMANDS[known.command], "TAKES_SETTINGS", False):
        assert not more, f"unknown options: {more}"
        return
    parse_overrides(more)
    config = getattr(known, "config", None)
    if config is not None and known.command not in ("init", "audit", "clean"):
        load(folder / config, more)


def _check_trainer(rest: list[str], folder: Path) -> None:
    from transformers import HfArgumentParser

    from trainer import DPOConfig, SFTConfig
    from trainer.__main__ import ScriptArguments

    kind, *options = rest
    config = {"dpo": DPOConfig, "sft": SFTConfig}[kind]
    parser = HfArgumentParser((ScriptArguments, config))  # type: ignore[arg-type]
    at = folder / "checked"
    parser.parse_args_into_dataclasses([*options, "--use_cpu", "--output_dir", str(at)])


def run_command(command: str, folder: Path) -> int:
    """Run a command in `folder`, which is the working directory; returns its exit code."""
    words = words_of(command)
    plain = shlex.split(command, comments=True) == words
    if plain and words[0] == "errata":
        from errata.cli import main

        return main(words[1:])
    if plain and words[:3] == ["python", "-m", "trainer"]:
        from trainer.__main__ import main as train

        return train(words[3:])
    return run_script(command, folder).returncode


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a bash script in `folder`, with this Python's programs first on the path."""
    programs = Path(sys.executable).parent
    paths = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    told = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(told, cwd=folder, env={**os.environ, **paths}, capture_output=True, text=True, check=False)


def masked(text: str) -> Iterator[str]:
    """The lines of a terminal's output without what may differ elsewhere: numbers, widths, a round's audit."""
    for line in text.splitlines():
        kept = re.sub(r"\S*/errata/demo/", "errata/demo/", line)
        kept = re.sub(r"[+-]?\d[\d,.e-]*", "0", re.sub(r"audit: \w+", "audit: …", kept))
        kept = " ".join(re.sub(r"[━─┃│┏┓┗┛┡┩╇┳┴└┘]+", " ", kept).split())
        if kept:
            yield kept


OF_A_MODEL = re.compile(r"\?$|^[╭├╰…-]|^(0 [+*/-] 0 = 0|#### 0)|many cards does|^friend\. How|^\{\"question\"|[␣▒]")
"""Masked lines that hold the texts of models and problems, which may be others on another machine."""


def missing(printed: str, shown: str) -> list[str]:
    """Lines of a printed output that the real one does not have."""
    there = set(masked(shown))
    return [line for line in masked(printed) if line not in there and not OF_A_MODEL.search(line)]
