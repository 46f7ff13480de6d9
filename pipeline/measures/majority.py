"""maj@k: how likely the most frequent answer among k samples is right (self-consistency; Wang et al. 2023)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb

from pipeline.measures.bootstrap import bootstrap_mean
from pipeline.measures.diversity import Answers, count_answers, tells_answers
from pipeline.measures.records import Estimate
from pipeline.types import Grade


@lru_cache(maxsize=1 << 12)
def majority_at_k(answers: Answers, k: int) -> float:
    """Share of all sets of k out of a problem's samples whose most frequent answer is right.

    Of answers that are equally frequent, each is taken with equal odds; a set without an answer is not right. Exact:
    sets are counted by how many right answers they hold and how many wrong ones hold as many. Raises ValueError unless
    1 <= k <= number of samples.
    """
    n = answers.right + sum(answers.wrong) + answers.none
    if not 1 <= k <= n:
        raise ValueError(f"needs 1 <= k <= {n} samples, not k={k}")
    won = Fraction(0)
    for votes in range(1, min(answers.right, k) + 1):
        for tied, ways in _count_sets(answers, votes, k - votes):
            won += Fraction(comb(answers.right, votes) * ways, tied + 1)
    return float(won / comb(n, k))


def _count_sets(answers: Answers, votes: int, others: int) -> Iterator[tuple[int, int]]:
    """(number of wrong answers with exactly `votes` samples, number of sets of `others` samples without right ones).

    Sets in which a wrong answer has more than `votes` are left out.
    """
    ways: dict[tuple[int, int], int] = {(0, 0): 1}  # (samples taken, answers tied) -> sets
    for size in answers.wrong:
        if size < votes:
            break
        grown: defaultdict[tuple[int, int], int] = defaultdict(int)
        for (taken, tied), sets in ways.items():
            for more in range(min(votes, others - taken) + 1):
                grown[taken + more, tied + (more == votes)] += sets * comb(size, more)
        ways = grown
    harmless = answers.none + sum(size for size in answers.wrong if size < votes)  # too few to win or tie
    for (taken, tied), sets in ways.items():
        yield tied, sets * comb(harmless, others - taken)


def majority_at(problems: Sequence[Sequence[Grade]], k: int) -> Estimate | None:
    """Mean of maj@k over problems, each with the grades of its samples.

    Problems with fewer than k samples, since requests failed, are left out. None where none has k, and where the
    checker extracts no answers that could be counted.
    """
    if not tells_answers(problems):
        return None
    values = [majority_at_k(count_answers(grades), k) for grades in problems if len(grades) >= k]
    return bootstrap_mean(values) if values else None
