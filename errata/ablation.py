"""A grid of settings over one source of attempts: each combination is trained and asked the same held-out problems.

    RUN/ablation.json                   the cells of the last grid that are done
    RUN/ablation/grids/                 the same of every grid
    RUN/ablation/DATA/                  one run for each combination of the values that change the data
    RUN/ablation/DATA/CELL/             one for each that changes the training; cell.json is written last

The completion cache lies above all of them, so attempts are sampled, and teachers asked, once.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from errata.ablation_cells import Plan, check_plans, describe, plan_cells
from errata.ablation_results import DONE, Done, read_done, write_result
from errata.config import ErrataSettings
from errata.records import Ablation, Cell
from errata.training import read_splits, student_model, train
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError, DataError
from pipeline.evaluate import check_evaluation, evaluate, need_section, with_model
from pipeline.files import write_file
from pipeline.identity import file_hash, model_identity
from pipeline.lock import hold
from pipeline.prompts import Prompts
from pipeline.run import build, dump_settings
from pipeline.stages import QUIET, Progress
from pipeline.types import content_id

log = logging.getLogger(__name__)
Models = tuple[str, str | None]
"""Identities of the model that a cell trains and of its reference."""


def ablate(settings: ErrataSettings, progress: Progress = QUIET) -> Ablation:
    """Build, train and evaluate every cell of `settings.ablate`; writes `ablation.json` after each one.

    A cell that was finished with the same settings on the same pairs is not repeated; another cell that has both in
    common with it shares its folder. Raises UsageError for bad settings before anything is run, and for
    data without a pair before anything is trained.
    """
    asked = greedy_alone(settings)
    plans = plan_cells(settings)
    check_plans(plans)
    check_measured(asked, plans)
    with hold(settings.run_dir):
        return _run_cells(settings, asked, plans, progress)


def _run_cells(settings: ErrataSettings, asked: ErrataSettings, plans: Sequence[Plan], progress: Progress) -> Ablation:
    models = identify(plans)
    for run in {plan.data.name: plan.data for plan in plans if plan.data is not None}.values():
        asyncio.run(build(run, progress))
    keys = fingerprints(asked, plans, models)
    keep = settings.ablate.keep_policies
    done = [read_done(plan, key, keep) for plan, key in zip(plans, keys, strict=True)]
    if any(done):
        write_result(settings, keys, done)
    progress("cells", sum(one is not None for one in done), len(plans))
    for number, plan in enumerate(plans):
        if done[number] is None:
            alike = next((one for one in done if one is not None and one.fingerprint == keys[number]), None)
            if alike is not None:
                cell = alike.cell.model_copy(update={"values": plan.values})
                done[number] = alike.model_copy(update={"cell": cell})
            else:
                done[number] = run_cell(settings, asked, plan, keys[number], progress)
            write_result(settings, keys, done)
            progress("cells", sum(one is not None for one in done), len(plans))
    return write_result(settings, keys, done)


def greedy_alone(settings: ErrataSettings) -> ErrataSettings:
    """How the cells are asked: as configured, but the held-out problems alone, and once each at temperature 0.

    Raises ConfigError where there are none, or where no cell's policy could be asked.
    """
    section = need_section(settings)
    engine = section.after or settings.student
    if engine.local_model is None:
        raise ConfigError(
            "evaluate.after: is an engine that loads no model of this machine, so the cells' policies cannot be asked"
            if section.after is not None
            else "evaluate.after: say how to ask a policy, for example {engine: transformers, model: policy}"
        )
    less: dict[str, Any] = {"samples": 0, "k": None, "sets": {}, "models": {}, "second_turn": None}
    return settings.model_copy(update={"evaluate": section.model_copy(update=less)})


def check_measured(asked: ErrataSettings, plans: Sequence[Plan]) -> None:
    """Look at the held-out problems and at what asks them, for each set of training problems. Raises UsageError."""
    for model in {student_model(plan.settings, plan.settings.train) for plan in plans}:
        try:
            policy_engine(asked, model).check()
        except ConfigError as error:
            raise ConfigError(f"evaluate.after: {error}") from error
    seen: set[str] = set()
    for plan in plans:
        run, trained_on = as_asked(asked, plan)
        key = content_id(run.problems.model_dump(mode="json"), [str(folder) for folder in trained_on])
        if key not in seen:
            run.check()
            asyncio.run(check_evaluation(run, trained_on))
        seen.add(key)


def as_asked(asked: ErrataSettings, plan: Plan) -> tuple[ErrataSettings, list[Path]]:
    """The cell's run with the questions of all cells, and data sets that it is trained on besides its own problems."""
    alike = {name: getattr(asked, name) for name in ("student", "checker", "prompts", "sample", "evaluate")}
    fit = plan.settings.train
    given = fit.also if plan.data is not None else (fit.data, *fit.also)
    return plan.settings.model_copy(update=alike), [folder / "dataset" for folder in given if folder is not None]


def policy_engine(asked: ErrataSettings, policy: str) -> EngineSettings:
    """What asks a policy."""
    return with_model(need_section(asked).after or asked.student, policy)


def identify(plans: Sequence[Plan]) -> list[Models]:
    """By cell, its models; a hub model that is not on this machine yet is downloaded. Raises ConfigError."""
    identity = cache(model_identity)
    fits = [(student_model(plan.settings, plan.settings.train), plan.settings.train.reference) for plan in plans]
    return [(identity(model), None if reference is None else identity(reference)) for model, reference in fits]


def fingerprints(asked: ErrataSettings, plans: Sequence[Plan], models: Sequence[Models]) -> list[str]:
    """By cell, a hash of models, training settings, pairs, and how it is asked. Raises DataError where pairs lack."""
    how, pairs = _asked(asked), cache(_pairs)
    keys = []
    for plan, own in zip(plans, models, strict=True):
        fit = plan.settings.train
        assert fit.data is not None
        told = fit.model_dump(mode="json", exclude={"data", "also", "model", "reference", "report_to"})
        keys.append(content_id(list(own), told, pairs((fit.data, *fit.also)), how))
    return keys


def _pairs(folders: tuple[Path, ...]) -> str:
    """A hash of all pairs of some runs."""
    rows = read_splits(folders, "train")
    if not rows:
        fix = "see summary.json beside it, and take the value that leaves none out of its axis"
        raise DataError(folders[0] / "dataset", f"holds no training pair; {fix}")
    return content_id(rows, read_splits(folders, "validation"))


def _asked(settings: ErrataSettings) -> str:
    """A hash of what the answers to the held-out problems depend on besides the policy."""
    section, student = need_section(settings), settings.student
    path = Path(section.problems.path)
    told = [
        section.model_dump(mode="json"),
        file_hash(path) if path.is_file() else None,
        student.model_dump(mode="json"),
        model_identity(student.local_model) if student.local_model else None,
        settings.checker.model_dump(mode="json"),
        Prompts(settings.prompts).load(settings.sample.prompt).hash,
    ]
    return content_id(told)


def run_cell(settings: ErrataSettings, asked: ErrataSettings, plan: Plan, fingerprint: str, progress: Progress) -> Done:
    """Train and evaluate one cell; its folder then holds the numbers, and the policy where `keep_policies` says so."""
    run = plan.settings
    write_file(run.run_dir / "config.yaml", dump_settings(run))
    trained = train(run, progress)
    models = {"before": asked.student, "after": policy_engine(asked, str(trained.policy))}
    measured, trained_on = as_asked(asked, plan)
    asking = evaluate(measured, str(trained.policy), progress, models=models, trained_on=trained_on)
    held_out = asyncio.run(asking).held_out
    score, change = held_out.scores["after"], held_out.changes["after"]
    if failed := score.failed + held_out.scores["before"].failed:
        log.warning("%s: %d requests failed; their problems count as not solved", describe(plan.values), failed)
    cell = Cell(
        values=plan.values,
        run=run.run_dir.relative_to(settings.run_dir).as_posix(),
        pairs=trained.pairs,
        accuracy=score.accuracy,
        interval=score.interval,
        gain=change.gain,
        fixed=change.fixed,
        broken=change.broken,
        p_value=change.p_value,
        seconds=trained.seconds,
    )
    if not settings.ablate.keep_policies:
        (trained.policy / "training.json").replace(run.run_dir / "training.json")
        shutil.rmtree(trained.policy)
    done = Done(fingerprint=fingerprint, n=held_out.n, before=held_out.scores["before"].accuracy, cell=cell)
    write_file(run.run_dir / DONE, done.model_dump_json(indent=1) + "\n")
    return done
