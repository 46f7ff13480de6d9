"""Which features are found: counts and q-values as they are computed by hand, classes as the control has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.stats import binomtest

from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.records import Feature
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Side, Sides, match
from pipeline.shortcuts.sign_tests import beyond_control, find_features, phrase_words
from pipeline.shortcuts.table import Vocabulary
from tests.pipeline.shortcuts.test_markers import OPENER, TEACHER, make_pairs, open_with, plant

SETTINGS = AuditSettings()
KINDS = {kind.name: kind for kind in SETTINGS.features}
WORDS = KINDS["words"]


def make_side(votes: np.ndarray, first: int = 0) -> Side:
    keys = [str(n) for n in range(first, first + len(votes))]
    difference = csc_matrix(votes.astype(np.float32))
    return Side([], difference.tocsr(), np.arange(len(votes)), keys, difference)


def make_sides(data: np.ndarray, control: np.ndarray | None = None, *, first: int = 0) -> Sides:
    """Sides with these votes (prompts x features) on words `aaa`, `bbb` …; the control's prompts begin at `first`."""
    names = [3 * chr(97 + n) for n in range(data.shape[1])]
    other = None if control is None else make_side(control, first)
    shared = other and match([str(n) for n in range(len(data))], other.keys)
    kinds, families = ["words"] * len(names), ["ngrams"] * len(names)
    return Sides(Vocabulary([WORDS], [names]), kinds, families, make_side(data), other, shared)  # type: ignore[arg-type]


def votes(*columns: tuple[int, int], prompts: int = 200) -> np.ndarray:
    """Columns with so many votes for chosen in the first rows, then so many for rejected."""
    made = np.zeros((prompts, len(columns)))
    for number, (plus, minus) in enumerate(columns):
        made[:plus, number], made[plus : plus + minus, number] = 1, -1
    return made


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    columns = [(40, 0), (60, 20), (50, 30), (0, 30), (40, 40), (20, 21), (3, 0)]
    tested = find_features(make_sides(votes(*columns)), 0.05, KINDS)
    assert tested.tests == 6, "three votes can never be significant at 5%"
    p_values = sorted((binomtest(plus, plus + minus).pvalue, n) for n, (plus, minus) in enumerate(columns[:6]))
    q_values, least = {}, 1.0
    for rank in range(6, 0, -1):
        p, number = p_values[rank - 1]
        least = min(least, p * 6 / rank)
        q_values[number] = least
    found = {column: feature.q_value for column, feature in zip(tested.columns, tested.features, strict=True)}
    assert found == {n: pytest.approx(q, rel=1e-9) for n, q in q_values.items() if q <= 0.05}
    assert set(found) == {0, 1, 2, 3}


def test_features_are_ranked_by_their_log_odds_whichever_side_has_more() -> None:
    tested = find_features(make_sides(votes((60, 20), (0, 90), (40, 0), (80, 20))), 0.05, KINDS)
    assert [feature.feature for feature in tested.features] == ["bbb", "ccc", "ddd", "aaa"]
    first = tested.features[0]
    assert (first.chosen, first.rejected, first.log_odds) == (0, 90, pytest.approx(np.log(0.5 / 90.5)))


@pytest.mark.parametrize("first", [0, 1000])
@pytest.mark.parametrize(
    ("data", "control", "expected"),
    [
        ((90, 5), (10, 8), "artefact"),
        ((90, 5), (5, 90), "artefact"),  # the mistakes lean the other way
        ((90, 5), (88, 6), "error_signal"),
        ((90, 5), (70, 4), "error_signal"),  # three quarters as far
        ((90, 5), (45, 4), "artefact"),
        ((30, 5), (22, 12), "unattributed"),  # the control leans less, but not surely
        ((5, 90), (6, 88), "error_signal"),
        ((5, 90), (8, 10), "artefact"),
    ],
)
def test_the_control_says_what_a_feature_is(
    data: tuple[int, int], control: tuple[int, int], expected: str, first: int
) -> None:
    """Prompt by prompt where both have the same prompts, else as two samples."""
    sides = make_sides(votes(data), votes(control), first=first)
    assert (sides.shared is None) is (first == 1000)
    (feature,) = find_features(sides, 0.01, KINDS).features
    assert feature.class_ == expected
    assert (feature.control_chosen, feature.control_rejected) == control


def test_no_feature_that_leans_nowhere_is_found() -> None:
    """1,000 features of a fair coin: the expected number of data sets with any discovery is the level q."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        drawn = rng.choice([-1, 0, 1], (100, 1000))
        side = make_side(drawn)
        names = [f"w{n}" for n in range(1000)]
        sides = Sides(Vocabulary([WORDS], [names]), ["words"] * 1000, ["ngrams"] * 1000, side, None, None)
        alarms += bool(find_features(sides, 0.05, KINDS).features)
    assert alarms <= 7


def test_swapped_real_texts_have_next_to_nothing_to_find() -> None:
    rng = np.random.default_rng(0)
    pairs = plant(make_pairs(200), open_with, 0.5)
    found = 0
    for _ in range(5):
        swapped = [replace(p, chosen=p.rejected, rejected=p.chosen) if rng.random() < 0.5 else p for p in pairs]
        sides = Sides.count(swapped, (), Vocabulary.learn(swapped, SETTINGS.features))
        found += bool(find_features(sides, 0.01, KINDS).features)
    assert found <= 1


def test_what_leans_further_than_the_control_stands_before_what_leans_further_by_itself() -> None:
    sides = make_sides(votes((90, 5), (60, 5)), votes((30, 5), (5, 30)))
    first, second = find_features(sides, 0.01, KINDS).features
    assert (first.feature, second.feature) == ("bbb", "aaa")
    assert beyond_control(first) == pytest.approx(np.log(60.5 / 5.5)), "a control that leans the other way adds nothing"
    assert beyond_control(second) == pytest.approx(np.log(90.5 / 5.5) - np.log(30.5 / 5.5))
    (alone, _) = find_features(make_sides(votes((0, 90), (60, 5))), 0.01, KINDS).features
    assert beyond_control(alone) == pytest.approx(np.log(90.5 / 0.5))


@pytest.mark.parametrize(
    ("feature", "words"),
    [("so far", "so far"), ("▒ apples", None), ("=", None), ("! !", None), ("步", "步"), ("x = y", None)],
)
def test_a_phrase_has_a_letter_and_no_number_or_equation(feature: str, words: str | None) -> None:
    assert phrase_words(WORDS, feature) == words
    assert phrase_words(KINDS["lengths"], feature) is None
    assert phrase_words(KINDS["openers"], f"^ {feature} …") == words


def find(data: Sequence[Contrast], control: Sequence[Contrast]) -> list[Feature]:
    sides = Sides.count(data, control, Vocabulary.learn([*data, *control], SETTINGS.features))
    return find_features(sides, SETTINGS.q, KINDS).features


def doubt(pairs: Sequence[Contrast], share: float) -> list[Contrast]:
    """Wrong texts begin with a remark that right ones never make, as those of somebody lost may."""
    wanted = round(share * len(pairs))
    return [replace(p, rejected=f"That seems odd.\n{p.rejected}") if n < wanted else p for n, p in enumerate(pairs)]


def test_what_the_students_wrong_texts_say_as_well_is_an_error_signal() -> None:
    found = find(doubt(make_pairs(150, sample=1), 0.4), doubt(make_pairs(150), 0.4))
    odd = [feature for feature in found if "odd" in feature.feature]
    assert odd
    assert {feature.class_ for feature in odd} == {"error_signal"}
    assert (0, 60, 0, 60) in {(f.chosen, f.rejected, f.control_chosen, f.control_rejected) for f in odd}


def test_a_signal_may_lean_somewhat_further_in_the_data_and_no_more() -> None:
    """Of the student's right texts some are right by luck, and read as wrong ones do."""
    for share, expected in ((0.45, "error_signal"), (0.3, "artefact"), (0.0, "artefact")):
        found = find(doubt(make_pairs(200, sample=1), 0.5), doubt(make_pairs(200), share))
        (odd,) = [f for f in found if (f.kind, f.feature) == ("words", "odd")]
        assert odd.class_ == expected, share


def test_steps_that_the_student_forgets_are_signals_beside_a_planted_habit() -> None:
    found = find(plant(make_pairs(150, sample=1), open_with, 0.5), make_pairs(150))
    classes = {(f.kind, f.feature): f.class_ for f in found}
    assert classes["punctuation", "="] == classes["lengths", "equations"] == "error_signal"
    assert classes["openers", f"^ {OPENER}"] == "artefact"
    order = [("artefact", "unattributed", "error_signal").index(f.class_) for f in found]
    assert order == sorted(order), "what is to be mended stands first"


def test_another_author_is_told_by_artefacts() -> None:
    artefacts = {f.feature for f in find(make_pairs(200, TEACHER, sample=1), make_pairs(200)) if f.class_ == "artefact"}
    assert len(artefacts) > 100
    assert {"Multiplying by", "Without those"} <= artefacts


def test_without_a_control_nothing_is_attributed() -> None:
    found = find(plant(make_pairs(150), open_with, 0.5), ())
    assert {feature.class_ for feature in found} == {"unattributed"}
    assert all(f.control_chosen is None and f.p_control is None for f in found)


def test_what_is_left_out_is_not_tested() -> None:
    sides = make_sides(votes((60, 20), (0, 90), (40, 0)))
    tested = find_features(sides, 0.05, KINDS, np.array([False, True, False]))
    assert (tested.tests, [feature.feature for feature in tested.features]) == (2, ["ccc", "aaa"])
    nothing = find_features(sides, 0.05, KINDS, np.ones(3, dtype=bool))
    assert (nothing.features, nothing.columns, nothing.tests) == ([], [], 0)
