"""From options and answers to a plan, step by step: problems, student, teacher, checker, held-out problems, name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from errata.init import ask_checks, ask_models, ask_problems
from errata.init.ask_checks import HeldOut
from errata.init.guess import Sample, has_notes
from errata.init.models import learning_rate, room_for_answers
from errata.init.plan import Plan
from errata.init.proof import Proof
from errata.init.questions import Asker
from errata.init.yaml_text import is_priced
from pipeline.errors import ConfigError
from pipeline.problems import ProblemSettings

GENERAL = ("train", "test", "data", "dataset", "problems", "questions", "main", "default", "")
"""Names of files and folders that tell nothing of the data."""
COST = "20"


@dataclass(frozen=True)
class Outcome:
    """What the interview came to."""

    plan: Plan
    proof: Proof
    held_out: HeldOut
    left_out: tuple[str, ...]
    """Rows of the sample that the run will leave out, and why."""


def interview(asker: Asker, config: Path | None) -> Outcome:
    """Ask for all that a plan needs. Raises UsageError."""
    asker.say("\n[bold]1. The problems[/]")
    sample = ask_problems.ask_sample(asker)
    problems = ask_problems.ask_columns(asker, sample)
    asker.say("\n[bold]2. The student[/], whose mistakes are looked for")
    student, train_model = ask_models.ask_student(asker)
    asker.say("\n[bold]3. The teacher[/], who corrects them")
    teachers, reference = ask_models.ask_teacher(asker, problems)
    asker.say("\n[bold]4. The checker[/], which decides between right and wrong")
    checker, problems, proof = ask_checks.ask_checker(asker, sample, problems, teachers)
    asker.say("\n[bold]5. Held-out problems[/], for the accuracy before and after")
    held_out = ask_checks.ask_held_out(asker, problems, checker)
    asker.say("\n[bold]6. The run[/]")
    guess = guess_name(problems.path) if config is None else _clean(config.stem) or "my-run"
    folder = asker.given["--prompts"]
    plan = Plan(
        name=asker.ask("--name", "Its name", _read_name, guess=guess),
        problems=held_out.training,
        checker=checker,
        student=student,
        teachers=teachers,
        reference=reference,
        cleanups=("calculator_notes",) if has_notes(_solutions(sample, problems)) else (),
        held_out=held_out.problems,
        max_tokens=room_for_answers(student),
        learning_rate=learning_rate(train_model or student.local_model),
        train_model=train_model,
        prompts=None if folder is None else Path(folder),
    )
    broken = sample.broken if held_out.split is None else ()  # a split leaves them out, and counts them itself
    left_out = (*broken, *proof.bad_rows) if problems.on_bad_row == "skip" else ()
    return Outcome(_with_budget(asker, plan), proof, held_out, left_out)


def _with_budget(asker: Asker, plan: Plan) -> Plan:
    if not is_priced(plan) and asker.given["--max-cost"] is None:
        return plan
    ask = "Stop when so much is spent, in the currency of the prices (0: no limit)"
    return replace(plan, max_cost=asker.ask("--max-cost", ask, _read_cost, guess=COST))


def _read_cost(text: str) -> float | None:
    try:
        cost = float(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a number") from error
    if not 0 <= cost < float("inf"):
        raise ConfigError("must be 0 or more")
    return cost or None


def _read_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise ConfigError(
            f"{text!r}: a name has letters, digits, dots, dashes and underscores, and begins with one of the first two"
        )
    return text


def guess_name(path: str) -> str:
    """A name for the run from that of the data."""
    whole = Path(path)
    parts = [whole.stem if whole.is_file() else whole.name, whole.resolve().parent.name if whole.is_file() else ""]
    return next((part for part in map(_clean, parts) if part.lower() not in GENERAL), "my-run")


def _clean(text: str) -> str:
    """What of a text may stand in a name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")


def _solutions(sample: Sample, problems: ProblemSettings) -> list[str | None]:
    return [] if problems.rationale is None else list(sample.columns[problems.rationale])
