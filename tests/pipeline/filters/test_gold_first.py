"""An answer that is stated before it is derived is found; a derivation is none, however early it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.filters.base import Texts
from pipeline.filters.gold_first import Settings
from tests.pipeline.filters.conftest import CHINESE, RIGHT, RIGHT_ZH, make_pair, read_attempts, read_rationales

OPENERS = (
    "The answer is 18.\n",
    "The answer is 18, since she sells the rest.\n",
    "She makes $18 a day. ",
    "We need to reach 18.00 in the end.\n",
    "18\n",
    "**18** dollars it is.\n",
    "答案是18。",
)


@pytest.mark.parametrize("opener", OPENERS)
def test_an_answer_that_opens_the_text_is_found(opener: str) -> None:
    found = Settings().find(make_pair(opener + RIGHT))
    assert found is not None
    assert found.action == "drop"
    assert found.span is not None
    assert (opener + RIGHT)[slice(*found.span)] in ("18", "18.00")
    assert found.score == round(found.span[0] / len(opener + RIGHT), 4)
    assert Settings().find(make_pair(opener + RIGHT_ZH, question=CHINESE)) is not None


@pytest.mark.parametrize(
    "chosen",
    [
        RIGHT,
        RIGHT_ZH,
        "9 * 2 = 18\nShe makes $18.\nThat is all.\n#### 18",
        "She makes 9 * 2 = <<9*2=18>>18 a day.\nSo 18 it is.\n#### 18",
        "She sells 9 eggs.\nAt 2 dollars that is 18.\n#### 18",
        "18",
        "#### 18",
        "The answer is 18.",
        "1. She has 9 eggs.\n18. Another step.\n19. It goes on.\n#### 18",
        "Divide by 18 first.\nThen multiply.\n9 * 2 = 18\n#### 18",
        "At 2, 4, 18, 20 minutes the light is on.\nSo it is on.\n9 * 2 = 18\n#### 18",
        "There are 18x eggs and 118 hens, 18.5 of them white.\nGo on.\n9 * 2 = 18\n#### 18",
    ],
)
def test_a_derivation_an_operand_or_another_number_is_no_statement(chosen: str) -> None:
    assert Settings().find(make_pair(chosen)) is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("She sells 18 eggs at a dollar. How much?", "18"),
        ("She sells eighteen eggs at a dollar. How much?", "18"),
        ("她卖了十八个蛋，每个1元，卖了多少元？", "18"),
        ("How much?", "26"),
        ("How much?", "B"),
        ("How much?", "x^2 + 18"),
        ("How much?", None),
    ],
)
def test_nothing_is_said_of_a_value_that_the_question_holds_or_of_what_is_no_number(
    question: str, answer: str | None
) -> None:
    assert Settings().find(make_pair(f"The answer is 18.\n{RIGHT}", question=question, answer=answer)) is None


def test_a_question_about_an_earlier_turn_holds_the_numbers_of_that_turn() -> None:
    chosen = f"The answer is 18.\n{RIGHT}"
    check = make_pair(chosen, question="Check this answer.", system="She sells 18 eggs at a dollar.")
    assert Settings().find(check) is None


@pytest.mark.parametrize(("answer", "told"), [("-4", "-4"), ("0.5", "0.50"), ("1,250", "$1250"), ("12 kg", "12 kg")])
def test_numbers_are_the_same_in_another_writing(answer: str, told: str) -> None:
    chosen = f"It is {told}.\nFirst, x is halved.\nThen it is doubled.\n#### {answer}"
    assert Settings().find(make_pair(chosen, question="How much?", answer=answer)) is not None


def test_a_control_says_how_early_is_early(shared_data: Path) -> None:
    control = list(read_attempts(shared_data))
    late = f"{RIGHT[:33]}\nShe wants 18 dollars.\n" + "Then she goes on to sell what is left of them.\n" * 4 + "#### 18"
    assert Settings().find(make_pair(late)) is None
    found = Settings().prepare(control)(make_pair(late))
    assert found is not None
    assert found.score is not None
    assert 0.1 < found.score < 0.5
    assert Settings(latest=0.1).prepare(control)(make_pair(late)) is None
    assert Settings().prepare(control[:49])(make_pair(late)) is None


def test_a_control_that_states_answers_early_excuses_it() -> None:
    habit = [make_pair(f"The answer is 18.\n{RIGHT}")] * 60
    assert Settings().prepare(habit)(make_pair(f"The answer is 18.\n{RIGHT}")) is None


def test_real_solutions_are_hardly_ever_found_and_planted_openers_always(shared_data: Path) -> None:
    rationales, attempts = read_rationales(shared_data), list(read_attempts(shared_data))
    found = [finding.reason for pair in [*rationales, *attempts] if (finding := Settings().find(pair))]
    assert len(found) <= 0.002 * len(rationales + attempts), found
    look = Settings().prepare(attempts)
    assert sum(look(pair) is not None for pair in attempts) <= 0.01 * len(attempts)
    planted = [
        make_pair(f"The answer is {pair.answer}.\n{pair.chosen}", question=pair.question, answer=pair.answer)
        for pair in attempts
    ]
    bare = [pair for pair in planted if not _holds(pair)]
    assert len(bare) > 0.85 * len(planted)
    for see in (look, Settings().find):
        assert sum(see(pair) is not None for pair in bare) >= 0.99 * len(bare)


def _holds(pair: Texts) -> bool:
    """Whether the question has the answer in digits or words, as the filter sees it."""
    from pipeline.filters.gold_first import is_spelled, read_gold

    gold = read_gold(pair)
    return gold is None or is_spelled(gold, pair.question)
