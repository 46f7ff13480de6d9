"""What decides between right and wrong, tried on the gold answers; and the problems that are held out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from errata.init.guess import Sample
from errata.init.heldout import Split, find_held_out, find_overlap, name_held_out, read_leniently, split_rows
from errata.init.proof import ABOUT, ASKS, Proof, guess_checker, make_checker, prove
from errata.init.questions import Asker
from errata.init.yaml_text import as_evaluation_file
from pipeline.checkers.base import CheckerSettings
from pipeline.engines import endpoint
from pipeline.errors import ConfigError, DataError
from pipeline.problems import ProblemSettings
from pipeline.select.settings import DecontaminateSettings

ENOUGH = 0.9
"""Share of gold answers that a checker must read where nobody is asked."""
SPLIT, NONE = "split", "none"


def ask_checker(
    asker: Asker, sample: Sample, problems: ProblemSettings, teachers: Mapping[str, endpoint.Settings]
) -> tuple[CheckerSettings, ProblemSettings, Proof]:
    """The checker, the problems (which may now leave out bad rows), and how it did on their gold answers.

    Raises ConfigError where nobody is asked and it reads too few of them.
    """
    guess = guess_checker(sample, problems).name
    engine = next((t.model_dump(mode="json", exclude_unset=True) for t in teachers.values()), None)
    offered = {name: about for name, about in ABOUT.items() if engine is not None or name not in ASKS}

    def read(name: str) -> tuple[CheckerSettings, Proof]:
        checker = make_checker(name, sample, problems, engine)
        proof = asyncio.run(prove(checker, sample, problems))
        _show(asker, checker, proof)
        enough = proof.read >= ENOUGH * proof.of
        if not enough and not asker.interactive:
            first = next(iter((*proof.bad_rows, *proof.doubted)))
            raise ConfigError(f"{checker.name} reads {proof.read} of {proof.of} gold answers; the first: {first}")
        if proof.read < proof.of and asker.given["--checker"] is None and not asker.agrees("Keep it?", guess=enough):
            raise ConfigError("another one, then")
        return checker, proof

    checker, proof = asker.choose("--checker", "Checker", offered, read, guess=guess)
    leave = "Rows that cannot be read end a run. Leave them out instead, and count them?"
    if (proof.bad_rows or sample.broken) and asker.agrees(leave):
        problems = problems.model_copy(update={"on_bad_row": "skip"})
        asker.say("Rows that cannot be read will be left out, and counted.")
    return checker, problems, proof


def _show(asker: Asker, checker: CheckerSettings, proof: Proof) -> None:
    good = proof.read == proof.of
    asker.say(
        Text(f"{checker.name} reads {proof.read} of {proof.of} gold answers.", style="green" if good else "yellow")
    )
    for line in (*proof.bad_rows[:2], *proof.doubted[:2]):
        asker.say(Text(f"  {line}"))


@dataclass(frozen=True)
class HeldOut:
    """What was decided on held-out problems."""

    training: ProblemSettings
    """The problems that are trained on, which may now keep clear of the held-out ones."""
    problems: ProblemSettings | None = None
    """Of a file, or of a split of the data set."""
    split: Split | None = None
    """How to set some apart."""
    count: int = 0
    bad_rows: tuple[str, ...] = ()
    """Held-out rows that are left out, and why."""
    overlap: str | None = None
    """Which of them stand in the training data, whose like is left out there."""


def ask_held_out(asker: Asker, problems: ProblemSettings, checker: CheckerSettings) -> HeldOut:
    """Held-out problems, or how to set some apart, or none; they are looked for in the training data."""
    found = None if asker.given["--held-out"] is not None else _find(asker, problems)
    offered = {found: "found beside the data"} if found else {}
    offered |= {SPLIT: "set a tenth of the problems apart, 500 at most; the file stays as it is", NONE: "not now"}

    def read(text: str) -> ProblemSettings | Split | None:
        if text == SPLIT:
            return split_rows(problems)
        return None if text == NONE else name_held_out(text, problems)

    guess = found or (SPLIT if asker.interactive else NONE)
    ask = "Held-out problems, or another file"
    held_out = asker.choose("--held-out", ask, offered, read, guess=guess)
    if held_out is None:
        asker.say("No held-out problems; `errata evaluate` needs some (--held-out split sets a tenth apart).")
    elif isinstance(held_out, Split):
        told = f"{len(held_out.train):,} rows to train on, {len(held_out.held_out):,} held out"
        near = f"; {held_out.near:,} that nearly repeat a held-out one stand in neither" if held_out.near else ""
        bad = f"; {held_out.bad:,} cannot be read and stand in neither" if held_out.bad else ""
        asker.say(Text(f"{told}{near}{bad}."))
        return HeldOut(problems, split=held_out, count=len(held_out.held_out))
    else:
        return _look_at(asker, problems, held_out, checker)
    return HeldOut(problems)


def _find(asker: Asker, problems: ProblemSettings) -> str | None:
    try:
        return find_held_out(problems)
    except DataError as error:  # a hub that cannot be reached; the data themselves were read
        asker.say(Text(str(error), style="yellow"))
        return None


def _look_at(asker: Asker, problems: ProblemSettings, held_out: ProblemSettings, checker: CheckerSettings) -> HeldOut:
    """Held-out problems and problems, changed where rows cannot be read, or stand in both."""
    reader = checker.create()
    train, known = read_leniently(problems, reader), read_leniently(held_out, reader)
    count, bad = len(known), tuple(known.report.bad_rows)
    asker.say(Text(f"{held_out.path}: {count:,} problems."))
    if bad:
        asker.say(
            Text(f"Rows that cannot be read, and will be left out: {len(bad)}, the first: {bad[0]}", style="yellow")
        )
        held_out = held_out.model_copy(update={"on_bad_row": "skip"})
    overlap = find_overlap(train, known)
    if overlap is not None:
        asker.say(Text(f"Some stand in the training data: {overlap}", style="yellow"))
        asker.say("Their like will be left out of training (problems.decontaminate).")
        clear = DecontaminateSettings.model_validate({"files": [as_evaluation_file(held_out)]})
        problems = problems.model_copy(update={"decontaminate": clear})
    return HeldOut(problems, held_out, count=count, bad_rows=bad, overlap=overlap)
