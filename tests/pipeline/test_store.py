"""Journals survive a torn line and nothing else."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError, StoppedEarly
from pipeline.files import write_file
from pipeline.journal import Journal, scan_journal
from pipeline.types import Attempt, Completion, Grade, content_id


def make_attempt(number: int, text: str = "täxt") -> Attempt:
    grade = Grade(verdict="wrong", extracted=None, reason="r")
    made = Completion(text=text)
    return Attempt(
        id=f"a{number}", problem_id="p", index=number, engine="e", settings="s", completion=made, grade=grade
    )


def fill(path: Path, count: int) -> bytes:
    journal = Journal(path, Attempt)
    asyncio.run(journal.append([make_attempt(i) for i in range(count)]))
    journal.close()
    return path.read_bytes()


def test_a_torn_last_line_is_cut_at_whatever_byte_it_was_torn_and_a_whole_one_gets_its_end(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    whole = fill(path, 3)
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        journal = Journal(path, Attempt)
        known = ["a0", "a1"] if end < len(whole) - 1 else ["a0", "a1", "a2"]
        assert [id for id in ("a0", "a1", "a2") if journal.get(id)] == known
        asyncio.run(journal.append([make_attempt(2)]))
        journal.close()
        assert path.read_bytes() == whole


def test_a_line_that_was_changed_is_named_unless_it_carries_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    lines = fill(path, 3).splitlines(keepends=True)
    changed = lines[1].replace("täxt".encode(), b"other")
    path.write_bytes(lines[0] + changed + lines[2])
    with pytest.raises(DataError, match=r"attempts\.jsonl:2: was changed or damaged"):
        Journal(path, Attempt)
    with pytest.raises(DataError, match=r"attempts\.jsonl:2: was changed or damaged"):
        list(scan_journal(path, Attempt))
    mended = changed.partition(b',"crc32"')[0] + b"}\n"
    path.write_bytes(lines[0] + mended + lines[2])
    journal = Journal(path, Attempt)
    assert journal.get("a1") == make_attempt(1, "other")
    journal.close()


@given(st.data())
def test_one_flipped_bit_never_passes(tmp_path_factory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("journal") / "attempts.jsonl"
    whole = bytearray(fill(path, 2))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    if place == len(whole) - 1:  # the last line end went, so the last line counts as torn
        assert [record for _, record in scan_journal(path, Attempt)] == [make_attempt(0)]
    else:
        with pytest.raises(DataError, match=r"attempts\.jsonl:[12]: "):
            list(scan_journal(path, Attempt))


def test_ids_of_any_form_are_found_among_many(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    ids = [content_id(number) for number in range(300)] + ["a", "é", "0" * 16, "not sixteen hex!", ""]
    made = [make_attempt(n).model_copy(update={"id": id}) for n, id in enumerate(ids)]
    journal = Journal(path, Attempt)
    asyncio.run(journal.append(made))
    journal.close()
    again = Journal(path, Attempt)
    assert [again.get(record.id) for record in made] == made
    assert again.get(content_id("other")) is None
    again.close()


def test_a_full_disk_stops_the_run_and_leaves_whole_lines(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "attempts.jsonl"
    journal = Journal(path, Attempt)
    asyncio.run(journal.append([make_attempt(0)]))
    whole, write = path.read_bytes(), os.write

    def half(file: int, content: bytes) -> int:
        if len(content) > 100:
            return write(file, bytes(content[:100]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", half)
    for _ in range(2):
        with pytest.raises(StoppedEarly, match=r"attempts\.jsonl: the disk is full; what was done is kept"):
            asyncio.run(journal.append([make_attempt(1)]))
    assert path.read_bytes() == whole
    journal.close()


def test_a_broken_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    lines = fill(path, 3).splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": 1}\n' + lines[2])
    with pytest.raises(DataError, match=r"attempts\.jsonl:2: is no Attempt record"):
        Journal(path, Attempt)


def test_the_newest_record_of_an_id_counts_and_an_unchanged_one_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    fill(path, 2)
    journal = Journal(path, Attempt)
    asyncio.run(journal.append([make_attempt(0), make_attempt(1, "new")]))
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
