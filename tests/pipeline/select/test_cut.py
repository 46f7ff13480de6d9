"""Limits hold together in the end, each pair is dropped by the rule that needs it, and no pair goes without need."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.select.candidates import Candidate
from pipeline.select.cut import cut_to_limits
from pipeline.select.limits import kind_of, make_limits
from pipeline.select.settings import SelectSettings
from pipeline.types import Finding

FEATURES = st.tuples(
    st.sampled_from([None, "a", "b", "c"]), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 9), st.integers(1, 9)
)
POOLS = st.lists(FEATURES, max_size=40)
SHARES = st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 1.0])


def make_pool(features: Sequence[tuple[str | None, float, int, int]]) -> list[Candidate]:
    pool = [Candidate(f"{number:03}", "p", *feature) for number, feature in enumerate(features)]
    return sorted(pool, key=lambda candidate: candidate.place("middle"))


def cut(pool: list[Candidate], **options: Any) -> tuple[list[Candidate], dict[str, Finding]]:
    """What stays, and the findings of the rest."""
    limits = list(make_limits(SelectSettings(topic="topic", **options), dict.fromkeys(map(kind_of, pool))))
    findings = cut_to_limits(pool, limits)
    return [candidate for candidate in pool if candidate.id not in findings], findings


def holds(kept: list[Candidate], topics: int, **options: Any) -> bool:
    """Whether the limits hold for what is kept."""
    n = len(kept)
    count = Counter(candidate.topic for candidate in kept if candidate.topic is not None)
    share = max(options.get("max_topic_share", 1), 1 / max(1, topics))
    surplus = abs(sum(candidate.longer for candidate in kept))
    return (
        sum(candidate.pass_rate == 0 for candidate in kept) <= options.get("max_never_correct", 1) * n + 1e-6
        and max(count.values(), default=0) <= share * n + 1e-6
        and surplus <= 2 * options.get("balance_length", 0.5) * n + 1e-6
        and n <= options.get("max_pairs", n)
    )


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max_never_correct": SHARES,
        "max_topic_share": SHARES,
        "balance_length": st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5]),
        "max_pairs": st.integers(1, 40),
    },
)


@settings(max_examples=300)
@given(POOLS, OPTIONS)
def test_all_limits_hold_in_the_end(features: list[Any], options: dict[str, Any]) -> None:
    pool = make_pool(features)
    topics = len({candidate.topic for candidate in pool} - {None})
    kept, findings = cut(pool, **options)
    assert holds(kept, topics, **options)
    assert len(kept) + len(findings) == len(pool)
    assert all(finding.action == "drop" for finding in findings.values())
    if holds(pool, topics, **options):
        assert kept == pool


@given(POOLS, st.sampled_from([("max_never_correct", 0.2), ("max_topic_share", 0.4), ("balance_length", 0.1)]))
def test_one_limit_keeps_as_many_as_can_be_kept(features: list[Any], option: tuple[str, float]) -> None:
    pool, (name, value) = make_pool(features), option
    groups: list[int]
    if name == "max_never_correct":
        of = Counter(candidate.pass_rate == 0 for candidate in pool)
        most = of[False] + min(of[True], math.floor(Fraction("0.2") / Fraction("0.8") * of[False]))
    elif name == "max_topic_share":
        topics = Counter(candidate.topic for candidate in pool)
        free = topics.pop(None, 0)
        share = max(Fraction("0.4"), Fraction(1, max(1, len(topics))))
        groups = list(topics.values())
        most = max(n for n in range(len(pool) + 1) if free + sum(min(c, math.floor(share * n)) for c in groups) >= n)
    else:
        of_side = Counter(candidate.longer for candidate in pool)
        few, many = sorted((of_side[1], of_side[-1]))
        most = max(
            of_side[0] + few + more for more in range(many + 1) if more - few <= (of_side[0] + few + more) * 2 * 0.1
        )
    assert len(cut(pool, **{name: value})[0]) == most


@given(POOLS, st.integers(1, 40))
def test_of_too_many_pairs_those_of_middle_pass_rate_stay(features: list[Any], most: int) -> None:
    pool = make_pool(features)
    assert cut(pool, max_pairs=most)[0] == pool[:most]


def test_of_pairs_of_the_longer_side_those_that_differ_most_go_first() -> None:
    pool = make_pool([(None, 0.5, 1 + more, 1) for more in (5, 9, 1, 7, 3, 8)] + [(None, 0.5, 1, 4)] * 2)
    kept, findings = cut(pool, balance_length=0.1)
    assert sorted(candidate.chosen_length - candidate.rejected_length for candidate in kept) == [-3, -3, 1, 3, 5]
    (reason,) = {finding.reason for finding in findings.values()}
    assert (
        reason
        == "the chosen text is longer, as in 75.0% of 8 pairs; the share of longer chosen texts may be 10.0% from 50%"
    )


def test_findings_name_the_rule_that_needs_the_pair_gone() -> None:
    pool = make_pool([("a", 0.0, 2, 1)] * 4 + [("b", 0.5, 1, 2)] * 4 + [("c", 0.25, 1, 1)] * 4)
    _, findings = cut(pool, max_never_correct=0.2, max_pairs=8)
    assert Counter(finding.rule for finding in findings.values()) == {"never_correct": 2, "max_pairs": 2}
    assert {finding.reason for finding in findings.values()} == {
        "no attempt at its problem was right, as for 33.3% of 12 pairs; 20.0% may be such",
        "there are 10 pairs; 8 may be kept",
    }
    never = {f"{number:03}" for number in range(4)}
    assert {id for id, finding in findings.items() if finding.rule == "never_correct"} < never


def test_a_topic_may_be_called_anything() -> None:
    _, findings = cut(make_pool([("{n} {", 0.5, 1, 1)] * 3 + [("b", 0.5, 1, 1)]), max_topic_share=0.5)
    assert {finding.reason for finding in findings.values()} == {
        "topic '{n} {' has 75.0% of 4 pairs; a topic may have 50.0%"
    }


def test_with_too_few_topics_for_the_cap_each_gets_an_equal_share() -> None:
    assert len(cut(make_pool([("a", 0.5, 1, 1)] * 9), max_topic_share=0.1)[0]) == 9
    kept, _ = cut(make_pool([("a", 0.5, 1, 1)] * 9 + [("b", 0.5, 1, 1)] * 4), max_topic_share=0.1)
    assert Counter(candidate.topic for candidate in kept) == {"a": 4, "b": 4}


def test_limits_that_pull_against_each_other_do_not_empty_the_set() -> None:
    """Rule after rule alone would halve it over and over: topic a has longer chosen texts only, b both kinds."""
    pool = make_pool([("a", 0.5, 9, 1)] * 1000 + [("b", 0.5, 8, 1)] * 500 + [("b", 0.5, 1, 8)] * 500)
    kept, _ = cut(pool, max_topic_share=0.5, balance_length=0.1)
    assert holds(kept, 2, max_topic_share=0.5, balance_length=0.1)
    assert len(kept) == 1250


def test_cutting_to_a_number_does_not_fall_below_it_for_the_sake_of_another_limit() -> None:
    sides = itertools.cycle([(2, 1), (2, 1), (1, 2)])
    pool = make_pool([("ab"[n % 2], (n % 5) / 5, *next(sides)) for n in range(3000)])
    options: dict[str, Any] = {
        "max_never_correct": 0.1,
        "max_topic_share": 0.5,
        "balance_length": 0.05,
        "max_pairs": 200,
    }
    kept, _ = cut(pool, **options)
    assert holds(kept, 2, **options)
    assert len(kept) == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_topic_share": 0.3}, "needs `topic`"),
        ({"balance_length": 0.6}, "less than or equal to 0.5"),
        ({"near_duplicates": 0.2}, "greater than or equal to 0.5"),
        ({"max_pair": 3}, "did you mean 'max_pairs'"),
        ({"prefer": "easy"}, "'middle', 'hardest' or 'any'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SelectSettings(**options)
