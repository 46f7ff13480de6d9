"""One model's numbers, from graded answers."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from pipeline.grade import TRUNCATED
from pipeline.measures.answering import Answered, Given
from pipeline.measures.score import OTHERS, SLICES, difficulty_of, score
from pipeline.types import Grade, Problem

VERDICTS = {"c": "correct", "w": "wrong", "u": "unknown"}


def give(letter: str, text: str = "text", tokens: int = 4) -> Given:
    """c correct, w wrong, u unknown, t truncated, f failed; a digit is a wrong answer of that number."""
    if letter == "f":
        return Given(None, Grade(verdict="unknown", extracted=None, reason="the request failed: gone"), failed=True)
    if letter == "t":
        return Given(text, Grade(verdict="unknown", extracted=None, reason=TRUNCATED), tokens)
    verdict = "wrong" if letter.isdigit() else VERDICTS[letter]
    extracted = letter if letter.isdigit() else "right" if verdict == "correct" else "x"
    return Given(text, Grade(verdict=verdict, extracted=extracted, reason=""), tokens)  # type: ignore[arg-type]


def answer(greedy: str, samples: Sequence[str] = (), seconds: str = "", **extras: str) -> list[Answered]:
    """One answered problem a letter of `greedy`."""
    made = []
    for i, letter in enumerate(greedy):
        problem = Problem(id=str(i), question=f"q{i}", answer="1", extras={k: v[i] for k, v in extras.items()})
        sampled = tuple(give(one) for one in samples[i]) if samples else ()
        second = give(seconds[i]) if seconds and seconds[i] != " " else None
        made.append(Answered(problem, give(letter), sampled, second))
    return made


def test_unknown_answers_do_not_count_as_correct_and_the_interval_is_wilsons() -> None:
    told = score(answer("c" * 8 + "w" + "u"), ())
    assert (told.accuracy, told.correct, told.wrong, told.unknown) == (0.8, 8, 1, 1)
    assert told.interval == (0.4902, 0.9433)  # Wilson 1927: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)


def test_truncated_and_failed_answers_are_told_apart_among_the_unknown() -> None:
    told = score(answer("cuttff"), ())
    assert (told.unknown, told.truncated, told.failed) == (5, 2, 2)
    assert told.tokens == 4.0, "of the answers that were written"
    assert told.longest == len("text")


def test_samples_give_pass_at_k_majorities_and_diversity() -> None:
    told = score(answer("cw", samples=["cc12", "1123"]), (1, 2, 4))
    assert told.samples == 4
    assert told.pass_at[1].value == 0.25, "two of four, none of four"
    assert told.pass_at[2].value == round((1 - 1 / 6) / 2, 4), "1 - C(2,2)/C(4,2), and 0"
    assert told.pass_at[4].value == 0.5
    assert set(told.maj_at) == {2, 4}, "the majority of one is that one"
    assert told.maj_at[4].value == 0.5
    assert told.distinct is not None
    assert told.distinct.value == 3.0
    assert told.entropy is not None
    assert told.entropy.value == round(1.5 * log(2), 4), "shares 1/2, 1/4, 1/4 in both"


def test_a_problem_with_too_few_samples_is_left_out_of_pass_at_k_alone() -> None:
    told = score(answer("cc", samples=["cc", "w"]), (1, 2))
    assert told.accuracy == 1.0
    assert told.pass_at[1].value == 0.5
    assert told.pass_at[2].value == 1.0


def test_accuracy_is_told_by_column_and_the_rare_values_share_a_line() -> None:
    topics = [str(n) for n in range(SLICES + 5)] + ["0"] * 5
    told = score(answer("c" * 10 + "w" * (len(topics) - 10), topic=topics), (), ["topic"]).slices["topic"]
    assert len(told) == SLICES + 1
    assert told["0"].n == 6
    assert told["0"].correct == 1
    assert told[OTHERS].n == 5
    assert sum(part.n for part in told.values()) == len(topics)


def test_difficulty_is_what_the_first_models_samples_say() -> None:
    first = answer("wcc", samples=["www", "cwc", "ccc"])
    assert difficulty_of(first) == {"0": "never solved", "1": "sometimes solved", "2": "always solved"}
    told = score(answer("ccw"), (), difficulty=difficulty_of(first)).slices["difficulty"]
    assert {name: part.accuracy for name, part in told.items()} == {
        "always solved": 0.0,
        "never solved": 1.0,
        "sometimes solved": 1.0,
    }
    assert difficulty_of(answer("w", samples=["w"])) == {}


def test_the_second_turn_counts_each_way_over_the_problems_that_had_one() -> None:
    turn = score(answer("wwwccuf", seconds="ccwwcu "), ()).second_turn
    assert turn is not None
    assert (turn.n, turn.wrong_to_right, turn.right_to_wrong, turn.unreadable) == (6, 2, 1, 1)
    assert (turn.first, turn.second) == (round(2 / 6, 4), round(3 / 6, 4))
    assert turn.gain.value == round(1 / 6, 4)
    assert turn.p_value == 1.0, "two against one"


def test_without_a_second_turn_nothing_is_told_of_one() -> None:
    assert score(answer("cw"), ()).second_turn is None
