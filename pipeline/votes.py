"""A judge's replies ──▶ votes ──▶ one grade."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationError

from pipeline.jsontext import double_backslashes, find_objects
from pipeline.types import Completion, Grade, Record, Verdict


class Vote(Record):
    """What a judge is asked to write."""

    reason: str = ""
    answer: Annotated[str | None, BeforeValidator(lambda v: v if v is None or isinstance(v, str) else str(v))] = None
    verdict: Annotated[
        Literal["correct", "wrong", "unsure"], BeforeValidator(lambda v: v.strip().lower() if isinstance(v, str) else v)
    ]


def read_vote(completion: Completion) -> Vote | str:
    """The reply's verdict, or why there is none."""
    if completion.finish_reason != "stop":
        return "cut off at max_tokens" if completion.finish_reason == "length" else completion.finish_reason
    for text in (completion.text, double_backslashes(completion.text)):
        found = list(_find_votes(text))
        if len({vote.verdict for vote, _ in found}) > 1:
            return "two verdicts in one reply"
        if found and "}" not in text[found[-1][1] :]:  # else it is quoted inside an object that cannot be read
            return found[-1][0]
    return f"no JSON verdict in {' '.join(completion.text.split())[:80]!r}"


def _find_votes(text: str) -> Iterator[tuple[Vote, int]]:
    """Every object in the text that is a reply, with its end, whatever stands around it."""
    for value, end in find_objects(text):
        with contextlib.suppress(ValidationError):
            yield Vote.model_validate(value), end


def count_votes(votes: Sequence[Vote | str], agreement: float) -> Grade:
    """The verdict that a large enough share of the votes is for, else `unknown`."""
    read = [vote for vote in votes if isinstance(vote, Vote)]
    counts = Counter(vote.verdict for vote in read)
    verdict: Verdict = "unknown"
    for candidate in ("correct", "wrong"):
        if counts[candidate] >= agreement * len(votes) - 1e-9:  # 0.7 · 10 is a little more than 7
            verdict = candidate
    winners = [vote for vote in read if vote.verdict == (verdict if verdict != "unknown" else "unsure")] or read
    answers = Counter(vote.answer for vote in winners if vote.answer)
    told = ", ".join(f"{n} of {len(votes)} votes {name}" for name, n in counts.most_common())
    unreadable = [vote for vote in votes if isinstance(vote, str)]
    if unreadable:
        told += f"{', ' if told else ''}{len(unreadable)} of {len(votes)} unreadable ({unreadable[0]})"
    reason = next((" ".join(vote.reason.split()) for vote in winners if vote.reason.strip()), "")
    return Grade(
        verdict=verdict,
        extracted=answers.most_common(1)[0][0][:400] if answers else None,
        reason=f"judge: {told}{': ' if reason else ''}{reason}"[:400],
        score=round(counts["correct"] / len(votes), 4),
    )
