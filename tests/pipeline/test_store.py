"""Journals survive a torn line and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.store import Journal, write_file
from pipeline.types import Attempt, Completion, Grade


def make_attempt(number: int, text: str = "täxt") -> Attempt:
    grade = Grade(verdict="wrong", extracted=None, reason="r")
    made = Completion(text=text)
    return Attempt(
        id=f"a{number}", problem_id="p", index=number, engine="e", settings="s", completion=made, grade=grade
    )


def fill(path: Path, count: int) -> bytes:
    journal = Journal(path, Attempt)
    journal.append([make_attempt(i) for i in range(count)])
    journal.close()
    return path.read_bytes()


def test_a_torn_last_line_is_cut_at_whatever_byte_it_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    whole = fill(path, 3)
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        journal = Journal(path, Attempt)
        assert [id for id in ("a0", "a1", "a2") if journal.get(id)] == ["a0", "a1"]
        journal.append([make_attempt(2)])
        journal.close()
        assert path.read_bytes() == whole


def test_a_broken_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    lines = fill(path, 3).splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": 1}\n' + lines[2])
    with pytest.raises(DataError, match=r"attempts\.jsonl:2: is not a Attempt record"):
        Journal(path, Attempt)


def test_the_newest_record_of_an_id_counts_and_an_unchanged_one_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    fill(path, 2)
    journal = Journal(path, Attempt)
    journal.append([make_attempt(0), make_attempt(1, "new")])
    journal.close()
    assert len(path.read_bytes().splitlines()) == 3
    again = Journal(path, Attempt)
    assert again.get("a1") == make_attempt(1, "new")
    again.close()


def test_an_attempt_has_a_graded_completion_or_a_failure() -> None:
    whole = make_attempt(0).model_dump()
    for change in ({"failure": "f"}, {"grade": None}, {"completion": None, "grade": None}):
        with pytest.raises(ValueError, match="completion with its grade, or a failure"):
            Attempt.model_validate(whole | change)


def test_a_final_file_is_moved_into_place(tmp_path: Path) -> None:
    write_file(tmp_path / "new" / "summary.json", "{}")
    write_file(tmp_path / "new" / "summary.json", '{"a": 1}')
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["summary.json"]
    assert (tmp_path / "new" / "summary.json").read_text() == '{"a": 1}'
