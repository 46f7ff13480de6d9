"""Rounds: build with the current student ──▶ audit ──▶ train ──▶ evaluate ──▶ the next, with the new student.

Each round is a whole run in a folder of its own, `runs/NAME/round-1` and so on, and resumes as any run does; the
completion cache above the runs keeps teachers from being paid twice. `loop.json` is written after each round, and a
round that stands there is not done again while nothing that it depends on has changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from errata.config import ErrataSettings
from errata.evaluating import evaluate_run
from errata.records import Loop, Round
from errata.rounds import (
    Stop,
    budget_left,
    choose_best,
    clean_round,
    hash_named,
    paid,
    reason_to_stop,
    total_change,
    why_no_pair,
)
from errata.training import count_rows, make_arguments, student_model, train
from pipeline.errors import ConfigError, StoppedEarly
from pipeline.evaluate import check_evaluation, need_section, with_model
from pipeline.files import write_file
from pipeline.identity import file_hash, model_identity
from pipeline.lock import hold
from pipeline.prompts import Prompts
from pipeline.run import build
from pipeline.stages import Progress
from pipeline.types import content_id

RESULT = "loop.json"


class Watcher(Protocol):
    """What shows a loop while it goes on."""

    def bars(self) -> AbstractContextManager[Progress]:
        """Bars for one step of a round."""

    def say(self, line: str) -> None:
        """A line about what is done next, or was."""


@dataclass(frozen=True)
class Start:
    """What a round begins with."""

    number: int
    model: str
    """The student: folder or hub id."""
    named: str
    """The same, a policy of the loop as it is seen from its folder."""
    past: tuple[Path, ...]
    """Folders with the pairs of earlier rounds, the newest first."""


def run_loop(settings: ErrataSettings, wanted: int, watcher: Watcher) -> Loop:
    """Run up to `wanted` rounds, or go on where an earlier call stopped.

    Raises UsageError for bad input; StoppedEarly where a round stops early (budget, a guard, an endpoint that stays
    away) or its pairs cannot be repaired: what is done is kept.
    """
    first = check_loop(settings)
    with hold(settings.run_dir):
        return _run_rounds(settings, wanted, first, watcher)


def _run_rounds(settings: ErrataSettings, wanted: int, first: str, watcher: Watcher) -> Loop:
    fingerprint = fingerprint_of(settings, first)
    known = read_rounds(settings.run_dir, fingerprint)
    rounds: list[Round] = []
    stop: Stop | None = None
    while len(rounds) < wanted and stop is None:
        if len(rounds) < len(known):
            made: Round | Stop = known[len(rounds)]
        else:
            made = _run_round(settings, _start(settings, rounds, first), first, watcher)
        if isinstance(made, Stop):
            stop = made
            break
        rounds.append(made)
        stop = reason_to_stop(settings.loop, rounds)
        if len(rounds) > len(known):
            _write(settings, _summarise(settings, wanted, fingerprint, rounds, stop))
    early = stop if len(rounds) < wanted else None
    told = _summarise(settings, wanted, fingerprint, rounds, early)
    beyond = len(known) > len(rounds)  # rounds beyond those that are wanted now stay in the record
    _write(settings, _summarise(settings, wanted, fingerprint, known, early) if beyond else told)
    return told


def check_loop(settings: ErrataSettings) -> str:
    """Look at all that can be looked at before anything is paid for; returns the first student. Raises UsageError."""
    settings.check()
    evaluate = need_section(settings)
    if settings.student.local_model is None:
        raise ConfigError("student: a loop needs one that it can train and ask again: engine transformers or vllm")
    if settings.train.data is not None or evaluate.models or evaluate.after is not None:
        raise ConfigError("train.data, evaluate.models and evaluate.after: each round has its own; leave them out here")
    if settings.train.reference is not None:
        raise ConfigError("train.reference: a loop's is set by loop.reference, `round` or `fixed`")
    first = student_model(settings, settings.train)
    with_model(settings.student, first).check()
    make_arguments(settings, settings.train, settings.run_dir)
    asyncio.run(check_evaluation(settings, [folder / "dataset" for folder in settings.train.also]))
    return first


def round_settings(settings: ErrataSettings, start: Start, first: str) -> ErrataSettings:
    """The settings of one round: a run below the loop's own, with its student and its share of the budget."""
    past = (*settings.train.also, *(start.past if settings.loop.past_pairs else ()))
    reference = first if settings.loop.reference == "fixed" and start.number > 1 else None
    model = first if settings.loop.start == "first" else start.model
    student = settings.student if start.number == 1 else with_model(settings.student, start.model)
    return settings.model_copy(
        update={
            "name": name_of(settings, start.number),
            "student": student,
            "budget": budget_left(settings, [name_of(settings, number) for number in range(1, start.number)]),
            "train": settings.train.model_copy(update={"model": model, "also": past, "reference": reference}),
        }
    )


def name_of(settings: ErrataSettings, number: int) -> str:
    """The name of a round's run."""
    return f"{settings.name}/round-{number}"


def fingerprint_of(settings: ErrataSettings, first: str) -> str:
    """Of all that the rounds depend on: settings, and what the files, folders and prompts hold that they name."""
    left_out: dict[str, Any] = dict.fromkeys(("name", "runs_dir", "budget", "concurrency", "ablate"), True)
    left_out["loop"] = {"patience", "max_chosen_drop"}  # they decide when to stop, and nothing else
    told = settings.model_dump(mode="json", exclude=left_out)
    prompts = {name: file_hash(path) for name, path in Prompts(settings.prompts).paths.items()}
    return content_id(told, model_identity(first), prompts, hash_named(told))


def read_rounds(folder: Path, fingerprint: str) -> list[Round]:
    """The rounds that earlier calls finished under the same settings, up to the first whose policy is gone."""
    path = folder / RESULT
    if not path.is_file():
        return []
    try:
        loop = Loop.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{path}: is not a loop's record ({error.errors()[0]['msg']}); delete it") from error
    rounds = loop.rounds if loop.fingerprint == fingerprint else ()
    return list(takewhile(lambda one: (folder / one.policy / "training.json").is_file(), rounds))


def _start(settings: ErrataSettings, rounds: Sequence[Round], first: str) -> Start:
    past = tuple(reversed([_data_of(settings, one) for one in rounds]))
    model = str(settings.run_dir / rounds[-1].policy) if rounds else first
    return Start(len(rounds) + 1, model, rounds[-1].policy if rounds else first, past)


def _data_of(settings: ErrataSettings, one: Round) -> Path:
    folder = settings.run_dir / one.run
    return folder / "cleaned" if one.cleaned else folder


def _run_round(settings: ErrataSettings, start: Start, first: str, watcher: Watcher) -> Round | Stop:
    """One round; or why there is none."""
    begun = time.perf_counter()
    watcher.say(f"Round {start.number} begins with {start.named}.")
    own = round_settings(settings, start, first)
    with watcher.bars() as bars:
        summary = asyncio.run(build(own, bars))
    new = summary.splits.get("train", 0)
    watcher.say(f"{summary.mistakes:,} mistakes, {new:,} pairs; audit: {summary.audit or 'none'}.")
    if not new:
        return Stop(f"round {start.number} gave no pair to train on: {why_no_pair(summary)}")
    cleaned = False
    if summary.audit in ("marker", "diffuse") and settings.loop.on_artefacts != "train":
        if settings.loop.on_artefacts == "stop":
            raise StoppedEarly(
                f"round {start.number}: the audit says {summary.audit}; see {own.run_dir / 'audit.json'}, "
                "or set loop.on_artefacts"
            )
        with watcher.bars() as bars:
            told = asyncio.run(clean_round(own, bars))
        watcher.say(f"{told.kept:,} of {told.pairs:,} pairs are left after cleaning: {told.certificate.outcome}.")
        own = own.model_copy(update={"train": own.train.model_copy(update={"data": own.run_dir / "cleaned"})})
        new, cleaned = told.rows.get("train", 0), True
    with watcher.bars() as bars:
        trained = train(own, bars)
    with watcher.bars() as bars:
        evaluation = evaluate_run(own, bars).evaluation
    held_out = evaluation.held_out
    before, after = (held_out.scores[name] for name in ("before", "after"))
    change = held_out.changes["after"]
    moved = [line["logps/chosen_change"] for line in trained.log if "logps/chosen_change" in line]
    begun_at = moved[0] if moved and own.train.reference is not None else 0.0  # else the reference is the start
    watcher.say(change.conclusion)
    return Round(
        number=start.number,
        run=own.run_dir.name,
        student=start.named,
        policy=f"{own.run_dir.name}/policy",
        problems=summary.problems,
        mistakes=summary.mistakes,
        pairs=new,
        past_pairs=sum(count_rows(folder, "train") for folder in own.train.also),
        audit=summary.audit,
        cleaned=cleaned,
        before=before.accuracy,
        after=after.accuracy,
        interval=after.interval,
        gain=change.gain,
        fixed=change.fixed,
        broken=change.broken,
        p_value=change.p_value,
        chosen_change=round(moved[-1] - begun_at, 4) if moved else None,
        cost=paid(settings, [own.name])[0],
        seconds=round(time.perf_counter() - begun, 1),
        conclusion=change.conclusion,
    )


def _summarise(
    settings: ErrataSettings, wanted: int, fingerprint: str, rounds: Sequence[Round], stop: Stop | None
) -> Loop:
    best = choose_best(rounds)
    return Loop(
        wanted=wanted,
        reference=settings.loop.reference,
        fingerprint=fingerprint,
        rounds=tuple(rounds),
        stopped=None if stop is None else stop.reason,
        best=None if best is None else best.number,
        total=None if best is None else total_change(settings.run_dir, rounds[0], best),
    )


def _write(settings: ErrataSettings, loop: Loop) -> None:
    write_file(settings.run_dir / RESULT, loop.model_dump_json(indent=1) + "\n")
