"""Two models on the same problems: what was gained, what flipped, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.intervals import LEVEL, mcnemar_p
from pipeline.measures.answering import Answered
from pipeline.measures.bootstrap import bootstrap_mean, round_off
from pipeline.measures.records import Change, Estimate, Flip
from pipeline.measures.score import second_turn_gains

FAILURES = 0.02
"""Share of failed requests from which the sentence names them."""


def compare(before: Sequence[Answered], after: Sequence[Answered], name: str = "after", examples: int = 5) -> Change:
    """The change from one model to another, called `name`, on the same problems in the same order."""
    flips: dict[str, list[Flip]] = {"fixed": [], "broken": []}
    differences = []
    for old, new in zip(before, after, strict=True):
        was, now = old.greedy.verdict == "correct", new.greedy.verdict == "correct"
        differences.append(now - was)
        if was != now:
            flips["fixed" if now else "broken"].append(_flip(old, new))
    fixed, broken = len(flips["fixed"]), len(flips["broken"])
    p_value = mcnemar_p(fixed, broken)
    gain = bootstrap_mean(differences) if fixed or broken else _no_flip(len(before))
    failed = max(sum(a.greedy.failed for a in answered) for answered in (before, after)) / len(before)
    return Change(
        gain=gain,
        fixed=fixed,
        broken=broken,
        p_value=p_value,
        significant=p_value < LEVEL,
        conclusion=_conclude(name, gain, fixed, broken, p_value, failed),
        sampled_gain=_sampled_gain(before, after),
        second_turn_gain=_second_turn_gain(before, after),
        examples={kind: tuple(found[:examples]) for kind, found in flips.items()},
    )


def _no_flip(n: int) -> Estimate:
    """No gain, with the exact 95% bound on a share of flips of which none was seen among n (Clopper & Pearson 1934)."""
    bound = round_off(1 - 0.025 ** (1 / n))
    return Estimate(value=0.0, interval=(-bound, bound))


def _flip(old: Answered, new: Answered) -> Flip:
    problem = old.problem
    return Flip(
        problem_id=problem.id,
        question=problem.question,
        answer=problem.answer,
        before=old.greedy.text or "",
        after=new.greedy.text or "",
    )


def _conclude(name: str, gain: Estimate, fixed: int, broken: int, p_value: float, failed: float) -> str:
    counts = f"{fixed} fixed, {broken} broken (p = {p_value:.2g})"
    low, high = (f"{100 * end:+.1f}" for end in gain.interval)
    if p_value >= LEVEL:
        points = f"{100 * gain.value:+.1f} points ({low} to {high})"
        said = f"No significant change of `{name}`: {counts}; the gain is {points}."
    else:
        direction = "better" if gain.value > 0 else "worse"
        said = f"`{name}` is {direction} by {100 * abs(gain.value):.1f} points ({low} to {high}): {counts}."
    if failed >= FAILURES:
        said += f" Of one model {failed:.0%} of the requests failed and count as not solved: ask again first."
    return said


def _sampled_gain(before: Sequence[Answered], after: Sequence[Answered]) -> Estimate | None:
    """Difference of pass@1 over the problems of which both have samples."""
    shares = [_share(new) - _share(old) for old, new in zip(before, after, strict=True) if old.drawn and new.drawn]
    return bootstrap_mean(shares) if shares else None


def _share(answered: Answered) -> float:
    return sum(given.verdict == "correct" for given in answered.drawn) / len(answered.drawn)


def _second_turn_gain(before: Sequence[Answered], after: Sequence[Answered]) -> Estimate | None:
    old, new = second_turn_gains(before), second_turn_gains(after)
    differences = [new[problem] - gain for problem, gain in old.items() if problem in new]
    return bootstrap_mean(differences) if differences else None
