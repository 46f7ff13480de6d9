"""Accuracy on held-out problems, before and after: greedy and sampled, with intervals, a paired test and flips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.checkers.base import Checker
from pipeline.config import EvaluateSettings, RunSettings
from pipeline.engines.base import Engine, Request, finish_all
from pipeline.errors import ConfigError, DataError, RequestFailed
from pipeline.grade import try_grade
from pipeline.intervals import mcnemar_p, wilson_interval
from pipeline.problems import read_problems
from pipeline.prompts import Prompt, Prompts
from pipeline.run import QUIET, Progress, cut_groups, open_access, under_way
from pipeline.sample import make_conversation
from pipeline.store import write_file
from pipeline.types import Completion, Grade, Problem

FAILED = Grade(verdict="unknown", extracted=None, reason="the request failed")
"""In place of an answer that was not written, or that the checker's own request could not judge."""


@dataclass(frozen=True)
class Answered:
    """One problem's graded answers: the greedy one, then the sampled ones."""

    problem: Problem
    text: str
    greedy: Grade
    sampled: tuple[Grade, ...]


class Accuracy(BaseModel):
    """How one model did."""

    accuracy: float
    """Share of problems whose greedy answer is correct; `unknown` does not count as correct."""
    interval: tuple[float, float]
    """95% Wilson score interval of `accuracy`."""
    correct: int
    wrong: int
    unknown: int
    failed: int
    """Requests that failed for good, the checker's own included; they count as unknown."""
    sampled_accuracy: float | None
    """Mean share of correct answers among the sampled ones."""
    samples: int


class Flip(BaseModel):
    """A problem whose verdict changed."""

    problem_id: str
    question: str
    answer: str
    before: str
    after: str


class Evaluation(BaseModel):
    """`evaluation.json`."""

    n: int
    before: Accuracy
    after: Accuracy
    gain: float
    p_value: float
    """Exact two-sided McNemar test over the problems whose correctness changed."""
    fixed: int
    broken: int
    conclusion: str
    examples: dict[str, list[Flip]]


async def answer_all(
    engine: Engine,
    checker: Checker,
    prompt: Prompt,
    problems: Sequence[Problem],
    settings: EvaluateSettings,
    *,
    at_once: int = 64,
    progress: Progress = QUIET,
    stage: str = "evaluate",
) -> list[Answered]:
    """Ask one model all problems: once greedily, `settings.samples` times sampled; `at_once` problems under way."""
    answered: list[Answered] = []
    progress(stage, 0, len(problems))
    for group in cut_groups(problems, max(engine.group_size, at_once)):
        conversations = [make_conversation(prompt, problem) for problem in group]
        greedy = settings.params.model_copy(update={"temperature": 0.0, "seed": None})
        firsts = await engine.complete_many([Request(messages=c, params=greedy) for c in conversations])
        many: list[list[Completion] | Exception] = [[] for _ in group]
        if settings.samples:
            requests = [Request(messages=c, params=settings.params, n=settings.samples) for c in conversations]
            many = await engine.complete_many(requests)
        asked = zip(group, firsts, many, strict=True)
        answered += await finish_all(_grade_answers(checker, problem, first, more) for problem, first, more in asked)
        progress(stage, len(answered), len(problems))
    return answered


async def _grade_answers(
    checker: Checker, problem: Problem, first: list[Completion] | Exception, more: list[Completion] | Exception
) -> Answered:
    """Samples whose request failed, or the checker's own about them, are left out; a greedy answer is FAILED."""

    async def grade(completion: Completion) -> Grade | None:
        return (await try_grade(checker, problem, completion))[0]

    for made in (first, more):
        if isinstance(made, Exception) and not isinstance(made, RequestFailed):
            raise made
    greedy = [] if isinstance(first, Exception) else first[:1]
    sampled = [] if isinstance(more, Exception) else more
    grades = await finish_all(grade(completion) for completion in (*greedy, *sampled))
    text = greedy[0].text if greedy else ""
    return Answered(
        problem,
        text,
        (grades[0] if greedy else None) or FAILED,
        tuple(told for told in grades[len(greedy) :] if told is not None),
    )


def measure(answered: Sequence[Answered]) -> Accuracy:
    """Accuracy of one model's answers."""
    verdicts = [a.greedy.verdict for a in answered]
    correct = verdicts.count("correct")
    shares = [sum(g.verdict == "correct" for g in a.sampled) / len(a.sampled) for a in answered if a.sampled]
    return Accuracy(
        accuracy=round(correct / len(verdicts), 4),
        interval=wilson_interval(correct, len(verdicts)),
        correct=correct,
        wrong=verdicts.count("wrong"),
        unknown=verdicts.count("unknown"),
        failed=sum(a.greedy is FAILED for a in answered),
        sampled_accuracy=round(sum(shares) / len(shares), 4) if shares else None,
        samples=max((len(a.sampled) for a in answered), default=0),
    )


def compare(before: Sequence[Answered], after: Sequence[Answered], examples: int = 5) -> Evaluation:
    """Compare two models on the same problems, in the same order."""
    flips: dict[str, list[Flip]] = {"fixed": [], "broken": []}
    for old, new in zip(before, after, strict=True):
        was, now = old.greedy.verdict == "correct", new.greedy.verdict == "correct"
        if was != now:
            problem = old.problem
            flip = Flip(
                problem_id=problem.id, question=problem.question, answer=problem.answer, before=old.text, after=new.text
            )
            flips["fixed" if now else "broken"].append(flip)
    fixed, broken = len(flips["fixed"]), len(flips["broken"])
    p_value = mcnemar_p(fixed, broken)
    first, second = measure(before), measure(after)
    gain = round(second.accuracy - first.accuracy, 4)
    if p_value >= 0.05:
        conclusion = f"No significant change: {fixed} fixed, {broken} broken (p = {p_value:.2g})."
    else:
        direction = "better" if gain > 0 else "worse"
        conclusion = f"The trained model is {direction}: {fixed} fixed, {broken} broken (p = {p_value:.2g})."
    return Evaluation(
        n=len(before),
        before=first,
        after=second,
        gain=gain,
        p_value=p_value,
        fixed=fixed,
        broken=broken,
        conclusion=conclusion,
        examples={kind: found[:examples] for kind, found in flips.items()},
    )


def check_held_out(held_out: Sequence[Problem], training: Sequence[Problem], source: str) -> None:
    """Raises DataError when an evaluation problem is a training problem, by id or by question."""
    ids = {problem.id for problem in training}
    questions = {problem.question.strip() for problem in training}
    shared = [problem for problem in held_out if problem.id in ids or problem.question.strip() in questions]
    if shared:
        where, _, line = shared[0].source.rpartition(":")
        why = f"{len(shared)} held-out problems are training problems, the first: {shared[0].question[:80]!r}"
        raise DataError(where or source, why, line=int(line) if line else None)


def trained_engine(settings: RunSettings, policy: str) -> Any:
    """Settings of the trained student: `evaluate.after`, or the student's own with `model` set to the policy's folder.

    Raises ConfigError when the student is no engine that could load a folder.
    """
    if settings.evaluate is not None and settings.evaluate.after is not None:
        return settings.evaluate.after
    if settings.student.local_model is None:
        raise ConfigError(
            f"evaluate.after: say how to ask the trained model; the student's engine {settings.student.engine!r} "
            f"cannot load {policy}"
        )
    if (Path(policy) / "adapter_config.json").is_file() and "adapter" in type(settings.student).model_fields:
        return settings.student.model_copy(update={"adapter": Path(policy)})
    return settings.student.model_copy(update={"model": policy})


async def evaluate(settings: RunSettings, policy: str, progress: Progress = QUIET) -> Evaluation:
    """Ask the student and the trained student the held-out problems of `settings.evaluate`; writes `evaluation.json`.

    Raises UsageError for bad input: no `evaluate` section, a model that is not there, problems that were trained on.
    """
    if settings.evaluate is None:
        raise ConfigError("evaluate: is required; name the held-out problems in evaluate.problems")
    settings.check()
    models = {"before": settings.student, "after": trained_engine(settings, policy)}
    models["after"].check()
    answered: dict[str, list[Answered]] = {}
    prompts = Prompts(settings.prompts)
    engines: dict[str, Engine] = {}  # the checker's; opened once the problems are read
    async with settings.checker.connect(engines.__getitem__, prompts) as checker:
        problems, _ = read_problems(settings.evaluate.problems, checker)
        training, _ = read_problems(settings.problems, checker)
        check_held_out(problems, training, settings.evaluate.problems.path)
        prompt = prompts.load(settings.sample.prompt)
        async with open_access(settings) as access:
            engines.update(await access.open_all(settings.checker.engines))
            for name, model in models.items():
                async with access.lend(name, model) as engine:
                    answered[name] = await answer_all(
                        engine,
                        checker,
                        prompt,
                        problems,
                        settings.evaluate,
                        at_once=under_way(settings, [engine]),
                        progress=progress,
                        stage=f"evaluate {name}",
                    )
    evaluation = compare(answered["before"], answered["after"])
    write_file(settings.run_dir / "evaluation.json", evaluation.model_dump_json(indent=1) + "\n")
    return evaluation
