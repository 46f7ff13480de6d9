"""What data say of themselves: columns, patterns, options, tests."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from errata.init.guess import Sample, guess_options, guess_pattern, guess_problems, guess_tests, has_notes, look
from errata.init.proof import guess_checker
from pipeline.errors import DataError
from pipeline.problems import make_problem

WORDS = "Kim has {0} pears and buys {0} more. How many pears does Kim have now?"


def write(path: Path, rows: list[dict[str, Any]]) -> Sample:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return look(str(path))


def gsm8k(i: int) -> dict[str, Any]:
    return {
        "question": WORDS.format(i),
        "answer": f"Kim has {i} + {i} = <<{i}+{i}={2 * i}>>{2 * i} pears.\n#### {2 * i}",
    }


def competition(i: int) -> dict[str, Any]:
    solution = f"We add $\\frac{{{i}}}{{7}}$ twice, which is $\\boxed{{\\frac{{{2 * i}}}{{7}}}}$ as wanted."
    return {"problem": f"Find ${i}/7 + {i}/7$.", "level": "Level 1", "type": "Algebra", "solution": solution}


def choice(i: int) -> dict[str, Any]:
    return {
        "id": f"q{i}",
        "question": {"stem": f"Which is {i}?", "choices": {"text": [str(i), str(i + 1)], "label": ["A", "B"]}},
        "answerKey": "A",
    }


def code(i: int) -> dict[str, Any]:
    return {
        "task_id": i,
        "text": f"Write a function f that adds {i}.",
        "code": f"def f(x):\n    return x + {i}",
        "test_list": [f"assert f(0) == {i}"],
    }


def human_eval(i: int) -> dict[str, Any]:
    return {
        "task_id": f"T/{i}",
        "prompt": f'def f{i}(x):\n    """Add {i}."""\n',
        "entry_point": f"f{i}",
        "canonical_solution": f"    return x + {i}\n",
        "test": f"def check(candidate):\n    assert candidate(0) == {i}\n",
    }


def plain(i: int) -> dict[str, Any]:
    return {
        "problem_id": i,
        "prompt": WORDS.format(i),
        "gold_answer": 2 * i,
        "explanation": f"{i} + {i} is {2 * i}, so.",
    }


def spoken(i: int) -> dict[str, Any]:
    return {"Question": f"Which word is number {i}?", "Answer": ["red", "green", "blue"][i % 3]}


def chinese(i: int) -> dict[str, Any]:
    return {"题目": f"小明有{i}个苹果，又买了{i}个，现在有多少个？", "答案": f"{2 * i}个"}


SHAPES = [
    (
        gsm8k,
        {"question": "question", "answer": "answer", "answer_pattern": "#### (.+)", "rationale": "answer"},
        "numeric",
    ),
    (competition, {"question": "problem", "answer": "solution", "rationale": "solution"}, "math"),
    (choice, {"question": "question.stem", "answer": "answerKey", "id": "id"}, "choice"),
    (code, {"question": "text", "answer": "code", "id": "task_id", "rationale": None}, "code"),
    (human_eval, {"question": "prompt", "answer": "canonical_solution", "id": "task_id"}, "code"),
    (plain, {"question": "prompt", "answer": "gold_answer", "rationale": "explanation", "id": "problem_id"}, "numeric"),
    (spoken, {"question": "Question", "answer": "Answer", "rationale": None, "id": None}, "exact"),
    (chinese, {"question": "题目", "answer": "答案"}, "numeric"),
]


@pytest.mark.parametrize(("make", "columns", "checker"), SHAPES, ids=[make.__name__ for make, _, _ in SHAPES])
def test_the_usual_shapes_of_data_are_understood(tmp_path: Path, make: Any, columns: Any, checker: str) -> None:
    sample = write(tmp_path / "d.jsonl", [make(i) for i in range(2, 40)])
    problems = guess_problems(sample)
    assert {name: getattr(problems, name) for name in columns} == columns
    assert guess_checker(sample, problems).name == checker
    first = make_problem(sample.rows[0], problems)
    assert first.gold.strip() in {
        "4",
        "\\frac{4}{7}",
        "A",
        "def f(x):\n    return x + 2",
        "return x + 2",
        "blue",
        "4个",
    }


def test_options_and_tests_are_found_where_they_are_lists_or_nested(tmp_path: Path) -> None:
    sample = write(tmp_path / "c.jsonl", [choice(i) for i in range(5)])
    assert guess_options(sample.columns) is None, "question.choices.text is called nothing usual"
    flat = write(tmp_path / "f.jsonl", [{"q": "?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}}] * 3)
    assert guess_options(flat.columns) == "choices.text"
    assert guess_tests(write(tmp_path / "t.jsonl", [code(i) for i in range(3)]).columns) == "test_list"


def test_what_is_told_wins_over_what_is_guessed(tmp_path: Path) -> None:
    rows = [{**plain(i), "other": f"#### {i}"} for i in range(2, 30)]
    sample = write(tmp_path / "d.jsonl", rows)
    told = guess_problems(sample, {"answer": "other", "rationale": None})
    assert (told.answer, told.answer_pattern, told.rationale, told.question) == ("other", "#### (.+)", None, "prompt")
    assert guess_problems(sample, {"answer": "other", "answer_pattern": None}).answer_pattern is None


def test_csv_parquet_and_saved_data_sets_are_read_like_json_lines(tmp_path: Path) -> None:
    import datasets
    import pyarrow
    import pyarrow.parquet

    rows = [gsm8k(i) for i in range(2, 30)]
    with (tmp_path / "d.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["question", "answer"])
        writer.writeheader()
        writer.writerows(rows)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "d.parquet")
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(str(tmp_path / "saved"))
    for name in ("d.csv", "d.parquet", "saved"):
        guessed = guess_problems(look(str(tmp_path / name)))
        assert (guessed.question, guessed.answer, guessed.answer_pattern) == ("question", "answer", "#### (.+)")
        assert ("split" in guessed.model_fields_set) == (name == "saved")


def test_a_source_without_answers_is_refused_with_its_columns(tmp_path: Path) -> None:
    sample = write(tmp_path / "d.jsonl", [{"question": "How many?", "topic": ["x"]}] * 3)
    with pytest.raises(DataError, match=r"name it with --answer\. Columns: question, topic"):
        guess_problems(sample)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="holds no row"):
        look(str(tmp_path / "empty.jsonl"))
    (tmp_path / "bad.jsonl").write_text("{\n[1]\n")
    with pytest.raises(DataError, match=r"no row can be read, the first: .*bad\.jsonl:1"):
        look(str(tmp_path / "bad.jsonl"))


def test_an_unusually_named_question_is_the_column_that_asks(tmp_path: Path) -> None:
    rows = [{"story": "long " * 50, "asked": f"What is {i}?", "answer": i} for i in range(9)]
    assert guess_problems(write(tmp_path / "d.jsonl", rows)).question == "asked"


def test_ids_must_be_there_and_differ(tmp_path: Path) -> None:
    rows = [{"id": i // 2, "question": f"{i}?", "answer": i} for i in range(8)]
    assert guess_problems(write(tmp_path / "d.jsonl", rows)).id is None


@pytest.mark.parametrize(
    "text",
    ["\\boxed{" * 15_000, "{" * 100_000, "answer" * 20_000, "<answer>" * 12_000, "答案" * 50_000, "#### " * 20_000],
)
def test_patterns_take_hostile_texts_in_good_time(text: str) -> None:
    started = time.perf_counter()
    guess_pattern([text])
    assert time.perf_counter() - started < 5


def test_calculator_notes_are_noticed() -> None:
    assert has_notes([None, "48/2 = <<48/2=24>>24"])
    assert not has_notes(["a < b", None, 3])


def test_nested_braces_stay_whole() -> None:
    pattern = guess_pattern(["so \\boxed{\\frac{1}{\\sqrt{2}}} it is {here}"])
    assert pattern is not None
    assert re.findall(pattern, "so \\boxed{\\frac{1}{\\sqrt{2}}} it is {here}") == ["\\frac{1}{\\sqrt{2}}"]
