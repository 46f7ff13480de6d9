"""Problems from every kind of file; bad rows named or counted; doubles merged; conflicts left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.checkers.numeric import Settings as Numeric
from pipeline.errors import DataError
from pipeline.problems import ProblemSettings, ProblemSource, ReadReport, read_problems
from pipeline.types import Problem

ROWS = [{"question": f"q{i}", "answer": f"so\n#### {i}", "why": f"r{i}", "topic": "t", "level": i} for i in range(3)]
MAPPED = {"answer_pattern": "#### (.+)", "rationale": "why", "extras": ("topic", "level")}


def read(path: Path, **options: Any) -> tuple[list[Problem], ReadReport]:
    return read_problems(ProblemSettings(path=str(path), **options), Numeric().create())


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_jsonl_parquet_and_a_saved_data_set_give_the_same_problems(tmp_path: Path) -> None:
    import pandas as pd
    from datasets import Dataset

    pd.DataFrame(ROWS).to_parquet(tmp_path / "p.parquet")
    Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "saved"))
    sources = [write(tmp_path / "p.jsonl", ROWS), tmp_path / "p.parquet", tmp_path / "saved"]
    read_all = [[p.model_dump(exclude={"source"}) for p in read(source, **MAPPED)[0]] for source in sources]
    assert read_all[0] == read_all[1] == read_all[2]
    first = read(sources[0], **MAPPED)[0][0]
    assert (first.answer, first.rationale, first.extras) == ("0", "r0", {"topic": "t", "level": 0})
    assert first.source.endswith("p.jsonl:1")


def test_csv_is_read_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('question,answer\n"two\nlines",4\nq,5\n')
    problems, _ = read(tmp_path / "p.csv")
    assert [(p.question, p.answer) for p in problems] == [("two\nlines", "4"), ("q", "5")]
    (tmp_path / "bad.csv").write_text("question,answer\nq,5,6\n")
    with pytest.raises(DataError, match=r"bad\.csv:2: has 1 cells more"):
        read(tmp_path / "bad.csv")


def test_dots_reach_into_nested_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", [{"q": {"text": "q"}, "a": {"gold": {"value": 3}}}])
    assert read(path, question="q.text", answer="a.gold.value")[0][0].answer == "3"


BAD = [
    ('{"question": "x"', "malformed JSON"),
    ("[1]", "must be a JSON object"),
    ({"question": "x"}, "field 'answer': no such column"),
    ({"question": "", "answer": "1"}, "field 'question': is empty"),
    ({"question": "x", "answer": None}, "field 'answer': must be a text or a number"),
    ({"question": "x", "answer": "many"}, "cannot read the gold answer 'many'"),
]


@pytest.mark.parametrize(("row", "told"), BAD)
def test_a_bad_row_is_named_or_skipped_and_counted(tmp_path: Path, row: Any, told: str) -> None:
    good = [{"question": f"q{i}", "answer": i} for i in range(6)]
    path = write(tmp_path / "p.jsonl", [*good, row])
    with pytest.raises(DataError) as caught:
        read(path)
    assert "p.jsonl:7: " in str(caught.value)
    assert told in str(caught.value)
    problems, report = read(path, on_bad_row="skip")
    assert (len(problems), report.rows) == (6, 7)
    (message,) = report.bad_rows
    assert told in message


def test_doubles_are_merged_and_contradictions_left_out_and_reported(tmp_path: Path) -> None:
    rows = [("a", 1), ("b", 2), ("a", 1), ("b", 3), ("c", 4)]
    problems, report = read(write(tmp_path / "p.jsonl", [{"question": q, "answer": a} for q, a in rows]))
    assert [p.question for p in problems] == ["a", "c"]
    assert report.duplicates == 1
    (told,) = report.conflicting
    assert "p.jsonl:2 says '2'" in told
    assert "p.jsonl:4 says '3'" in told


def test_ids_are_content_hashes_or_a_column(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl", [{"question": "a", "answer": 1, "key": "k"}, {"question": "b", "answer": 1, "key": "k"}]
    )
    first, second = read(path)[0]
    assert first.id != second.id
    assert len(first.id) == 16
    assert read(path)[0][0].id == first.id
    with pytest.raises(
        DataError, match=r"p\.jsonl:2: field 'key': id 'k' stands at .*p\.jsonl:1 with another question"
    ):
        read(path, id="key")


def test_an_answer_pattern_takes_its_last_match_and_says_when_there_is_none(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl", [{"question": "q", "answer": "#### 1\n#### 2"}, {"question": "r", "answer": "3"}]
    )
    assert read(path, answer_pattern="#### (.+)", limit=1)[0][0].answer == "2"
    with pytest.raises(DataError, match=r"p\.jsonl:2: field 'answer': answer_pattern .* finds no gold answer"):
        read(path, answer_pattern="#### (.+)")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_source_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(DataError, match="no usable problem"):
        read(tmp_path / "p.jsonl")


def test_a_file_that_is_missing_or_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "missing.jsonl")
    (tmp_path / "p.txt").write_text("x")
    with pytest.raises(DataError, match=r"use \.jsonl, \.csv or \.parquet"):
        read(tmp_path / "p.txt")


def test_a_rationale_or_system_prompt_may_be_missing_in_a_row(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answer": 1, "why": None, "role": "s"},
        {"question": "b", "answer": 1, "why": "w", "role": None},
    ]
    problems, _ = read(write(tmp_path / "p.jsonl", rows), rationale="why", system="role")
    assert [(p.rationale, p.system) for p in problems] == [(None, "s"), ("w", None)]


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    rows = [f'{{"question": "q{n}", "answer": "{n}"}}\n' for n in range(20)]
    path.write_text("".join(rows))
    settings, checker = ProblemSettings(path=str(path)), Numeric().create()
    source = ProblemSource(settings, checker)
    assert len(list(source)) == 20
    path.write_text("".join(reversed(rows)))
    with pytest.raises(DataError, match=r"p\.jsonl: has changed while it was being read"):
        next(iter(source))
    path.write_text("".join(rows))
    passing = iter(ProblemSource(settings, checker))
    next(passing)
    with path.open("a") as file:
        file.write(rows[0])
    with pytest.raises(DataError, match="has changed"):
        list(passing)
