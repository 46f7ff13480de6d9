"""One model on one set of problems: accuracy, samples, second turn, slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import fmean

from pipeline.intervals import mcnemar_p, wilson_interval
from pipeline.measures.answering import Answered
from pipeline.measures.bootstrap import bootstrap_mean
from pipeline.measures.diversity import mean_distinct, mean_entropy
from pipeline.measures.majority import majority_at
from pipeline.measures.pass_at_k import pass_at
from pipeline.measures.records import Score, SecondTurn, Slice
from pipeline.types import Problem, Verdict

SLICES = 20
"""Values of a column that get a line of their own; the rest share one."""
OTHERS = "(others)"


def score(
    answered: Sequence[Answered], ks: Sequence[int], by: Sequence[str] = (), difficulty: Mapping[str, str] | None = None
) -> Score:
    """How a model did. `ks`: the k of pass@k and maj@k; `by`: columns of the problems to tell apart.

    `difficulty`: a class of each problem by its id, such as `difficulty_of` makes.
    """
    verdicts = [a.greedy.verdict for a in answered]
    correct = verdicts.count("correct")
    tokens = [a.greedy.tokens for a in answered if a.greedy.text is not None]
    drawn = [given for a in answered for given in a.sampled]
    grades = [tuple(given.grade for given in a.drawn) for a in answered]
    passes = {k: pass_at(grades, k) for k in ks}
    majorities = {k: majority_at(grades, k) for k in ks if k > 1}
    several = [told for told in grades if len(told) > 1]
    return Score(
        accuracy=round(correct / len(verdicts), 4),
        interval=wilson_interval(correct, len(verdicts)),
        correct=correct,
        wrong=verdicts.count("wrong"),
        unknown=verdicts.count("unknown"),
        truncated=sum(a.greedy.truncated for a in answered),
        failed=sum(a.greedy.failed for a in answered),
        tokens=round(fmean(tokens), 1) if any(tokens) else None,
        longest=max((len(a.greedy.text) for a in answered if a.greedy.text is not None), default=0),
        samples=max((len(a.sampled) for a in answered), default=0),
        samples_failed=sum(given.failed for given in drawn),
        samples_truncated=sum(given.truncated for given in drawn),
        pass_at={k: told for k, told in passes.items() if told is not None},
        maj_at={k: told for k, told in majorities.items() if told is not None},
        distinct=mean_distinct(several),
        entropy=mean_entropy(several),
        slices=_slices(answered, by, difficulty),
        second_turn=_second_turn(answered),
    )


def difficulty_of(answered: Sequence[Answered]) -> dict[str, str]:
    """How hard each problem is for a model, by the share of its samples that are right; empty without two samples."""
    several = [a for a in answered if len(a.drawn) > 1]
    return {a.problem.id: _difficulty([given.verdict for given in a.drawn]) for a in several}


def _difficulty(verdicts: Sequence[Verdict]) -> str:
    right = verdicts.count("correct")
    if right == 0:
        return "never solved"
    return "always solved" if right == len(verdicts) else "sometimes solved"


def _slices(
    answered: Sequence[Answered], by: Sequence[str], difficulty: Mapping[str, str] | None
) -> dict[str, dict[str, Slice]]:
    told: dict[str, dict[str, Slice]] = {}
    for column in by:
        told[column] = _slice(answered, lambda problem, name=column: problem.extras.get(name))  # type: ignore[misc]
    if difficulty:
        told["difficulty"] = _slice(answered, lambda problem: difficulty.get(problem.id, "not known"))
    return told


def _slice(answered: Sequence[Answered], value_of: Callable[[Problem], Hashable]) -> dict[str, Slice]:
    groups: defaultdict[str, list[bool]] = defaultdict(list)
    for one in answered:
        groups[str(value_of(one.problem))].append(one.greedy.verdict == "correct")
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    shown, rest = ordered[:SLICES], ordered[SLICES:]
    if rest:
        shown.append((OTHERS, [right for _, part in rest for right in part]))
    return {value: _count(part) for value, part in sorted(shown)}


def _count(right: Sequence[bool]) -> Slice:
    n, correct = len(right), sum(right)
    return Slice(n=n, correct=correct, accuracy=round(correct / n, 4), interval=wilson_interval(correct, n))


def second_turn_gains(answered: Sequence[Answered]) -> dict[str, int]:
    """By problem, what the second turn changed: 1 from wrong to right, -1 from right to wrong, 0."""
    return {
        a.problem.id: (a.second.verdict == "correct") - (a.greedy.verdict == "correct")
        for a in answered
        if a.second is not None
    }


def _second_turn(answered: Sequence[Answered]) -> SecondTurn | None:
    gains = list(second_turn_gains(answered).values())
    if not gains:
        return None
    asked = [a for a in answered if a.second is not None]
    mended, spoilt = gains.count(1), gains.count(-1)
    return SecondTurn(
        n=len(gains),
        first=round(fmean(a.greedy.verdict == "correct" for a in asked), 4),
        second=round(fmean(a.second.verdict == "correct" for a in asked if a.second is not None), 4),
        wrong_to_right=mended,
        right_to_wrong=spoilt,
        unreadable=sum(a.second.verdict == "unknown" for a in asked if a.second is not None),
        gain=bootstrap_mean(gains),
        p_value=mcnemar_p(mended, spoilt),
    )
