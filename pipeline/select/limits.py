"""The rules that limit how many pairs of a kind may stay, each of them a few inequalities over counts.

With x pairs kept of each kind and n in all, a limit says  sum(weight * x) <= share * n + constant:

    never_correct    pairs of problems never solved <= share * n
    topic_share      pairs of the topic <= share * n, for each topic
    length_balance   longer chosen - longer rejected <= 2 * distance * n, and the other way round
    max_pairs        n <= constant
    revise_share     pairs whose attempt is right <= share * n of the view `revise`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from pipeline.select.candidates import Candidate
from pipeline.select.settings import SelectSettings


class Kind(NamedTuple):
    """What limits know of a pair; pairs of a kind are alike to all of them."""

    never: bool
    topic: str | None
    longer: int
    confirms: bool | None = None


def kind_of(candidate: Candidate) -> Kind:
    """The kind of a pair."""
    return Kind(candidate.pass_rate == 0, candidate.topic, candidate.longer, candidate.confirms)


@dataclass(frozen=True)
class Limit:
    """One inequality."""

    rule: str
    weights: Mapping[Kind, int]
    """1 for the pairs that are limited, -1 for those that make up for them; kinds that do not matter are left out."""
    reason: str
    """Of a dropped pair; `{held}` is the share that the limited pairs have before, `{n}` the number of all."""
    share: float = 0.0
    constant: int = 0
    longest_first: bool = False
    """Whether the pairs with the largest difference in length go first, instead of those preferred least."""


def make_limits(settings: SelectSettings, kinds: Iterable[Kind], correct_share: float | None = None) -> Iterator[Limit]:
    """The limits that the settings ask for, in the order in which they apply."""
    if correct_share is not None:
        yield limit_correct_share(kinds, correct_share)
    if settings.max_never_correct is not None:
        yield limit_never_correct(kinds, settings.max_never_correct)
    if settings.max_topic_share is not None:
        yield from limit_topics(kinds, settings.max_topic_share)
    if settings.balance_length is not None:
        yield from balance_lengths(kinds, settings.balance_length)
    if settings.max_pairs is not None:
        yield limit_pairs(kinds, settings.max_pairs)


def limit_correct_share(kinds: Iterable[Kind], share: float) -> Limit:
    """Of the view `revise`, no more than this share has a right attempt in its prompt."""
    part = Fraction(share).limit_denominator(1000)
    right, wrong = part.denominator - part.numerator, part.numerator
    weights = {kind: right if kind.confirms else -wrong for kind in kinds if kind.confirms is not None}
    reason = f"the attempt in its prompt is right; {share:.1%} of the view's pairs may have such a one"
    return Limit("revise_share", weights, reason)


def limit_never_correct(kinds: Iterable[Kind], share: float) -> Limit:
    """Pairs whose problem has pass rate 0 are at most this share."""
    reason = f"no attempt at its problem was right, as for {{held:.1%}} of {{n:,}} pairs; {share:.1%} may be such"
    return Limit("never_correct", {kind: 1 for kind in kinds if kind.never}, reason, share)


def limit_topics(kinds: Iterable[Kind], share: float) -> Iterator[Limit]:
    """No topic has more than this share, or more than an equal one where there are too few topics for that."""
    topics: dict[str, dict[Kind, int]] = {}
    for kind in kinds:
        if kind.topic is not None:
            topics.setdefault(kind.topic, {})[kind] = 1
    share = max(share, 1 / max(1, len(topics)))
    for topic, weights in sorted(topics.items()):
        held = topic.replace("{", "{{").replace("}", "}}")
        reason = f"topic {held!r} has {{held:.1%}} of {{n:,}} pairs; a topic may have {share:.1%}"
        yield Limit("topic_share", weights, reason, share)


def balance_lengths(kinds: Iterable[Kind], distance: float) -> Iterator[Limit]:
    """The share of pairs with a longer chosen text, equal lengths counted half, is this close to 1/2."""
    for side, sign in (("chosen", 1), ("rejected", -1)):
        reason = (
            f"the {side} text is longer, as in {{held:.1%}} of {{n:,}} pairs; "
            f"the share of longer chosen texts may be {distance:.1%} from 50%"
        )
        weights = {kind: sign * kind.longer for kind in kinds if kind.longer}
        yield Limit("length_balance", weights, reason, 2 * distance, longest_first=True)


def limit_pairs(kinds: Iterable[Kind], most: int) -> Limit:
    """So many pairs, no more."""
    return Limit("max_pairs", dict.fromkeys(kinds, 1), f"there are {{n:,}} pairs; {most:,} may be kept", constant=most)
