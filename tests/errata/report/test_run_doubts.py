"""Doubts of a run: gold answers that attempts deny, objections and refused tries, none crowded out by another kind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.report.run_doubts import doubts_section
from errata.report.run_journals import MOST, read_doubts
from errata.report.run_reading import read_run
from errata.report.shares import fair
from errata.suspects import Suspect, Votes
from pipeline.types import Attempt, Completion, Grade, Verdict
from tests.errata.report.make_run import build_small


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without teachers: the first problem's attempts agree on a wrong answer, the second has no right one."""
    folder = tmp_path_factory.mktemp("untaught")
    file = folder / "own.jsonl"
    said = {"1": ["#### 2", "#### 2", "#### 2", "#### 5"], "9": ["#### 3", "#### 4", "#### 5", "#### 6"]}
    said["7"] = ["#### 7", "#### 8", "#### 8", "#### 8"]
    rows = [{"question": f"Which {gold}?", "answer": gold, "said": texts} for gold, texts in said.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    student = {"engine": "recorded", "path": str(file), "answers": ["said"]}
    problems = {"path": str(file)}
    correct: dict[str, Any] = {"rungs": ["own_correct"]}
    return build_small(folder / "run", problems=problems, student=student, correct=correct, teachers={}, audit=None)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("taught"), audit=None)


def text(run: Path) -> str:
    files = read_run(run)
    body = str(doubts_section(files, read_doubts(files)).body)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def rewrite(run: Path, folder: Path, name: str, lines: list[dict[str, Any]]) -> Path:
    for file in ("summary", "attempts", "pairs", "corrections", "objections", "unknown", "findings", "left_out"):
        for ending in ("json", "jsonl"):
            if (source := run / f"{file}.{ending}").is_file():
                (folder / source.name).write_bytes(source.read_bytes())
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def read(file: Path) -> list[dict[str, Any]]:
    """The records of a journal, without their checksums, as a person would change them."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "crc32"} for line in lines]


def test_without_a_teacher_the_attempts_speak_against_gold_answers(untaught: Path) -> None:
    doubts = read_doubts(read_run(untaught))
    assert doubts.suspects == [Suspect("Which 1?", "1", "2", 3, 4)]
    assert (doubts.suspected, doubts.asked) == (1, False)
    told = text(untaught)
    assert "At 1 problem no attempt is right and more than half agree on another answer" in told
    assert "No teacher was asked." in told


def test_tries_without_a_source_are_counted_and_not_listed(untaught: Path) -> None:
    doubts = read_doubts(read_run(untaught))
    assert doubts.refused == []
    told = text(untaught)
    total = doubts.sourceless.total()
    assert total >= 5
    assert f"{total} tries had nothing to take a text from: the student has no correct attempt at this problem" in told


def test_a_frequent_rung_leaves_room_for_the_others(taught: Path, tmp_path: Path) -> None:
    lines = read(taught / "corrections.jsonl")
    refused = next(line for line in lines if line["grade"] and line["grade"]["verdict"] == "wrong")
    many = [{**refused, "id": f"m{n}", "rung": "rewrite"} for n in range(2 * MOST)]
    doubts = read_doubts(read_run(rewrite(taught, tmp_path, "corrections.jsonl", many + lines)))
    before = read_doubts(read_run(taught)).refused
    assert len(doubts.refused) == MOST
    assert [told for told in doubts.refused if told.rung == "revise"] == before


def test_doubted_gold_answers_come_first_and_the_cut_is_told(taught: Path, tmp_path: Path) -> None:
    lines = read(taught / "objections.jsonl")
    right = next(line for line in lines if line["objection"] == "attempt_right")
    many = [{**right, "id": f"m{n}"} for n in range(5 * MOST)]
    run = rewrite(taught, tmp_path, "objections.jsonl", many + lines)
    doubts = read_doubts(read_run(run))
    assert [told.objection for told in doubts.objected[:8]] == [*["gold_wrong"] * 7, "attempt_right"]
    assert len(doubts.objected) == MOST
    told = text(run)
    assert "2,514 tries at 14 mistakes ended in an objection" in told
    assert "Listed are the most suspicious: 7 of 7 gold looks wrong, 493 of 2,507 attempt is right." in told


def test_a_mistake_that_another_try_corrected_is_not_uncorrected(taught: Path, tmp_path: Path) -> None:
    lines = read(taught / "corrections.jsonl")
    objected = next(line for line in lines if line["objection"])
    won = next(line for line in lines if line["won"])
    more = {**won, "id": "more", "mistake_id": objected["mistake_id"]}
    doubts = read_doubts(read_run(rewrite(taught, tmp_path, "corrections.jsonl", [*lines, more])))
    assert (doubts.objected_mistakes, doubts.uncorrected) == (14, 13)
    lost = {**more, "won": False}
    doubts = read_doubts(read_run(rewrite(taught, tmp_path, "corrections.jsonl", [*lines, more, lost])))
    assert doubts.uncorrected == 14


def vote(index: int, verdict: Verdict | None, answer: str | None = None) -> Attempt:
    grade = Grade(verdict=verdict, extracted=answer, reason="") if verdict else None
    completion = Completion(text="t") if verdict else None
    failure = None if verdict else "time-out"
    told = {"engine": "e", "settings": "s", "completion": completion, "grade": grade, "failure": failure}
    return Attempt.model_validate({"id": f"{index}", "problem_id": "p", "index": index, **told})


def test_an_attempt_that_was_made_again_counts_once() -> None:
    votes = Votes()
    for told in (vote(0, None), vote(0, "wrong", "8"), vote(0, "wrong", "8"), vote(1, "wrong", "8 ."), vote(2, None)):
        votes.add(told)
    assert votes.other() == ("8", 2)
    assert votes.suspect() == Suspect("", "", "8", 2, 3)
    votes.add(vote(2, "correct", "7"))
    assert votes.suspect() is None


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 60))
def test_shares_fill_the_table_and_no_group_goes_short_for_a_longer_one(sizes: list[int], most: int) -> None:
    rows = fair([[(group, n) for n in range(size)] for group, size in enumerate(sizes)], most)
    assert len(rows) == min(most, sum(sizes))
    got = [sum(group == number for group, _ in rows) for number in range(len(sizes))]
    for mine, size in zip(got, sizes, strict=True):
        assert mine == size or mine >= max(got) - 1
