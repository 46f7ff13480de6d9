"""The same mistakes to every teacher, side by side: who corrects most, at what price, how close to the student."""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from pipeline.bounded import cut_groups, run_bounded
from pipeline.config import RunSettings
from pipeline.correct import Ladder, find_mistakes
from pipeline.engines.base import finish_all
from pipeline.errors import ConfigError, DataError
from pipeline.files import write_file
from pipeline.grade import UNGRADED
from pipeline.intervals import mcnemar_p, wilson_interval
from pipeline.rungs import gold_guided
from pipeline.rungs.base import RungSettings
from pipeline.stages import QUIET, Progress, Stages, open_stages, under_way
from pipeline.types import Attempt, Correction, Mistake

Outcome = Literal["accepted", "wrong", "unknown", "refused", "attempt_right", "gold_wrong", "failed"]
SIGNIFICANT = 0.05


class TeacherResult(BaseModel):
    """How one teacher did; outcomes add up to the number of mistakes."""

    accepted: int = 0
    """Corrections that the checker called correct."""
    wrong: int = 0
    unknown: int = 0
    """Corrections that the checker could not decide, truncated ones included."""
    refused: int = 0
    """Replies without a solution that may be used."""
    attempt_right: int = 0
    """The teacher says that the attempt is right."""
    gold_wrong: int = 0
    """The teacher says that the gold answer looks wrong."""
    failed: int = 0
    """Requests that failed for good, the checker's own included."""
    interval: tuple[float, float]
    """95% Wilson score interval of the accepted share."""
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    """Of all its texts, asked now or found in the cache (a pool's at its highest price); None without prices."""
    cost_per_accepted: float | None
    latency: float | None
    """Mean seconds of a request; None where all of it came from the cache."""
    length_ratio: float | None
    """Median length of the accepted texts over that of the mistakes, in characters."""
    edit_ratio: float | None
    """Median edit ratio of the accepted texts to the mistakes; 0 for identical ones."""
    reasons: dict[str, int]
    """The commonest reasons for what was not accepted."""


class Comparison(BaseModel):
    """`teachers.json`."""

    mistakes: int
    problems: int
    """Problems the student was asked to find them."""
    rung: str
    teachers: dict[str, TeacherResult]
    recommended: str
    grounds: str


async def compare_teachers(settings: RunSettings, mistakes: int = 50, progress: Progress = QUIET) -> Comparison:
    """Sample the student until there are enough mistakes, give each to every teacher; writes `teachers.json`.

    Raises UsageError for bad input or a student without mistakes, StoppedEarly where the budget ends.
    """
    if not settings.teachers:
        raise ConfigError("teachers: there are none to compare")
    if settings.checker.scores_only:
        raise ConfigError(f"checker {settings.checker.name}: scores texts and cannot tell whose corrections are right")
    for teacher in settings.teachers:
        rung_for(settings, teacher).check(settings.needs())
    with tempfile.TemporaryDirectory(prefix="errata-compare-") as folder:
        async with open_stages(settings, Path(folder)) as stages:
            await stages.prepare(cut_groups(stages.problems, max(stages.engines["student"].group_size, mistakes)))
            found, asked = await _find_mistakes(stages, mistakes, progress)
            if not found:
                raise DataError(settings.problems.path, f"the student made no mistake in {asked} problems")
            tries = await _ask_all(stages, found, progress)
            results = {name: _summarize(stages, name, found, made) for name, made in tries.items()}
    accepted = {name: [outcome_of(decisive(t)) == "accepted" for t in made] for name, made in tries.items()}
    recommended, grounds = recommend(results, accepted)
    comparison = Comparison(
        mistakes=len(found),
        problems=asked,
        rung=next(iter(tries.values()))[0][0].rung,
        teachers=results,
        recommended=recommended,
        grounds=grounds,
    )
    write_file(settings.run_dir / "teachers.json", comparison.model_dump_json(indent=1) + "\n")
    return comparison


async def _find_mistakes(
    stages: Stages, wanted: int, progress: Progress
) -> tuple[list[tuple[Mistake, Sequence[Attempt]]], int]:
    """One mistake a problem, in the order of the problems, until there are enough."""
    found: list[tuple[Mistake, Sequence[Attempt]]] = []
    asked = 0
    for group in cut_groups(stages.problems, max(stages.engines["student"].group_size, wanted)):
        await stages.ask_group(group)
        sampled = [stages.asked.pop(problem.id) for problem in group]
        asked += len(group)
        for problem, attempts in zip(group, sampled, strict=True):
            judged = stages.judge(attempts)
            found += [(mistake, judged) for mistake in find_mistakes(problem, judged)[:1]]
        progress("mistakes", min(len(found), wanted), wanted)
        if len(found) >= wanted:
            break
    return found[:wanted], asked


async def _ask_all(
    stages: Stages, found: Sequence[tuple[Mistake, Sequence[Attempt]]], progress: Progress
) -> dict[str, list[list[Correction]]]:
    """All tries of every teacher at every mistake, all teachers at once."""
    settings = stages.settings
    done = 0

    async def ask(teacher: str) -> list[list[Correction]]:
        rung = rung_for(settings, teacher)
        only = settings.correct.model_copy(update={"rungs": (rung,)})
        fingerprint, target = stages.checker_fingerprint, stages.ladder.target
        ladder = Ladder(only, stages.checker, fingerprint, settings.cleanups, target, stages.folder.corrections)
        tries: list[list[Correction]] = [[] for _ in found]

        async def correct(number: int) -> None:
            nonlocal done
            mistake, attempts = found[number]
            tries[number] = await ladder.correct(mistake, stages.sources(mistake.problem, attempts))
            done += 1
            progress("corrections", done, len(found) * len(settings.teachers))

        await run_bounded(range(len(found)), correct, under_way(settings, [stages.engines[teacher]]))
        return tries

    made = await finish_all(ask(teacher) for teacher in settings.teachers)
    return dict(zip(settings.teachers, made, strict=True))


def rung_for(settings: RunSettings, teacher: str) -> RungSettings:
    """The ladder's first rung whose texts a teacher writes, with this one in its place.

    Where there is none: `gold_guided` with the attempt in its prompt, so that the teacher can say that it is right.
    """
    for rung in settings.rungs:
        if rung.written_for_us:
            return rung.model_copy(update={"teacher": teacher})
    return gold_guided.Settings(teacher=teacher, prompt="gold_guided_attempt")


def decisive(tries: Sequence[Correction]) -> Correction:
    """The try that won, else the last one."""
    return next((t for t in tries if t.won), tries[-1])


def outcome_of(correction: Correction) -> Outcome:
    """What became of one mistake."""
    if correction.objection is not None:
        return correction.objection
    if correction.grade is not None:
        return "accepted" if correction.grade.verdict == "correct" else correction.grade.verdict
    ungraded = correction.failure is not None and correction.failure.startswith(UNGRADED)
    return "failed" if correction.completion is None or ungraded else "refused"


def _summarize(
    stages: Stages, name: str, found: Sequence[tuple[Mistake, Sequence[Attempt]]], made: Sequence[list[Correction]]
) -> TeacherResult:
    tries = [decisive(all_tries) for all_tries in made]
    outcomes = Counter[str](outcome_of(last) for last in tries)
    good = [(m, t) for (m, _), t in zip(found, tries, strict=True) if outcome_of(t) == "accepted" and t.text]
    usages = [t.usage for all_tries in made for t in all_tries if t.completion is not None]
    costs = [stages.settings.teachers[name].cost(usage) for usage in usages]
    cost = None if None in costs or not costs else sum(c for c in costs if c is not None)
    meters = stages.access.meters_of(name)
    answered = sum(meter.answered for meter in meters)
    why = Counter(
        (last.failure or (last.grade.reason if last.grade else "") or "no reason given")[:100]
        for last in tries
        if outcome_of(last) != "accepted"
    )
    return TeacherResult(
        **outcomes,
        interval=wilson_interval(len(good), len(tries)),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cost=cost,
        cost_per_accepted=cost / len(good) if cost is not None and good else None,
        latency=round(sum(m.seconds for m in meters) / answered, 3) if answered else None,
        length_ratio=_median([len(t.text) / len(m.text) for m, t in good if t.text and m.text]),
        edit_ratio=_median([t.edit_ratio for _, t in good if t.edit_ratio is not None]),
        reasons=dict(why.most_common(3)),
    )


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def recommend(results: dict[str, TeacherResult], accepted: dict[str, list[bool]]) -> tuple[str, str]:
    """Whom to take, and on what grounds.

    Among the teachers that accept no significantly smaller share than the best (exact McNemar test over the same
    mistakes), the one that costs least per accepted correction; without prices for all of them, the one whose texts
    stay closest to the student's; the acceptance decides ties.
    """
    best = max(results, key=lambda name: results[name].accepted)
    if not results[best].accepted:
        return best, "no teacher had a single correction accepted: look at `reasons` before anything else"
    total = len(accepted[best])
    equal = [name for name in results if name == best or p_value(accepted[best], accepted[name]) >= SIGNIFICANT]
    share = f"{results[best].accepted} of {total}"
    if len(equal) == 1:
        others = "" if len(results) == 1 else ", significantly more than any other (McNemar, p < 0.05)"
        return best, f"{best} had {share} corrections accepted{others}"
    useful = [name for name in equal if results[name].accepted]
    if len(useful) == 1:
        return best, f"{best} had {share} corrections accepted, the others none; too few to call it a difference"
    equal = useful
    among = f"{', '.join(equal)} do not differ significantly in corrections accepted (best {best} with {share})"
    costs = {name: results[name].cost_per_accepted for name in equal}
    if None not in costs.values():
        cheapest = min(equal, key=lambda name: (costs[name], -results[name].accepted))
        return cheapest, f"{among}; {cheapest} costs least per accepted correction ({costs[cheapest]:.3g})"
    nearest = min(equal, key=lambda name: (results[name].edit_ratio or 0.0, -results[name].accepted))
    ratio = results[nearest].edit_ratio
    return nearest, f"{among}; not all have prices, and {nearest}'s texts stay closest to the student's ({ratio:.2f})"


def p_value(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Exact two-sided McNemar test of two teachers over the same mistakes."""
    more = sum(x and not y for x, y in zip(a, b, strict=True))
    fewer = sum(y and not x for x, y in zip(a, b, strict=True))
    return mcnemar_p(more, fewer)
