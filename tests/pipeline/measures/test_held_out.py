"""Evaluation problems that were trained on are an error that says which, where and why; others are none."""

from __future__ import annotations

import itertools
import json
import random
import re
import tracemalloc
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from errata.demo import world
from errata.demo.story import HELD_OUT, PROBLEMS
from pipeline.errors import DataError
from pipeline.measures.held_out import HeldOutSettings, Seen, check_held_out, seen
from pipeline.types import Extra, Problem

PLANE = (
    "A plane travels 1200 miles in 3 hours. At the same rate, how many additional hours would it take to travel an "
    "additional 2000 miles?"
)


def make_problems(questions: Sequence[str], name: str = "test") -> list[Problem]:
    """Problems with ids of their own, as if read from a file of that name."""
    return [
        Problem(id=f"{name}-{line}", question=question, answer="1", source=f"{name}.jsonl:{line}")
        for line, question in enumerate(questions, 1)
    ]


def find_leak(held_out: Sequence[Problem], training: Sequence[Problem], settings: HeldOutSettings | None = None) -> str:
    """What the guard says; empty where it lets pass."""
    try:
        check_held_out({"held_out": held_out}, map(seen, training), settings)
    except DataError as error:
        return str(error)
    return ""


def ask(held_out: str, training: str) -> str:
    """What the guard says of one question each."""
    return find_leak(make_problems([held_out]), make_problems([training], "train"))


def read_gsm8k(folder: Path, split: str) -> list[str]:
    return [json.loads(row)["question"] for row in (folder / "gsm8k" / f"{split}.jsonl").read_text().splitlines()]


def test_the_message_says_how_many_which_where_why_and_what_to_do() -> None:
    sets = {"held_out": make_problems(["Who?", PLANE, "What?"]), "edge": make_problems(["Where?", "Why not?"], "edge")}
    training = [Seen("a", "why  NOT", "train.jsonl:7"), Seen("b", "When?", "train.jsonl:8"), Seen("c", PLANE, "x:9")]
    with pytest.raises(DataError) as told:
        check_held_out(sets, training)
    assert str(told.value) == (
        "test.jsonl:2: is the same question as x:9: 'A plane travels 1200 miles in 3 hours. At the same rate, how many "
        "additional hou…'. Evaluation problems that were trained on: 1 of 3 in held_out, 1 of 2 in edge. Take them out "
        "there or here; problems.decontaminate.files: [test.jsonl] leaves their like out of training"
    )
    assert (told.value.file, told.value.line) == ("test.jsonl", 2)


@pytest.mark.parametrize(
    "copy",
    [
        "How many cafés are there in Rome? ",
        "how many\n\tCAFÉS are there in Rome",
        unicodedata.normalize("NFD", "How many cafés are there in Rome?"),
    ],
)
def test_space_case_and_composed_letters_make_no_other_question(copy: str) -> None:
    assert "is the same question as train.jsonl:1" in ask("How many cafés are there in Rome?", copy)


@pytest.mark.parametrize(
    ("question", "copy"),
    [
        ("Answer me: what is 12 + 30?", "Answer me: what is １２ ＋ ３０？"),
        ("Who wrote “Emma”?", 'Who wrote "Emma"?'),
        ("Where’s the mother-in-law?", "Where's the mother\u2011in\u2013law?"),
        ("Who was he?", "Who\u200b was\u00a0he\ufeff?"),
        ("Name two rivers!", "Name two rivers:"),
        ("Name two rivers", "“Name two rivers…”"),
        ("小红有几个？", "小红 有几个："),
    ],
)
def test_other_forms_of_the_same_signs_make_no_other_question(question: str, copy: str) -> None:
    assert "is the same question as train.jsonl:1" in ask(question, copy)
    assert "is the same question as train.jsonl:1" in ask(copy, question)


def test_a_long_question_with_unseen_characters_in_every_word_is_a_copy() -> None:
    assert "of its 3-grams" in ask(PLANE, "Solve. " + re.sub(r"(\w)(\w)", "\\1\u200b\\2", PLANE))


@pytest.mark.parametrize(
    "text",
    [
        "Answer with one word. What is the capital of Peru?",
        "What is the capital of Peru? Answer with one word.",
        "Question:\nwhat is the CAPITAL\nof Peru\n\nAnswer:",
        "1) What is the capital of Chile?\n2) What is the capital of Peru?",
        '**Q:** "What is the capital of Peru?" Think.',
        "<|user|>What is the capital of Peru?</s>",
        "[INST] What is the capital of Peru [/INST]",
    ],
)
def test_a_short_question_within_a_longer_text_is_found(text: str) -> None:
    question = "What is the capital of Peru?"
    assert "stands in train.jsonl:1 (another problem there? evaluate.held_out.quoted: false)" in ask(question, text)
    held_out, training = make_problems([question]), make_problems([text], "train")
    assert find_leak(held_out, training, HeldOutSettings(quoted=False)) == ""


def test_a_prompt_around_the_question_is_the_question() -> None:
    def fill(problem: Problem) -> str:
        return f"You are asked {problem.question} and must say it in one word."

    sets = {"held_out": make_problems(["Who?", "Why?", "Where?"]), "edge": make_problems(["Who?"], "edge")}
    training = [Seen("1", "you are asked who? and must say it in one word", "t:1"), Seen("2", "Who?", "t:2")]
    with pytest.raises(DataError, match=r"is the same question as t:1: 'Who\?'.* 1 of 3 in held_out, 1 of 1 in edge"):
        check_held_out(sets, training, asked=dict.fromkeys(sets, fill))
    with pytest.raises(DataError, match=r"trained on: 1 of 3 in held_out\."):
        check_held_out({"held_out": sets["held_out"]}, training[:1], asked={"held_out": fill})
    check_held_out(sets, training[:1], asked={"other": fill})


def test_a_question_with_another_passage_or_other_options_is_not_found_in_a_longer_text() -> None:
    def fill(problem: Problem) -> str:
        return f"{problem.extras['passage']}\n{problem.question}\n" + "\n".join(problem.extras["choices"])  # type: ignore[arg-type]

    extras: dict[str, Extra] = {"passage": "A dog barks.", "choices": ("Dogs.", "Cats."), "level": "hard"}
    problem = Problem(id="a", question="What is this passage about?", answer="A", extras=extras, source="f:1")
    text = fill(problem)
    other = text.replace("dog", "bird").replace("Dogs", "Birds")
    for of in ({"held_out": fill}, None):
        with pytest.raises(DataError, match="stands in x:1"):
            check_held_out({"held_out": [problem]}, [Seen(None, f"Read. {text}", "x:1")], asked=of)
        check_held_out({"held_out": [problem]}, [Seen(None, other, "x:1")], asked=of)
    passage = text.replace("A dog barks.", "A cat meows.")
    check_held_out({"held_out": [problem]}, [Seen(None, passage, "x:1")], asked={"held_out": fill})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 3 + 4?", "What is 3 - 4?"),
        ("What is 3 + 4?", "What is 3 + 4 + 5?"),
        ("What is 1 2?", "What is 12?"),
        ("What is 5!", "What is 5?"),
        ("What is x²?", "What is x2?"),
        ("What is 5%?", "What is 5?"),
        ("How much is 3 + 4!", "How much is 3 + 4?"),
        ("How much is 3 plus 4?", "How much is 3 plus 4 : 2?"),
        ("How much is 3 + 4?", "How much is 3 + 4.5?"),
        ("Is its blood of type A+", "Is its blood of type A-"),
        ("What is the capital of Peru?", "What is the capital of Peru and of Chile?"),
        ("What is the capital of Peru?", "In 1532, what is the capital of Peru?"),
        ("Which one is it?", "Which of them is (it)?"),
        ("小明有3个苹果,小红有5个,一共有几个?", "小明有3个苹果,小红有6个,一共有几个?"),
    ],
)
def test_short_questions_that_differ_in_little_are_different_ones(one: str, other: str) -> None:
    assert ask(one, other) == ask(other, one) == ""


def test_a_long_question_with_one_number_or_one_name_changed_is_a_copy() -> None:
    story = f"Rosa is on board and reads a book of many pages. {PLANE}"
    assert "shares 91% of its 3-grams with train.jsonl:1 (another problem? raise" in ask(story, story.replace("3", "4"))
    assert "of its 3-grams" in ask(story, story.replace("Rosa", "Alejandro"))
    assert "of its 3-grams" in ask(PLANE, f"Solve this. {PLANE} Think step by step.")
    assert ask(story, story.replace("1200", "800").replace("3", "4").replace("2000", "100")) == ""


def test_a_template_is_no_copy_though_training_holds_all_of_its_ngrams() -> None:
    def tell(a: int, b: int, c: int) -> str:
        return f"The shop sells {a} red pens and {b} blue pens a day and {c} rulers, so how many things are these?"

    training = [tell(*numbers) for numbers in itertools.product(range(20, 29), repeat=3) if numbers.count(24) < 2]
    assert find_leak(make_problems([tell(24, 24, 24)]), make_problems(training, "train")) == ""


def test_an_id_counts_unless_it_is_a_plain_number_or_ids_mean_nothing() -> None:
    def same_id(id: str, **settings: bool) -> str:
        held_out = Problem(id=id, question="Who?", answer="1", source="test.jsonl:1")
        training = Problem(id=id, question="Where is he?", answer="1", source="train.jsonl:4")
        return find_leak([held_out], [training], HeldOutSettings(**settings))

    assert "test.jsonl:1: has the id 'algebra/17' of train.jsonl:4 (ids mean nothing?" in same_id("algebra/17")
    assert same_id("algebra/17", ids=False) == ""
    assert same_id("17") == ""
    check_held_out({"held_out": make_problems(["Who?"])}, [Seen(None, "Where?", "x")])


def test_the_same_question_with_other_options_is_another_problem() -> None:
    def choose(*options: str, column: str = "choices", **more: Extra) -> Problem:
        question = "Which of these sentences about the war and its causes, as told in the book, is the only true one?"
        extras = {column: options, **more}
        return Problem(id=str(options), question=question, answer="A", extras=extras, source="f:1")

    asked = choose("It began in May.", "It began in June.")
    assert find_leak([asked], [choose("It began in May.", "It never began.")]) == ""
    assert "same question" in find_leak([asked], [choose("it began in june", "It began in May.", level="hard")])
    assert "same question" in find_leak([asked], [choose("Something else.", column="hints")])


def test_the_demos_problems_pass() -> None:
    stories = [story.question for story in itertools.islice(world.stories("problems"), PROBLEMS + HELD_OUT)]
    held_out, training = make_problems(stories[PROBLEMS:]), make_problems(stories[:PROBLEMS], "train")
    assert find_leak(held_out, training) == ""
    assert "1 of 500 in held_out" in find_leak(held_out, [*training, *make_problems(stories[-1:], "copy")])


def test_gsm8ks_test_problems_pass(shared_data: Path) -> None:
    held_out, training = (make_problems(read_gsm8k(shared_data, split), split) for split in ("test", "train"))
    assert find_leak(held_out, training) == ""
    like_one = find_leak(held_out, training, HeldOutSettings(min_share=0.7))
    assert "test.jsonl:603: shares 74% of its 3-grams with train.jsonl:1315" in like_one
    assert "1 of 1319 in held_out" in like_one


def test_chinese_questions_are_found_in_a_prompt_and_not_in_others(shared_data: Path) -> None:
    rows = (shared_data / "cmath" / "test.jsonl").read_text().splitlines()
    questions = [json.loads(row)["question"] for row in rows]
    held_out, others = make_problems(questions[::2]), make_problems(questions[1::2], "train")
    assert find_leak(held_out, others) == ""
    prompts = make_problems([f"请回答：{question}只写答案。" for question in questions[::2]], "train")
    # nine rabbits are too short
    assert "299 of 300 in held_out" in find_leak(held_out, prompts)


def test_nine_in_ten_of_gsm8ks_questions_are_known_by_another_number(shared_data: Path) -> None:
    rng, found, changed = random.Random(0), 0, 0
    questions = read_gsm8k(shared_data, "test")
    copies = []
    for question in questions:
        numbers = list(re.finditer(r"\d+", question))
        if numbers:
            at = rng.choice(numbers)
            copies.append(f"{question[: at.start()]}{int(at[0]) + rng.randint(1, 9)}{question[at.end() :]}")
    changed = len(copies)
    told = find_leak(make_problems(questions), make_problems(copies, "train"))
    found = int(re.search(r"(\d+) of 1319", told)[1])  # type: ignore[index]
    assert found / changed > 0.9


def test_training_problems_are_not_kept() -> None:
    def stream(rows: int) -> Iterator[Seen]:
        for row in range(rows):
            yield Seen(f"t{row}", " ".join(f"w{row * at % 997}" for at in range(40)), f"train.jsonl:{row}")

    def peak(rows: int) -> int:
        tracemalloc.start()
        check_held_out({"held_out": make_problems([PLANE])}, stream(rows))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(997)  # fills the cache of words
    assert peak(2000) < peak(200) + 50_000
