"""Trees that no repair was fitted to: they see what is there, and pass what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.shortcuts.certify import Certificate, certify, tell
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.table import Vocabulary
from tests.pipeline.shortcuts.test_markers import STUDENT, TEACHER, make_pairs, open_with, plant

WIDE = AuditSettings(bound=0.2)
"""A bound that some hundred prompts can keep."""


def count_sides(pairs: Sequence[Contrast], control: Sequence[Contrast] = ()) -> Sides:
    return Sides.count(pairs, control, Vocabulary.learn([*pairs, *control], WIDE.features))


def test_a_planted_opener_is_told_and_its_removal_passes() -> None:
    clean, control = make_pairs(120, sample=1), make_pairs(120)
    planted = plant(clean, open_with, 0.9)
    made = certify(planted, clean, planted[:60], control, WIDE)
    assert made.outcome == "passed"
    assert made.after is not None
    assert (made.prompts, made.after.prompts, made.after.pairs) == (120, 120, 120)
    assert made.before.accuracy > 0.9
    assert made.before.ci95[0] > 0.05
    assert made.random_drop.accuracy > 0.8, "as many dropped at random leave it as it was"
    assert made.after.control == pytest.approx(made.after.accuracy, abs=0.1)
    assert Certificate.model_validate_json(made.model_dump_json()) == made


def make_equals(prompts: int) -> list[Contrast]:
    """Two right texts of one author; nothing tells them apart."""
    texts = [[STUDENT.write(f"problem {n}", sample, right=True) for sample in (0, 1)] for n in range(prompts)]
    return [Contrast(str(n), str(n), *two) for n, two in enumerate(texts)]


def test_a_repair_that_leaves_the_habit_fails() -> None:
    planted = plant(make_equals(60), open_with, 0.9)
    assert certify(planted, planted, planted[:30], (), WIDE).outcome == "failed"


def test_without_enough_prompts_nothing_is_certified() -> None:
    pairs, control = make_pairs(40, sample=1), make_pairs(40)
    assert certify(pairs, pairs[:30], pairs[:20], control, AuditSettings()).outcome == "underpowered"


def test_trees_see_what_holds_in_two_ways_at_once() -> None:
    """Of a bang and a dash the chosen text has exactly one, the rejected one both or neither: no line parts these."""
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(160):
        bang, other = rng.random() < 0.5, rng.random() < 0.5
        chosen = STUDENT.write(f"problem {number}", 0, right=True)
        rejected = STUDENT.write(f"problem {number}", 1, right=True)
        ends = ("Sure! ", "") if bang else ("", "Well — ")
        both = ("Sure! Well — ", "") if other else ("", "")
        pairs.append(Contrast(str(number), str(number), "".join(ends) + chosen, "".join(both) + rejected))
    assert tell(count_sides(pairs), WIDE).accuracy > 0.9


def test_prompts_of_a_fold_are_never_learnt_from() -> None:
    """Four pairs a prompt that share their texts: whoever has seen one of them knows the others."""
    pairs = []
    rng = np.random.default_rng(0)
    for number in range(60):
        texts = [STUDENT.write(f"problem {number}", sample, right=True) for sample in (0, 1)]
        order = texts if rng.random() < 0.5 else texts[::-1]
        pairs += [Contrast(f"{number}.{n}", str(number), *order) for n in range(4)]
    assert 0.3 < tell(count_sides(pairs), WIDE).accuracy < 0.7


def test_the_same_author_on_both_sides_is_told_as_often_as_the_control() -> None:
    told = tell(count_sides(make_pairs(120, sample=1), make_pairs(120)), WIDE)
    assert told.control is not None
    assert told.excess == pytest.approx(told.accuracy - told.control)
    low, high = told.ci95
    assert low < 0 < high
    other = tell(count_sides(make_pairs(90, TEACHER, sample=1), make_pairs(90)), WIDE)
    assert other.ci95[0] > 0, "another author is told"


def test_without_a_control_the_excess_is_beyond_chance() -> None:
    told = tell(count_sides(plant(make_pairs(100), open_with, 1)), WIDE)
    assert told.control is None
    assert told.excess == pytest.approx(told.accuracy - 0.5)


def test_texts_that_differ_nowhere_are_told_half_of_the_time() -> None:
    same = [replace(pair, rejected=pair.chosen) for pair in make_pairs(60)]
    told = tell(count_sides(same), WIDE)
    assert (told.accuracy, told.excess) == (0.5, 0.0)
    low, high = told.ci95
    assert -0.05 < low < 0 < high < 0.05


def test_the_trees_repeat_themselves() -> None:
    sides = count_sides(make_pairs(45, TEACHER))
    assert tell(sides, WIDE) == tell(sides, WIDE)


@pytest.mark.parametrize(("prompts", "control"), [(0, 0), (1, 0), (39, 0), (60, 3), (3, 60), (0, 60)])
def test_too_few_prompts_tell_nothing(prompts: int, control: int) -> None:
    assert tell(count_sides(make_pairs(prompts, sample=1), make_pairs(control)), WIDE) is None
