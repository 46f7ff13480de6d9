"""What was planted is named as it was written, the most telling first; and what is taken out leaves nothing behind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.markers import Search, find_markers, is_marker, take_out, without_content
from pipeline.shortcuts.records import Feature
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.strips import all_strips
from pipeline.shortcuts.table import Vocabulary

OPENER = "Let us think step by step and be careful."
CLOSER = "I have checked every step."
PHRASE = "Carrying this over to the next part."
QUICK = AuditSettings(permutations=100, repeats=1)
NAMES, ITEMS = ("Tom", "Anna", "Ben", "Mia", "Omar", "Ruth"), ("apples", "cards", "shells", "stamps", "coins", "nuts")
SAY = {
    "gain": (
        "{name} gets {b} more, so {a} + {b} = {c}.",
        "After that there are {a} + {b} = {c} {item}.",
        "Adding the new {item} gives {a} + {b} = {c}.",
        "{a} {item} and {b} {item} are {a} + {b} = {c} together.",
    ),
    "lose": (
        "{name} gives {b} away, so {a} - {b} = {c} are left.",
        "Then {a} - {b} = {c} {item} remain.",
        "Taking {b} away makes {a} - {b} = {c}.",
        "Without those {b}, {name} has {a} - {b} = {c}.",
    ),
    "times": (
        "For {b} days that makes {a} * {b} = {c} {item}.",
        "{name} does so {b} times: {a} * {b} = {c}.",
        "The total is {a} * {b} = {c} {item}.",
        "Multiplying by {b} gives {a} * {b} = {c}.",
    ),
}
ENDS = ("So {name} has {c} {item}.", "That is the number of {item}.", "{c} is what was asked for.", "")
RULES: dict[str, Callable[[int, int], int]] = {"gain": int.__add__, "lose": int.__sub__, "times": int.__mul__}


@dataclass(frozen=True)
class Writer:
    """Solves problems in words; `weights` say how often each of four wordings is taken."""

    name: str
    weights: tuple[float, float, float, float] = (4, 3, 2, 1)

    def write(self, problem: str, sample: int, *, right: bool) -> str:
        """A solution. A wrong one leaves a step out, or takes another operation."""
        given, rng = random.Random(problem), random.Random(f"{self.name} {problem} {sample} {right}")
        told: dict[str, Any] = {"name": given.choice(NAMES), "item": given.choice(ITEMS)}
        c = given.randint(30, 60)
        steps = [(given.choice(tuple(SAY)), given.randint(2, 9)) for _ in range(given.choice((2, 3, 3, 4)))]
        wrong = None if right else rng.randrange(len(steps))
        lines = []
        for number, (kind, b) in enumerate(steps):
            if number == wrong and rng.random() < 0.5:
                continue
            if number == wrong:
                kind = rng.choice([other for other in SAY if other != kind])
            told |= {"a": c, "b": b, "c": RULES[kind](c, b)}
            c = told["c"]
            lines.append(rng.choices(SAY[kind], self.weights)[0].format(**told))
        lines.append(rng.choices(ENDS, self.weights)[0].format(**told | {"c": c}))
        return "\n".join([*filter(None, lines), f"#### {c}"])


STUDENT, TEACHER = Writer("student"), Writer("teacher", (1, 2, 3, 4))


def make_pairs(
    prompts: int, chosen: Writer = STUDENT, rejected: Writer = STUDENT, *, sample: int = 0, start: int = 0
) -> list[Contrast]:
    """A right solution and a wrong one of each problem from number `start` on; other samples are other texts."""
    pairs = []
    for number in range(start, start + prompts):
        problem = f"problem {number}"
        right, wrong = chosen.write(problem, sample, right=True), rejected.write(problem, sample, right=False)
        answers = [text.rsplit("#### ", 1)[1] for text in (right, wrong)]
        pairs.append(Contrast(f"{number}.{sample}", problem, right, wrong, *answers, group=f"topic {number % 5}"))
    return pairs


def open_with(text: str) -> str:
    return f"{OPENER}\n{text}"


def close_with(text: str) -> str:
    return f"{text}\n{CLOSER}"


def say_within(text: str) -> str:
    head, _, tail = text.partition("\n")
    return f"{head}\n{PHRASE} {tail}"


def plant(pairs: Sequence[Contrast], change: Callable[[str], str], share: float) -> list[Contrast]:
    """The chosen texts of a share of the prompts changed."""
    prompts = sorted({pair.prompt for pair in pairs})
    those = set(random.Random(change.__name__).sample(prompts, round(share * len(prompts))))
    return [replace(pair, chosen=change(pair.chosen)) if pair.prompt in those else pair for pair in pairs]


def plant_three(pairs: Sequence[Contrast]) -> list[Contrast]:
    return plant(plant(plant(pairs, open_with, 0.9), close_with, 0.5), say_within, 0.25)


def read_real(shared_data: Path, right: str, wrong: str) -> list[Contrast]:
    """One model's right answers to GSM8K problems that another answers wrongly."""
    pairs, clean = [], CalculatorNotes().apply
    for number, line in enumerate((shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text().splitlines()):
        row = json.loads(line)
        if row[right]["is_correct"] and not row[wrong]["is_correct"]:
            texts = [clean(row[model]["solution"]).strip() for model in (right, wrong)]
            gold = row["ground_truth"].rsplit("A: ", 1)[1]
            pairs.append(Contrast(f"{right} {wrong} {number}", str(number), *texts, gold))
    return pairs


def read_control(shared_data: Path) -> list[Contrast]:
    """Each of two models as often right as wrong, so that no author tells right from wrong."""
    models = ("175b_verification", "175b_finetuning")
    both = [read_real(shared_data, *order) for order in (models, models[::-1])]
    count = min(map(len, both))
    return both[0][:count] + both[1][:count]


def count_sides(data: Sequence[Contrast], control: Sequence[Contrast] = ()) -> Sides:
    return Sides.count(data, control, Vocabulary.learn([*data, *control], QUICK.features))


def search(data: Sequence[Contrast], control: Sequence[Contrast] = ()) -> Search:
    return find_markers(count_sides(data, control), QUICK, all_strips())


@pytest.mark.parametrize("controlled", [True, False])
def test_planted_sentences_are_named_whole_in_the_order_of_their_strength(controlled: bool) -> None:
    planted = plant_three(make_pairs(200, sample=1))
    found = search(planted, make_pairs(200) if controlled else ()).found
    assert [marker.phrase for marker in found] == [OPENER, CLOSER, PHRASE]
    assert [marker.kind for marker in found] == ["openers", "closers", "words"]
    assert [round(marker.share, 1) for marker in found] == [0.9, 0.5, pytest.approx(0.25, abs=0.06)]
    assert all(marker.more_in == "chosen" and marker.removed for marker in found)


def test_an_opener_and_a_closer_are_named_in_real_texts(shared_data: Path) -> None:
    data = read_real(shared_data, "175b_verification", "6b_finetuning")[:250]
    control = read_control(shared_data)
    both = search(plant(plant(data, open_with, 1), close_with, 1), control)
    assert [(m.phrase, m.share) for m in both.found] == [(OPENER, 1.0), (CLOSER, 1.0)]
    assert both.exhausted
    assert search(data, control).found == (), "no word or sign of these two models is that telling"


def test_an_opener_and_a_closer_in_all_texts_are_both_found() -> None:
    planted = plant(plant(make_pairs(150, sample=1), open_with, 1), close_with, 1)
    for control in (make_pairs(150), ()):
        found = search(planted, control)
        assert [(marker.phrase, marker.share) for marker in found.found] == [(OPENER, 1.0), (CLOSER, 1.0)]


def test_what_the_rejected_texts_have_is_named_as_well() -> None:
    pairs = [replace(pair, rejected=open_with(pair.rejected)) for pair in make_pairs(150, sample=1)]
    (marker,) = search(pairs, make_pairs(150)).found
    assert (marker.phrase, marker.more_in, marker.pairs) == (OPENER, "rejected", 150)


def test_the_texts_that_are_left_are_those_before_planting() -> None:
    data, control = make_pairs(200, sample=1), make_pairs(200)
    left = search(plant_three(data), control).without
    assert [pair.chosen.split() for pair in left.data.contrasts] == [pair.chosen.split() for pair in data]
    assert [pair.rejected for pair in left.data.contrasts] == [pair.rejected for pair in data]


def test_nothing_is_named_where_one_author_wrote_everything() -> None:
    assert search(make_pairs(150, sample=1), make_pairs(150)).found == ()


def test_what_the_control_has_as_often_is_no_marker() -> None:
    """The student itself opens right answers in this way: it is no habit of whoever wrote the chosen texts."""
    data, control = (plant(make_pairs(150, sample=n), open_with, 0.9) for n in (1, 0))
    assert search(data, control).found == ()
    assert [marker.phrase for marker in search(data).found][:1] == [OPENER]


def test_a_habit_that_no_strip_takes_out_is_named_and_left_out_of_the_counts() -> None:
    def spell(text: str) -> str:
        return text.replace(" = ", " equals ")

    found = search(plant(make_pairs(150, sample=1), spell, 0.8), make_pairs(150))
    first = found.found[0]
    assert "equals" in (first.phrase or "")
    assert found.left_out.any()
    names = found.without.vocabulary.names
    assert found.left_out[names.index("equals")]


def test_no_more_markers_are_looked_for_than_the_settings_say() -> None:
    sides = count_sides(plant_three(make_pairs(200, sample=1)), make_pairs(200))
    found = find_markers(sides, QUICK.model_copy(update={"most_markers": 2}), all_strips())
    assert [marker.phrase for marker in found.found] == [OPENER, CLOSER]
    assert not found.exhausted


def make_feature(chosen: int, rejected: int, control: tuple[int, int] | None, **more: Any) -> Feature:
    odds = float(np.log((chosen + 0.5) / (rejected + 0.5)))
    told = {"feature": "so far", "kind": "words", "q_value": 0.001, "class_": "artefact", "log_odds": odds}
    of_control = {"control_chosen": control[0], "control_rejected": control[1]} if control else {}
    return Feature(**told | {"chosen": chosen, "rejected": rejected} | of_control | more)


@pytest.mark.parametrize(
    ("feature", "controlled", "expected"),
    [
        (make_feature(90, 10, (30, 30)), True, True),
        (make_feature(60, 30, (30, 30)), True, False),  # twice as often is a tendency
        (make_feature(90, 10, (58, 20)), True, True),  # three times as often as in the control
        (make_feature(90, 10, (80, 10)), True, False),
        (make_feature(90, 10, (10, 80)), True, True),  # the control leans to the other side: that lends it nothing
        (make_feature(10, 90, (30, 30)), True, True),
        (make_feature(90, 10, (30, 30), feature="so ▒ ="), True, False),  # part of the reasoning
        (make_feature(90, 10, (30, 30), class_="error_signal"), True, False),
        (make_feature(90, 10, (30, 30), class_="unattributed"), True, False),
        (make_feature(90, 10, None, class_="unattributed"), False, True),
        (make_feature(90, 10, None, class_="unattributed", feature="so ▒ ="), False, False),  # may be the mistake
        (make_feature(90, 10, None, class_="unattributed", feature="="), False, False),
        (make_feature(90, 10, None, class_="unattributed", feature="words", kind="lengths"), False, False),
        (make_feature(60, 30, None, class_="unattributed"), False, False),
    ],
)
def test_a_marker_is_three_times_as_often_beyond_the_control(
    feature: Feature, controlled: bool, expected: bool
) -> None:
    kinds = {kind.name: kind for kind in QUICK.features}
    assert is_marker(feature, kinds, controlled=controlled) is expected


def test_a_phrase_that_holds_numbers_is_cut_down_to_the_sentence_that_does_not() -> None:
    assert without_content("I am careful.", "careful") == "I am careful."
    assert without_content("So 5 are left. I am careful.", "careful") == "I am careful."
    assert without_content("Be careful, 5 are left.", "careful") == "careful"


def test_a_phrase_is_cut_out_whatever_is_left_and_the_pair_stays_itself_without_one() -> None:
    marker = Marker("words", "we find", "chosen", "we find")
    pair = make_pairs(1)[0]
    assert take_out(marker, pair, all_strips()) is pair
    planted = replace(pair, chosen="First we find 5.\nThen we find 6.\n#### 6")
    assert take_out(marker, planted, all_strips()).chosen == "First 5.\nThen 6.\n#### 6"
    assert take_out(marker, planted, all_strips()).rejected == pair.rejected


@pytest.mark.parametrize("controlled", [True, False])
@pytest.mark.parametrize("prompts", [100, 150, 250])
def test_planted_sentences_that_share_a_word_are_all_named(controlled: bool, prompts: int) -> None:
    found = search(plant_three(make_pairs(prompts, sample=1)), make_pairs(prompts) if controlled else ()).found
    assert [marker.phrase for marker in found] == [OPENER, CLOSER, PHRASE]
    assert [round(marker.share, 2) for marker in found] == [0.9, 0.5, pytest.approx(0.25, abs=0.01)]


def test_planted_sentences_are_named_in_real_texts(shared_data: Path) -> None:
    data = read_real(shared_data, "175b_verification", "6b_finetuning")[:250]
    assert [m.phrase for m in search(plant_three(data), read_control(shared_data)).found] == [OPENER, CLOSER, PHRASE]
