"""Merging loses no record and doubles none, whatever the shards hold and wherever it is killed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import lock
from pipeline.errors import DataError, FolderInUse
from pipeline.journal import Journal, scan_journal
from pipeline.scale.shards import JOURNALS, SHARDS, merge_left, merge_shards, shard_names
from pipeline.store import RunFolder
from pipeline.types import Attempt, Completion, Grade

Record = tuple[int, int]
"""Number of an id, and which of several contents."""
RECORDS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=8)


def attempt(record: Record) -> Attempt:
    number, content = record
    made = Completion(text=f"täxt {content}" * (content + 1))
    grade = Grade(verdict="wrong", extracted=None, reason="r")
    # ids as hashes and other ones
    id = f"{number:016x}" if number % 2 else f"attempt {number}"
    return Attempt(id=id, problem_id="p", index=0, engine="e", settings="s", completion=made, grade=grade)


def fill(path: Path, records: Sequence[Record]) -> list[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(path, Attempt)
    places = [asyncio.run(journal.append([attempt(record)]))[0] for record in records]
    journal.close()
    return places


def newest(path: Path) -> dict[str, Attempt]:
    return {record.id: record for _, record in scan_journal(path, Attempt)}


def expected(base: Sequence[Record], shards: Sequence[Sequence[Record]]) -> dict[str, Attempt]:
    return {attempt(r).id: attempt(r) for r in (*base, *(record for shard in shards for record in shard))}


def lay(folder: Path, base: Sequence[Record], shards: Sequence[Sequence[Record]]) -> None:
    fill(folder / "attempts.jsonl", base)
    for number, records in enumerate(shards):
        fill(folder / SHARDS / f"{number:05d}-x" / "attempts.jsonl", records)


@settings(deadline=None, max_examples=25)
@given(RECORDS, st.lists(RECORDS, min_size=1, max_size=3), st.data())
def test_a_merge_that_is_killed_anywhere_and_done_again_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, base: list[Record], shards: list[list[Record]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("run")
    lay(folder, base, shards)
    before = (folder / "attempts.jsonl").read_bytes()
    whole = folder.with_name(f"{folder.name}-whole")
    shutil.copytree(folder, whole)
    merge_left(whole)
    merged = (whole / "attempts.jsonl").read_bytes()
    assert merged.startswith(before)
    assert newest(whole / "attempts.jsonl") == expected(base, shards)
    assert not (whole / SHARDS).exists()

    # killed while it appended: any number of bytes is there, and all shards; or while it removed: the first are gone
    if data.draw(st.booleans(), "while appending"):
        (folder / "attempts.jsonl").write_bytes(merged[: data.draw(st.integers(len(before), len(merged)), "bytes")])
    else:
        (folder / "attempts.jsonl").write_bytes(merged)
        for name in shard_names(folder)[: data.draw(st.integers(0, len(shards)), "removed")]:
            shutil.rmtree(folder / SHARDS / name)
    merge_left(folder)
    assert newest(folder / "attempts.jsonl") == expected(base, shards)
    assert not (folder / SHARDS).exists()
    if not any(content for records in (base, *shards) for _, content in records):
        assert (folder / "attempts.jsonl").read_bytes() == merged, "nothing is written twice"


@settings(deadline=None, max_examples=25)
@given(RECORDS, st.lists(RECORDS, min_size=1, max_size=3), st.booleans())
def test_where_a_record_stood_leads_to_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory, base: list[Record], shards: list[list[Record]], torn: bool
) -> None:
    folder = tmp_path_factory.mktemp("run")
    fill(folder / "pairs.jsonl", base)
    places = {}
    for number, records in enumerate(shards):
        file = folder / SHARDS / str(number) / "pairs.jsonl"
        places[str(number)] = list(zip(fill(file, records), records, strict=True))
        if torn:
            with file.open("ab") as out:
                out.write(b'{"id":"00')
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(JOURNALS, "pairs", Attempt)
        moved = merge_shards(folder, list(places))
    journal = Journal(folder / "pairs.jsonl", Attempt)
    for name, known in places.items():
        for offset, record in known:
            assert journal.read_at(moved[name].find(offset)) == attempt(record)
    journal.close()


def test_what_the_run_has_already_is_not_written_again(tmp_path: Path) -> None:
    lay(tmp_path, [(1, 0), (2, 0)], [[(1, 0), (2, 1)], [(2, 1), (3, 0)]])
    merge_left(tmp_path)
    kept = [record for _, record in scan_journal(tmp_path / "attempts.jsonl", Attempt)]
    assert kept == [attempt(record) for record in [(1, 0), (2, 0), (2, 1), (3, 0)]]


def test_of_two_shards_that_differ_the_later_one_counts(tmp_path: Path) -> None:
    lay(tmp_path, [], [[(1, 1)], [(1, 2)]])
    first, second = shard_names(tmp_path)
    merge_shards(tmp_path, [second, first])
    assert newest(tmp_path / "attempts.jsonl") == {attempt((1, 1)).id: attempt((1, 1))}


def test_a_damaged_line_in_a_shard_is_told_and_nothing_is_removed(tmp_path: Path) -> None:
    lay(tmp_path, [(1, 0)], [[(2, 0), (3, 0)]])
    file = tmp_path / SHARDS / "00000-x" / "attempts.jsonl"
    file.write_bytes(file.read_bytes().replace("täxt".encode(), b"text", 1))
    with pytest.raises(DataError, match=r"attempts\.jsonl:1: was changed or damaged"):
        merge_left(tmp_path)
    assert file.exists()


def test_a_run_without_shards_is_left_alone_and_scratch_is_removed(tmp_path: Path) -> None:
    merge_left(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / ".parts").mkdir()
    (tmp_path / ".parts" / "problems.parquet").touch()
    merge_left(tmp_path)
    assert not (tmp_path / ".parts").exists()


HOLDER = """
import sys, time
from pathlib import Path
from pipeline import lock
with lock.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_shard_of_a_worker_that_still_runs_is_merged_and_left(tmp_path: Path) -> None:
    lay(tmp_path, [], [[(1, 0)], [(2, 0)]])
    running = tmp_path / SHARDS / "00001-x"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(running)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        with lock.hold(tmp_path):
            merge_shards(tmp_path, shard_names(tmp_path), patience=0.3)
        assert shard_names(tmp_path) == ["00001-x"]
        assert len(newest(tmp_path / "attempts.jsonl")) == 2
        worker.communicate()
    fill(running / "attempts.jsonl", [(3, 0)])
    merge_left(tmp_path)
    assert len(newest(tmp_path / "attempts.jsonl")) == 3
    assert not (tmp_path / SHARDS).exists()


def test_a_folder_that_is_being_written_is_not_merged(tmp_path: Path) -> None:
    lay(tmp_path, [], [[(1, 0)]])
    with RunFolder(tmp_path), pytest.raises(FolderInUse):
        merge_left(tmp_path)
    assert json.loads((tmp_path / SHARDS / "00000-x" / "attempts.jsonl").read_text())["index"] == 0
