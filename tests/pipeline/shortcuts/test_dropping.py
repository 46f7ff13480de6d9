"""Few pairs are dropped, the most telling first, and no topic loses most of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.dropping import LEAST_KEPT, carriers, choose_drops, margins
from pipeline.shortcuts.records import FoundMarker
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.table import Vocabulary
from tests.pipeline.shortcuts.test_markers import CLOSER, OPENER, close_with, make_pairs, open_with, plant

SETTINGS = AuditSettings()


def count_sides(pairs: Sequence[Contrast]) -> Sides:
    return Sides.count(pairs, (), Vocabulary.learn(pairs, SETTINGS.features))


def make_marker(kind: str, feature: str, more_in: str = "chosen") -> FoundMarker:
    told = {"phrase": None, "pairs": 1, "share": 0.1, "q_value": 0.0, "removed": False, "shown": True}
    return FoundMarker.model_validate({"kind": kind, "feature": feature, "more_in": more_in, **told})


def test_carriers_are_the_pairs_whose_marked_text_has_more_of_a_marker() -> None:
    pairs = plant(plant(make_pairs(100), open_with, 0.2), close_with, 0.1)
    sides = count_sides(pairs)
    opener, closer = make_marker("openers", f"^ {OPENER}"), make_marker("closers", f"{CLOSER} $")
    for markers, sentences in (([opener], [OPENER]), ([closer], [CLOSER]), ([opener, closer], [OPENER, CLOSER])):
        expected = [any(sentence in pair.chosen for sentence in sentences) for pair in pairs]
        assert carriers(sides, markers).tolist() == expected
    assert not carriers(sides, [make_marker("openers", f"^ {OPENER}", "rejected")]).any()
    assert not carriers(sides, []).any()


NONE_HELD = np.zeros(150, dtype=bool)


def test_the_pairs_with_a_habit_have_the_largest_margins() -> None:
    pairs = plant(make_pairs(150), open_with, 0.2)
    told = margins(count_sides(pairs), NONE_HELD, SETTINGS)
    planted = np.array([OPENER in pair.chosen for pair in pairs])
    assert told.shape == (150,)
    assert told[planted].mean() > told[~planted].mean() + 0.2
    np.testing.assert_array_equal(told, margins(count_sides(pairs), NONE_HELD, SETTINGS))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.booleans(), st.floats(-1, 2)), max_size=60),
    st.floats(0, 1),
)
def test_what_is_dropped_is_within_the_cap_and_leaves_half_of_every_group(
    pairs: list[tuple[str | None, bool, float]], most: float
) -> None:
    contrasts = [Contrast(str(n), str(n), "c", "r", group=group) for n, (group, _, _) in enumerate(pairs)]
    carrying = np.array([carries for _, carries, _ in pairs], dtype=bool)
    margin = np.array([score for _, _, score in pairs])
    chosen = choose_drops(contrasts, carrying, margin, most)
    assert len(set(chosen)) == len(chosen) <= most * len(pairs)
    assert all(carrying[number] for number in chosen), "nothing else is dropped"
    assert bool(chosen) <= (carrying.sum() <= most * len(pairs))
    sizes, dropped = (Counter(contrasts[n].group for n in numbers) for numbers in (range(len(pairs)), chosen))
    assert all(dropped[group] <= (1 - LEAST_KEPT) * sizes[group] for group in dropped if group is not None)
    if carrying.sum() <= most * len(pairs):
        assert dropped[None] == sum(carries and group is None for group, carries, _ in pairs)
        for group in ("a", "b", "c"):
            spared = [margin[n] for n in np.flatnonzero(carrying) if contrasts[n].group == group and n not in chosen]
            taken = [margin[n] for n in chosen if contrasts[n].group == group]
            assert max(spared, default=-9) <= min(taken, default=9), "the most telling go first"


@pytest.mark.parametrize(("carriers", "dropped"), [(20, 20), (21, 0), (0, 0)])
def test_a_marker_of_too_many_pairs_is_left(carriers: int, dropped: int) -> None:
    contrasts = [Contrast(str(n), str(n), "c", "r") for n in range(100)]
    carrying = np.arange(100) < carriers
    assert len(choose_drops(contrasts, carrying, np.zeros(100), 0.2)) == dropped
