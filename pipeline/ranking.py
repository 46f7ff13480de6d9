"""Scores ──▶ verdicts, problem by problem: the best-rated sample stands for right, the worst ones for wrong."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.types import Attempt, Grade, Verdict


def rank_attempts(attempts: Sequence[Attempt], margin: float, worst: int) -> list[Attempt]:
    """The attempts with verdicts by their scores; those without one, and those between, are `unknown`.

    Wrong are the `worst` lowest ones, where they lie below the best by more than `margin`. Of equal scores the earlier
    sample counts as the better one, so that the same samples always give the same verdicts.
    """
    scored = [a for a in attempts if a.grade is not None and a.grade.score is not None]
    order = sorted(scored, key=lambda a: (-_score(a), a.index))
    if not order:
        return list(attempts)
    best, top = order[0], _score(order[0])
    low = [a for a in order[1:] if top - _score(a) > margin][::-1][:worst]
    told = f"of {len(order)} scored samples, from {_score(order[-1]):g} to {top:g}"
    verdicts: dict[str, tuple[Verdict, str]] = {
        a.id: ("unknown", f"between the best and the worst {told}") for a in order
    }
    verdicts |= {
        a.id: ("wrong", f"scored {_score(a):g}, {rank} from the bottom {told}") for rank, a in enumerate(low, 1)
    }
    verdicts[best.id] = ("correct", f"scored {top:g}, the best {told}")
    return [_with(a, *verdicts[a.id]) if a.id in verdicts else a for a in attempts]


def _score(attempt: Attempt) -> float:
    assert attempt.grade is not None
    assert attempt.grade.score is not None
    return attempt.grade.score


def _with(attempt: Attempt, verdict: Verdict, reason: str) -> Attempt:
    grade = attempt.grade or Grade(verdict=verdict, extracted=None, reason=reason)
    return attempt.model_copy(update={"grade": grade.model_copy(update={"verdict": verdict, "reason": reason})})
