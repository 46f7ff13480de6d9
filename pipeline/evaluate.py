"""Any number of models on any number of sets of held-out problems; the first is what the others are compared with.

One model after the other is asked all sets, so that each has the machine's memory for itself; what the completion
cache knows is not asked again. None of the problems may have been trained on (`measures/held_out.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.access import Access
from pipeline.checkers.base import Checker, CheckerSettings
from pipeline.config import RunSettings
from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import ConfigError
from pipeline.files import write_file
from pipeline.measures.answering import Answered, Asking, answer_all
from pipeline.measures.change import compare
from pipeline.measures.held_out import Seen, check_held_out, seen
from pipeline.measures.records import Evaluation, SetResult
from pipeline.measures.score import difficulty_of, score
from pipeline.measures.settings import EvaluateSettings, SetSettings
from pipeline.problems import ProblemSource, read_problems
from pipeline.prompts import Prompts
from pipeline.stages import QUIET, Progress, open_access, under_way
from pipeline.types import Problem

ANSWERS = "answers.jsonl"
"""Every answer of the last evaluation."""
RESULT = "evaluation.json"


@dataclass(frozen=True)
class ProblemSet:
    """A set that is ready to be asked."""

    settings: SetSettings
    checker: CheckerSettings
    problems: list[Problem]
    asking: Asking


async def evaluate(
    settings: RunSettings,
    policy: str | None,
    progress: Progress = QUIET,
    *,
    models: Mapping[str, EngineSettings] | None = None,
    trained_on: Sequence[Path] = (),
) -> Evaluation:
    """Ask the models of `choose_models`, or `models`, all sets; writes `evaluation.json` and `answers.jsonl`.

    `trained_on`: data sets whose prompts must not be among the problems, besides the run's problems. Raises UsageError
    for bad input: no `evaluate` section, a model that is not there, problems that were trained on.
    """
    wanted = need_section(settings)
    settings.check()
    asked = models or choose_models(settings, policy)
    for engine in asked.values():
        engine.check()
    engines: dict[str, Engine] = {}  # the checkers'; opened once the problems are read
    async with AsyncExitStack() as stack:
        sets = await _open_sets(settings, wanted, engines, stack)
        _check_held_out(settings, sets, trained_on)
        access = await stack.enter_async_context(open_access(settings))
        engines.update(await access.open_all(_checkers_engines(sets)))
        answered: dict[str, dict[str, list[Answered]]] = {name: {} for name in sets}
        for name, model in asked.items():
            for of, told in (await _ask(settings, access, name, model, sets, progress)).items():
                answered[of][name] = told
    results = {name: _measure(one, wanted, answered[name]) for name, one in sets.items()}
    evaluation = Evaluation(
        models={name: describe(engine) for name, engine in asked.items()},
        sets=results,
        conclusion=_conclude(results),
    )
    write_file(settings.run_dir / ANSWERS, "".join(_lines(answered)))
    write_file(settings.run_dir / RESULT, evaluation.model_dump_json(indent=1) + "\n")
    return evaluation


async def check_evaluation(settings: RunSettings, trained_on: Sequence[Path] = ()) -> None:
    """Read all sets and look for training problems among them; asks nothing. Raises UsageError."""
    async with AsyncExitStack() as stack:
        sets = await _open_sets(settings, need_section(settings), {}, stack)
        _checkers_engines(sets)
        _check_held_out(settings, sets, trained_on)


def need_section(settings: RunSettings) -> EvaluateSettings:
    """The section `evaluate`. Raises ConfigError where there is none."""
    if settings.evaluate is None:
        raise ConfigError("evaluate: is required; name the held-out problems in evaluate.problems")
    return settings.evaluate


def choose_models(settings: RunSettings, policy: str | None) -> dict[str, EngineSettings]:
    """`evaluate.models`; or the student as `before` and, where there is a policy, the trained one as `after`.

    Raises ConfigError when the student is no engine that could load a policy's folder.
    """
    if settings.evaluate is not None and settings.evaluate.models:
        return dict(settings.evaluate.models)
    if policy is None and (settings.evaluate is None or settings.evaluate.after is None):
        return {"before": settings.student}
    return {"before": settings.student, "after": trained_engine(settings, policy)}


def trained_engine(settings: RunSettings, policy: str | None) -> EngineSettings:
    """Settings of the trained student: `evaluate.after`, or the student's own with `model` set to the policy's folder.

    Raises ConfigError when the student is no engine that could load a folder.
    """
    if settings.evaluate is not None and settings.evaluate.after is not None:
        after: EngineSettings = settings.evaluate.after
        return after
    assert policy is not None
    return with_model(settings.student, policy)


def with_model(student: EngineSettings, model: str, *, ours: bool = True) -> EngineSettings:
    """The student's settings with another model, or adapter, in its place. Raises ConfigError where it loads none.

    `ours`: whether the student was trained into it. Another model's code is not run because the student's may be.
    """
    if student.local_model is None:
        raise ConfigError(
            f"evaluate.after: say how to ask {model}; the student's engine {student.engine!r} "  # type: ignore[attr-defined]
            "cannot load it"
        )
    if (Path(model) / "adapter_config.json").is_file():
        if "adapter" not in type(student).model_fields:
            raise ConfigError(
                f"{model}: is an adapter, and the student's engine {student.engine!r} loads none; "  # type: ignore[attr-defined]
                "merge it into its model (peft: merge_and_unload), or take engine vllm"
            )
        return student.model_copy(update={"adapter": Path(model)})
    distrusted = not ours and model != student.local_model and "trust_remote_code" in type(student).model_fields
    return student.model_copy(update={"model": model, **({"trust_remote_code": False} if distrusted else {})})


def describe(engine: EngineSettings) -> str:
    """Which model an engine asks, in one line."""
    told = engine.model_dump(mode="json")
    parts = [told.get(name) for name in ("base_url", "model", "adapter")]
    return " ".join(str(part) for part in parts if part) or str(told["engine"])


async def _open_sets(
    settings: RunSettings, wanted: EvaluateSettings, engines: Mapping[str, Engine], stack: AsyncExitStack
) -> dict[str, ProblemSet]:
    prompts = Prompts(settings.prompts)
    check = None if wanted.second_turn is None else prompts.load(wanted.second_turn.prompt)
    sets = {}
    for name, one in wanted.all_sets.items():
        checker_settings: CheckerSettings = one.checker or settings.checker
        checker: Checker = await stack.enter_async_context(checker_settings.connect(engines.__getitem__, prompts))
        prompt = prompts.load(one.prompt or settings.sample.prompt)
        asking = Asking(checker, prompt, wanted.params, wanted.samples, check)
        sets[name] = ProblemSet(one, checker_settings, read_problems(one.source, checker)[0], asking)
    return sets


def _checkers_engines(sets: Mapping[str, ProblemSet]) -> dict[str, EngineSettings]:
    """The engines of all checkers. Raises ConfigError where two of them call different ones by the same name."""
    engines: dict[str, EngineSettings] = {}
    for name, one in sets.items():
        for key, engine in one.checker.engines.items():
            if engines.setdefault(key, engine) != engine:
                raise ConfigError(
                    f"evaluate.sets.{name}.checker: its engine {key!r} is another than that of the checker before it; "
                    "let all checkers ask the same one"
                )
    return engines


def _check_held_out(settings: RunSettings, sets: Mapping[str, ProblemSet], trained_on: Sequence[Path]) -> None:
    problems = {name: one.problems for name, one in sets.items()}
    asked = {name: one.asking.prompt.fill for name, one in sets.items()}
    check_held_out(problems, _training(settings, sets, trained_on), need_section(settings).held_out, asked=asked)


def _training(settings: RunSettings, sets: Mapping[str, ProblemSet], trained_on: Sequence[Path]) -> Iterator[Seen]:
    """Every problem of the run, whether a pair was made of it or not, and every prompt of `trained_on`."""
    from pipeline.measures.trained_on import seen_in

    checker = next(iter(sets.values())).asking.checker
    for problem in ProblemSource(settings.problems, checker):
        yield seen(problem)
    for source in trained_on:
        yield from seen_in(source)


async def _ask(
    settings: RunSettings,
    access: Access,
    name: str,
    model: EngineSettings,
    sets: Mapping[str, ProblemSet],
    progress: Progress,
) -> dict[str, list[Answered]]:
    answered = {}
    async with access.lend(name, model) as engine:
        for of, one in sets.items():
            stage = f"evaluate {name}" if len(sets) == 1 else f"evaluate {name}: {of}"
            at_once = under_way(settings, [engine])
            answered[of] = await answer_all(
                engine, one.problems, one.asking, at_once=at_once, progress=progress, stage=stage
            )
    return answered


def _measure(one: ProblemSet, wanted: EvaluateSettings, answered: Mapping[str, list[Answered]]) -> SetResult:
    first, *others = answered
    difficulty = difficulty_of(answered[first])
    return SetResult(
        path=one.settings.problems.path,
        checker=one.checker.name,
        n=len(one.problems),
        scores={name: score(told, wanted.ks, one.settings.by, difficulty) for name, told in answered.items()},
        changes={name: compare(answered[first], answered[name], name) for name in others},
    )


def _conclude(results: Mapping[str, SetResult]) -> str:
    """Whether the change on the held-out problems is real, and which further sets changed."""
    held_out, *further = results.items()
    changes = held_out[1].changes
    if not changes:
        (score,) = held_out[1].scores.values()
        low, high = score.interval
        return f"{score.accuracy:.1%} of {held_out[1].n} held-out problems ({low:.1%} to {high:.1%})."
    said = [change.conclusion for change in changes.values()]
    for name, result in further:
        said += [f"On {name}: {change.conclusion}" for change in result.changes.values() if change.significant]
    if still := [name for name, result in further if not any(one.significant for one in result.changes.values())]:
        said.append(f"No significant change on {', '.join(still)}.")
    return " ".join(said)


def _lines(answered: Mapping[str, Mapping[str, Sequence[Answered]]]) -> Iterator[str]:
    for of, by_model in answered.items():
        for model, told in by_model.items():
            for one in told:
                yield from (row.model_dump_json() + "\n" for row in one.rows(of, model))
