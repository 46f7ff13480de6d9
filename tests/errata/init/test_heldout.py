"""Held-out problems are found, named, or set apart, and never trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.init.guess import guess_problems, look
from errata.init.heldout import find_held_out, find_overlap, list_splits, name_held_out, read_leniently, split_rows
from pipeline.checkers.numeric import Settings as Numeric
from pipeline.errors import ConfigError, DataError
from pipeline.measures.held_out import check_held_out, seen
from pipeline.problems import ProblemSettings

CHECKER = Numeric().create()


def rows(numbers: range, ask: str = "Kim has {0} red pears. How many is that and {0} more?") -> list[dict[str, Any]]:
    return [{"question": ask.format(i), "answer": str(2 * i)} for i in numbers]


def write(path: Path, made: list[dict[str, Any]]) -> ProblemSettings:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return guess_problems(look(str(path)))


def test_a_file_beside_the_training_file_is_found(tmp_path: Path) -> None:
    problems = write(tmp_path / "math-train.jsonl", rows(range(30)))
    assert find_held_out(problems) is None
    write(tmp_path / "test.jsonl", rows(range(90, 99)))
    assert find_held_out(problems) is None, "which may belong to something else"
    write(tmp_path / "math-dev.jsonl", rows(range(50, 60)))
    assert find_held_out(problems) == str(tmp_path / "math-dev.jsonl")
    write(tmp_path / "math-test.jsonl", rows(range(70, 80)))
    assert find_held_out(problems) == str(tmp_path / "math-test.jsonl")


def test_a_file_with_the_same_problems_or_other_columns_is_not_offered(tmp_path: Path) -> None:
    problems = write(tmp_path / "problems.jsonl", rows(range(30)))
    write(tmp_path / "test.jsonl", rows(range(20)))
    with pytest.raises(ConfigError, match="20 of its 20 questions are those of"):
        name_held_out(str(tmp_path / "test.jsonl"), problems)
    write(tmp_path / "dev.jsonl", [{"problem": "1 + 1?", "answer": 2}])
    assert find_held_out(problems) is None


def test_named_files_keep_the_columns_where_they_have_them(tmp_path: Path) -> None:
    problems = write(tmp_path / "a.jsonl", [{**row, "answer": f"#### {row['answer']}"} for row in rows(range(30))])
    same = [{**row, "answer": f"#### {row['answer']}"} for row in rows(range(40, 50))]
    held_out = write(tmp_path / "b.jsonl", same)
    assert name_held_out(str(tmp_path / "b.jsonl"), problems) == held_out
    other = write(tmp_path / "c.jsonl", [{"problem": "1 + 1?", "gold": 2}])
    assert name_held_out(str(tmp_path / "c.jsonl"), problems) == other
    for wrong, told in ((tmp_path / "a.jsonl", "is the data itself"), ("nothing", "there is no file nothing")):
        with pytest.raises(ConfigError, match=told):
            name_held_out(str(wrong), problems)
    with pytest.raises(DataError, match="no such file"):
        name_held_out(str(tmp_path / "x.jsonl"), problems)


def test_another_split_of_a_data_set_is_found_and_named(tmp_path: Path) -> None:
    import datasets

    made = {
        "train": datasets.Dataset.from_list(rows(range(30))),
        "test": datasets.Dataset.from_list(rows(range(50, 60))),
    }
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "saved"))
    problems = guess_problems(look(str(tmp_path / "saved")))
    assert find_held_out(problems) == "test"
    assert name_held_out("test", problems).split == "test"
    assert len(read_leniently(name_held_out("test", problems), CHECKER)) == 10


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"splits": "train"}', "[" * 100_000])
def test_a_data_set_whose_description_is_none_is_told_by_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_dict.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset_dict\.json: (cannot be read|has no list)"):
        list_splits(str(tmp_path), None)


def test_problems_in_both_are_noticed(tmp_path: Path) -> None:
    problems = write(tmp_path / "a.jsonl", rows(range(30)))
    held_out = write(tmp_path / "b.jsonl", rows(range(28, 60)))
    overlap = find_overlap(*(read_leniently(part, CHECKER) for part in (problems, held_out)))
    assert overlap is not None
    assert "is the same question as" in overlap
    assert "2 of" in overlap
    clear = write(tmp_path / "c.jsonl", rows(range(60, 90)))
    assert find_overlap(*(read_leniently(part, CHECKER) for part in (problems, clear))) is None


def test_the_split_leaves_the_source_alone_and_is_always_the_same(tmp_path: Path) -> None:
    problems = write(tmp_path / "a.jsonl", [*rows(range(200)), {"question": " ", "answer": "1"}])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("{broken\n")
    before = (tmp_path / "a.jsonl").read_bytes()
    split = split_rows(problems)
    assert (len(split.held_out), len(split.train) + split.near, split.bad) == (20, 180, 2)
    train, held_out = tmp_path / "x-train.jsonl", tmp_path / "x-heldout.jsonl"
    split.write(train, held_out)
    split_rows(problems).write(train, held_out)
    assert (tmp_path / "a.jsonl").read_bytes() == before
    held_out.write_text("mine\n")
    with pytest.raises(ConfigError, match=r"x-heldout\.jsonl is there, and holds something else; --force"):
        split.write(train, held_out)
    split.write(train, held_out, force=True)
    assert held_out.read_text() == "".join(split.held_out)


def test_too_few_questions_are_not_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 distinct questions, too few"):
        split_rows(write(tmp_path / "a.jsonl", rows(range(1)) * 50))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=60, max_size=150),
    st.sampled_from([str.upper, str.title, lambda text: f"  {text} ", lambda text: text.replace(" ", "  ")]),
)
def test_no_training_problem_is_like_a_held_out_one(tmp_path_factory, numbers: list[int], change) -> None:
    folder = tmp_path_factory.mktemp("split")
    distinct = rows(range(25), "A train leaves at {0} and another one goes {0} miles. Which day is it, then?")
    again = [{"question": change(distinct[n % 25]["question"]), "answer": distinct[n % 25]["answer"]} for n in numbers]
    long = "In the garden behind the old house stand many trees of which Kim counts {0} today. How many are left?"
    made = [*distinct, *again, *rows(range(40), long)]
    problems = write(folder / "a.jsonl", made)
    split = split_rows(problems)
    split.write(folder / "t.jsonl", folder / "h.jsonl")
    assert len(split.train) + len(split.held_out) + split.near == len(made)
    sources = [read_leniently(ProblemSettings(path=str(folder / f"{n}.jsonl")), CHECKER) for n in ("h", "t")]
    check_held_out({"held_out": list(sources[0])}, map(seen, sources[1]))
