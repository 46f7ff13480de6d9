"""The pairs of a run's folder, as a page gets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from errata.report.pairs_data import ShownPair
from errata.report.pairs_run import read_run_pairs
from pipeline import load_run
from pipeline.errors import DataError
from pipeline.types import Attempt, Completion, Grade, Message, Record, content_id


def read_all(run: Path) -> list[ShownPair]:
    return sorted(read_run_pairs(run, 1000).pairs, key=lambda shown: shown.number)


def append(file: Path, *lines: Record | dict[str, Any]) -> None:
    with file.open("a") as out:
        for line in lines:
            out.write((line.model_dump_json() if isinstance(line, Record) else json.dumps(line)) + "\n")


def test_all_pairs_are_read_in_their_order_with_what_became_of_them(run: Path) -> None:
    shown = read_run_pairs(run, 1000)
    pairs = read_all(run)
    assert (shown.total, shown.kept) == (40, 16)
    frame = load_run(run).pairs
    assert [pair.pair.id for pair in pairs] == list(frame.id)
    assert [pair.pair.rejected for pair in pairs] == list(frame.rejected)
    became = [pair.dropped_by for pair in pairs]
    assert became == ["uncorrected", "leak", "near_duplicate", None, None] * 8
    assert [len(pair.findings) for pair in pairs[:5]] == [1, 1, 1, 1, 0]


def test_grades_tries_splits_and_rewards_are_those_of_the_pair(run: Path) -> None:
    pairs = read_all(run)
    third = pairs[3]
    assert third.rejected_grade is not None
    assert third.rejected_grade.verdict == "wrong"
    assert third.rejected_grade.extracted == third.pair.rejected_answer
    assert third.chosen_grade is not None
    assert third.chosen_grade.verdict == "correct"
    assert [(made.rung, made.won) for made in third.tries] == [("revise", False), ("gold_guided", True)]
    assert third.prompt_hash == "h" * 16
    assert pairs[0].chosen_grade is None
    assert {pair.split for pair in pairs if pair.dropped_by is None} == {"train", "validation"}
    assert {pair.split for pair in pairs if pair.dropped_by is not None} == {None}
    assert [pair.credit is not None for pair in pairs[3:5]] == [True, True]
    assert sum(pair.credit is not None for pair in pairs) == 6
    assert all(pair.credit is None or pair.credit.id == pair.pair.id for pair in pairs)


def test_rewarded_pairs_come_first_then_kept_ones_and_a_larger_choice_holds_a_smaller_one(run: Path) -> None:
    def read(most: int) -> list[ShownPair]:
        return list(read_run_pairs(run, most).pairs)

    assert all(pair.credit is not None for pair in read(6))
    assert all(pair.dropped_by is None for pair in read(16))
    ids = [[pair.pair.id for pair in read(most)] for most in (6, 16, 30)]
    assert ids[0] == ids[1][:6]
    assert ids[1] == ids[2][:16]
    assert read_run_pairs(run, 6).total == 40


def test_records_of_earlier_settings_and_replaced_ones_are_left_out(run: Path) -> None:
    pairs = [shown.pair for shown in read_all(run)]
    old = pairs[0].model_copy(update={"id": "old", "settings": "s0"})
    again = pairs[3].model_copy(update={"rejected": "replaced"})
    append(run / "pairs.jsonl", old, again)
    (run / "pairs.jsonl").write_text((run / "pairs.jsonl").read_text() + '{"id": "torn')
    texts = [shown.pair.rejected for shown in read_all(run)]
    assert len(texts) == 40
    assert texts[3] == "replaced"


def test_a_pair_that_revises_has_the_grades_of_its_own_texts(run: Path) -> None:
    direct = read_all(run)[3].pair
    wrong = Grade(verdict="wrong", extracted="7", reason="second try")
    right = Grade(verdict="correct", extracted="8", reason="kept")

    def tried(id: str, text: str, grade: Grade) -> Attempt:
        made = {"id": id, "problem_id": direct.problem_id, "index": 0, "engine": "student", "settings": "s1"}
        return Attempt(**made, completion=Completion(text=text), grade=grade)

    append(run / "second_tries.jsonl", tried("second", "another wrong text\n", wrong))
    append(run / "attempts.jsonl", tried("right", "a right text", right))
    prompt = (*direct.prompt, Message(role="assistant", content="first"), Message(role="user", content="check"))
    repairs = {"id": "repairs", "view": "revise", "rejected": "another wrong text", "prompt": prompt}
    mistake = content_id("mistake", "second")
    confirms = {"id": content_id("right", "s3", "revise"), "view": "revise", "confirms": True, "prompt": prompt}
    confirms |= {"chosen": "a right text", "mistake_id": mistake, "correction_id": None, "rung": "own_correct"}
    append(run / "pairs.jsonl", direct.model_copy(update=repairs), direct.model_copy(update=confirms))
    repaired, confirmed = read_all(run)[-2:]
    assert repaired.rejected_grade == wrong
    assert repaired.chosen_grade == read_all(run)[3].chosen_grade
    assert (confirmed.rejected_grade, confirmed.chosen_grade) == (wrong, right)


def test_a_run_with_its_pairs_alone_is_read(run: Path) -> None:
    for file in run.rglob("*"):
        if file.is_file() and file.name != "pairs.jsonl":
            file.unlink()
    pairs = read_all(run)
    assert len(pairs) == 40
    assert {(pair.rejected_grade, pair.split, pair.tries) for pair in pairs} == {(None, None, ())}


def test_a_folder_that_is_no_run_and_a_broken_line_are_named(tmp_path: Path, run: Path) -> None:
    with pytest.raises(DataError, match=r"is not the folder of a run"):
        read_run_pairs(tmp_path, 5)
    lines = (run / "pairs.jsonl").read_text().splitlines()
    (run / "pairs.jsonl").write_text("\n".join([lines[0], "{}", *lines[1:]]) + "\n")
    with pytest.raises(DataError, match=r"pairs.jsonl:2: is not an object with id, settings, findings"):
        read_run_pairs(run, 5)
    (run / "pairs.jsonl").write_text(json.dumps({"id": "a", "settings": "s3", "findings": []}) + "\n")
    with pytest.raises(DataError, match=r"pairs.jsonl: is no Pair record"):
        list(read_run_pairs(run, 5).pairs)
