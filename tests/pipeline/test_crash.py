"""Builds that are killed, run out of disk, or meet damage: the shorter form of `benchmarks/crash.py`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.helpers.crash_builds import watched
from benchmarks.helpers.crash_disks import fill_at_the_end, fill_disk, read_only
from benchmarks.helpers.crash_files import JOURNALS, Damaged, add_garbage, cut_last_line, flip_bytes
from benchmarks.helpers.crash_kills import plan_kills
from benchmarks.helpers.crash_lock import follow_killed_holder, refuse_second, side_by_side
from benchmarks.helpers.crash_mounts import do_steps, find_way
from benchmarks.helpers.crash_reference import MATH, Reference
from benchmarks.helpers.crash_server import Asked, Witness, recount
from benchmarks.helpers.crash_texts import Row, Script, make_products, make_stories
from benchmarks.helpers.crash_vllm import PYTHON, vllm_settings
from pipeline.checkers.base import CheckerSettings
from pipeline.checkers.math import Settings as MathSettings
from pipeline.checkers.numeric import Settings as NumericSettings
from pipeline.types import Problem

PROBLEMS = 40
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with watched(Witness()) as server:
        yield server


@pytest.fixture(scope="module")
def words(witness: Witness, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Word problems under the numeric checker."""
    return Reference(witness, "words", tmp_path_factory.mktemp("words"), make_stories(PROBLEMS))


@pytest.fixture(scope="module")
def maths(witness: Witness, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Products under the checker that reads them a second time in worker processes."""
    return Reference(witness, "math", tmp_path_factory.mktemp("math"), make_products(PROBLEMS), checker=MATH)


@pytest.fixture(scope="module")
def damaged(witness: Witness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    """A small finished run whose journals are damaged."""
    folder = tmp_path_factory.mktemp("small")
    small = Reference(witness, "small", folder, make_stories(6), audit=None, format={"detect_from": 4})
    with small.build("journals") as build:
        assert build.finish() == 0, build.said()
        with Damaged(build) as made:
            yield made


@pytest.fixture
def mounts() -> None:
    """Skips where no tmpfs can be mounted in a namespace of its own."""
    way = find_way()
    if isinstance(way, str):
        pytest.skip(f"mounting is refused: {way}")


@slow
@pytest.mark.timeout(900)
def test_builds_that_are_killed_end_as_one_that_is_not(words: Reference) -> None:
    outcomes = words.kill_many(4, ("parent", "parent", "group"))
    assert [one.failed for one in outcomes if one.failed] == []
    assert sum(one.kills for one in outcomes) >= 4


@slow
@pytest.mark.timeout(900)
def test_builds_whose_workers_are_killed_end_as_one_whose_are_not(maths: Reference) -> None:
    outcomes = maths.kill_many(2, ("worker", "worker", "parent"))
    assert [one.failed for one in outcomes if one.failed] == []
    assert sum(one.kills for one in outcomes) >= 2


@slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("target", ["engine", "watchdog"])
def test_builds_whose_server_is_killed_end_as_one_whose_is_not(
    witness: Witness, tmp_path: Path, target: Literal["engine", "watchdog"]
) -> None:
    if not PYTHON.is_file():
        pytest.skip("no environment with vLLM: make vllm")
    served = Reference(witness, f"vllm{target}", tmp_path, make_stories(60), vllm_settings)
    (outcome,) = served.kill_many(1, (target,), 1)
    assert (outcome.failed, outcome.kills) == (None, 1)


@slow
@pytest.mark.timeout(900)
def test_a_full_disk_is_told_and_the_build_goes_on_when_there_is_room(words: Reference, mounts: None) -> None:
    for share in (0.02, 0.3, 0.8):
        with words.build(f"disk{share}") as build:
            small, outcome = fill_disk(build, int(share * words.size), words.wanted)
        assert small, share
        assert (outcome.failed, outcome.told) == (None, []), share


@slow
@pytest.mark.timeout(900)
def test_a_disk_that_is_full_at_the_end_leaves_the_data_set_that_is_there(words: Reference, mounts: None) -> None:
    for left in (0, 1 << 17):
        with words.build(f"end{left}") as build:
            outcome = fill_at_the_end(build, left, words.wanted)
        assert (outcome.failed, outcome.told) == (None, []), left


@slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["new", "begun", "finished"])
def test_a_folder_that_can_only_be_read_is_told(words: Reference, mounts: None, state: str) -> None:
    with words.build(f"read-only-{state}") as build:
        outcome = read_only(build, state, words.size // 2, words.wanted)
    assert (outcome.failed, outcome.told) == (None, [])


@slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("journal", JOURNALS)
def test_a_journal_that_was_torn_is_resumed_and_one_that_was_changed_is_told(damaged: Damaged, journal: str) -> None:
    content, draw = damaged.journal(journal), random.Random(journal)
    damages = [*cut_last_line(journal, content, 29), *add_garbage(journal, content, draw)]
    damages += flip_bytes(journal, content, draw, 10)
    assert [why for why in map(damaged.try_out, damages) if why] == []


@slow
@pytest.mark.timeout(900)
def test_a_second_build_in_the_same_folder_is_refused_and_the_first_is_unharmed(words: Reference) -> None:
    with words.build("two") as build:
        outcome = refuse_second(build, words.asked // 3, words.wanted)
    assert (outcome.failed, outcome.told) == (None, [])


@slow
@pytest.mark.timeout(900)
def test_a_build_goes_on_at_once_after_the_one_that_held_the_folder_was_killed(words: Reference) -> None:
    with words.build("held") as build:
        assert follow_killed_holder(build, words.asked // 3, words.wanted).failed is None


@slow
@pytest.mark.timeout(900)
def test_two_runs_share_a_cache_at_the_same_time(words: Reference) -> None:
    shared = str(words.folder / "shared")
    with words.build("one", runs_dir=shared) as one, words.build("other", runs_dir=shared, name="other") as other:
        assert [outcome.failed for outcome in side_by_side(one, other, words.wanted)] == [None, None]


@slow
@pytest.mark.timeout(900)
def test_a_clock_that_jumps_changes_nothing(words: Reference, maths: Reference) -> None:
    assert (words.jump().failed, maths.jump().failed) == (None, None)


def test_what_was_stored_and_asked_again_is_counted() -> None:
    stored = [Asked(0, "a", "p", True), Asked(0, "teacher", "p", False), Asked(1, "a", "p", True)]
    counted = recount(stored)
    assert (counted.again[0], counted.stored) == (1, 1), "the teacher is asked once the first answers are stored"
    counted = recount([Asked(0, "a", "p", True), Asked(0, "b", "p", True), Asked(1, "a", "p", True)])
    assert (counted.again[0], counted.stored) == (1, 0), "first answers are asked for together"
    assert recount([Asked(0, "a", "p", True)] * 3).doubled == 2


asked = st.builds(Asked, st.integers(0, 3), st.sampled_from("abcd"), st.sampled_from("pq"), st.booleans())


@given(st.lists(asked).map(lambda made: sorted(made, key=lambda one: one.process)))
def test_every_request_is_the_first_of_its_kind_or_counted_once(requests: list[Asked]) -> None:
    counted = recount(requests)
    assert counted.again.total() + counted.doubled == len(requests) - len({one.key for one in requests})
    assert 0 <= counted.stored <= counted.again.total()
    assert recount([one for one in requests if one.process == 0]).again.total() == 0


@given(st.integers(0, 100), st.integers(1, 5), st.integers(1, 1000))
def test_a_plan_of_kills_can_be_had_again_and_runs_forwards(seed: int, count: int, all_asked: int) -> None:
    plans = [plan_kills(random.Random(seed), count, all_asked, ("parent", "worker")) for _ in range(2)]
    assert plans[0] == plans[1]
    assert len(plans[0]) == count
    moments = [kill.asked for kill in plans[0] if kill.asked is not None]
    assert moments == sorted(moments)
    assert all(1 <= moment <= all_asked for moment in moments)


@pytest.mark.parametrize(
    ("rows", "checker"), [(make_stories(8), NumericSettings()), (make_products(3), MathSettings(workers=1))]
)
def test_the_student_and_the_teacher_repeat_themselves_and_err_as_they_mean_to(
    rows: list[Row], checker: CheckerSettings
) -> None:
    async def verdicts() -> list[str]:
        async with checker.create() as opened:
            return [(await opened.check(problem, text)).verdict for problem, text in stating]

    stating: list[tuple[Problem, str]] = []
    script = Script(rows)
    for row in rows:
        problem = Problem(id="p", question=row["question"], answer=row["answer"])
        body = {"model": "student", "messages": [{"role": "user", "content": row["question"]}]}
        texts = [script.answer(body, index) for index in range(4)]
        assert texts == [Script(rows).answer(body, index) for index in range(4)]
        stating += [(problem, text) for text in texts if "####" in text]
        asked = f"Problem:\n{row['question']}\n\nThe final answer is known to be: {row['answer']}"
        assert "<solution>" in script.answer({"model": "teacher", "messages": [{"role": "user", "content": asked}]}, 0)
    meant = ["correct" if text.endswith(f"#### {problem.answer}") else "wrong" for problem, text in stating]
    assert asyncio.run(verdicts()) == meant
    assert set(meant) == {"correct", "wrong"}


def test_a_journal_is_cut_at_every_byte_of_its_last_line() -> None:
    content = b'{"id": 1}\n{"id": 22}\n'
    cuts = [damage.content for damage in cut_last_line("j", content, 1)]
    assert cuts == [content[:end] for end in range(10, len(content))]
    assert {len(damage.content) for damage in flip_bytes("j", content * 3, random.Random(0), 5)} == {len(content) * 3}


def test_a_small_disk_is_full_and_leaves_nothing_behind(tmp_path: Path, mounts: None) -> None:
    folder, copy = tmp_path / "disk", tmp_path / "copy"
    fill = ["sh", "-c", f"head -c 99999 /dev/zero > {folder}/x"]
    steps: list[list[Any]] = [
        ["mount", str(folder), "size=16k"],
        ["run", fill, {}],
        ["remount", str(folder), "size=1m"],
    ]
    full, fits = do_steps([*steps, ["run", fill, {}], ["copy", str(folder), str(copy)]])
    assert (full.code != 0, fits.code) == (True, 0)
    assert "No space left" in full.said
    assert (copy / "x").stat().st_size == 99999
    assert list(folder.iterdir()) == []
