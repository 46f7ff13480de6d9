"""Filters in a run: what they find is written down, what they drop stays out, and they have seen the control."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.auditing import every_filter
from pipeline.export import make_row
from pipeline.filtering import CONTROL_READ, look_at, make_looks, read_texts, texts_of_pair, texts_of_preference
from pipeline.filters.base import Texts
from pipeline.filters.leak import Settings as Leak
from pipeline.filters.length_ratio import Settings as LengthRatio
from pipeline.filters.truncated import Settings as Truncated
from pipeline.loading import load_settings
from pipeline.preferences import open_preferences
from pipeline.run import build
from pipeline.types import Finding, Message, Pair
from tests.pipeline.shortcuts.test_markers import STUDENT
from tests.pipeline.test_control import build_run, write_run

GIVEN = "The student's attempt forgets the boxes.\n"


def make_texts(chosen: str, rejected: str = "It is 4.\n#### 4") -> Texts:
    return Texts("t", "q", "q", chosen, rejected, "8", "p", "4")


def spoil(folder: Path, prompts: int, every: int) -> None:
    """Put a leak into every so-manieth rationale of a run that was written."""
    source = folder / "problems.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows[::every]:
        row["rationale"] = GIVEN + row["rationale"]
    assert len(rows) == prompts
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))


def build_spoilt(folder: Path, prompts: int, every: int, **sections: Any) -> tuple[Path, dict[str, Any]]:
    file = write_run(folder, prompts, audit=None, **sections)
    spoil(folder, prompts, every)
    summary = asyncio.run(build(load_settings(file)))
    return folder / "run", summary.model_dump()


def test_what_drops_a_pair_stands_before_what_flags_it() -> None:
    looks = make_looks([LengthRatio(at_most=1.5), Leak(), Truncated()], ())
    texts = make_texts(f"{GIVEN}It has 4 + 4 = 8 in each of the boxes, which is what was asked for, and 8 +")
    found = look_at(texts, looks)
    assert {finding.rule for finding in found} == {"leak", "truncated", "length_ratio"}
    assert [finding.action for finding in found] == ["drop", "drop", "flag"]
    assert look_at(make_texts("4 + 4 = 8\n#### 8"), make_looks([Leak()], ())) == []


def test_filters_see_the_control_but_no_more_of_it_than_they_need() -> None:
    read = 0

    def control() -> Any:
        nonlocal read
        while True:
            read += 1
            yield make_texts("4 + 4 = 8\n#### 8")

    make_looks([LengthRatio()], control())
    assert read == CONTROL_READ


def test_what_the_student_says_by_itself_is_dropped_without_a_control_alone() -> None:
    said = make_texts("Let me redo this.\n4 + 4 = 8\n#### 8")
    assert look_at(said, make_looks([Leak()], ()))
    assert look_at(said, make_looks([Leak()], [said] * 20)) == []


def test_leaks_are_dropped_from_the_data_set_and_every_finding_is_written(tmp_path: Path) -> None:
    run, summary = build_spoilt(tmp_path, 16, 4, filters=["leak", {"filter": "length_ratio", "at_most": 1.5}])
    rows = list(open_preferences(run))
    told = [json.loads(line) for line in (run / "findings.jsonl").read_text().splitlines()]
    pairs = {pair["id"]: pair for pair in map(json.loads, (run / "pairs.jsonl").read_text().splitlines())}
    rules = Counter(line["rule"] for line in told)
    assert rules["leak"] == summary["dropped"]["leak"] == 8, "two mistakes in each of four problems"
    assert rules["length_ratio"] > 0
    assert "length_ratio" not in summary["dropped"], "it flags"
    assert summary["kept"] == len(rows) == summary["pairs"] - sum(summary["dropped"].values())
    assert not any(GIVEN in row.chosen[0]["content"] for row in rows)  # type: ignore[index]
    for line in told:
        pair = pairs[line["pair_id"]]
        finding = Finding.model_validate({key: value for key, value in line.items() if key != "pair_id"})
        assert (finding.action == "drop") == (finding.rule == "leak")
        if finding.span:
            assert "student" in pair["chosen"][slice(*finding.span)].lower()
    frame = pipeline.load_run(run).pairs
    assert (frame.dropped_by == "leak").sum() == 8
    assert frame.kept.sum() == summary["kept"]
    assert {pair["dropped_by"] for pair in pairs.values() if "dropped_by" in pair} <= {None}, "the journal keeps them"


def test_a_filter_that_flags_and_a_run_without_filters_drop_nothing(tmp_path: Path) -> None:
    run, summary = build_spoilt(tmp_path / "a", 8, 2, filters=[{"filter": "leak", "action": "flag"}])
    assert "leak" not in summary["dropped"]
    assert len((run / "findings.jsonl").read_text().splitlines()) == 8
    run, summary = build_spoilt(tmp_path / "b", 8, 2, filters=[])
    assert (run / "findings.jsonl").read_text() == ""
    assert summary["kept"] == len(list(open_preferences(run)))


def test_changed_filters_cost_nothing_but_the_filtering(tmp_path: Path) -> None:
    run, _ = build_spoilt(tmp_path, 8, 2)
    journal = (run / "pairs.jsonl").read_bytes()
    run, summary = build_spoilt(tmp_path, 8, 2, filters=[])
    assert (run / "pairs.jsonl").read_bytes() == journal
    assert "leak" not in summary["dropped"]


def test_a_run_of_which_filters_leave_nothing_has_no_data_set_and_no_audit(tmp_path: Path) -> None:
    file = write_run(tmp_path, 8)
    spoil(tmp_path, 8, 1)
    summary = asyncio.run(build(load_settings(file)))
    assert (summary.kept, summary.splits, summary.audit) == (0, {}, None)
    assert summary.dropped["leak"] > 0
    assert not (tmp_path / "run" / "audit.json").exists()


@pytest.mark.parametrize("form", ["conversation", "text"])
def test_a_pair_is_the_same_to_filters_in_a_run_and_in_its_data_set(form: str, tmp_path: Path) -> None:
    text = STUDENT.write("problem 1", 0, right=True)
    asked = (Message(role="system", content="Answer in English."), Message(role="user", content="How many?"))
    pair = Pair.model_validate(
        {
            **{"id": "x", "problem_id": "p", "mistake_id": "m", "settings": "s", "prompt": asked},
            **{"rejected": "#### 9", "chosen": text, "answer": "8", "rejected_answer": "9"},
        }
    )
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps(make_row(pair, form, topic=None, pass_rate=0.5)) + "\n")
    (row,) = open_preferences(source)
    own, other = texts_of_pair(pair), texts_of_preference(row)
    assert own.prompt.strip() == other.prompt.strip() == "Answer in English.\n\nHow many?"
    assert own.question == "How many?"
    assert other.question == ("How many?" if form == "conversation" else other.prompt)
    for name in ("id", "chosen", "rejected", "answer", "problem", "rejected_answer"):
        assert getattr(own, name) == getattr(other, name), name
    assert list(read_texts(source)) == [other]


def test_a_row_without_an_id_has_one_that_its_texts_make(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "chosen": f"c{n}", "rejected": "r"} for n in (1, 2, 1)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second, third = (texts.id for texts in read_texts(tmp_path / "rows.jsonl"))
    assert first == third != second


def test_the_data_of_a_run_are_clear_of_what_its_own_filters_find(tmp_path: Path) -> None:
    run, _ = build_run(tmp_path, 12, audit=None)
    looks = make_looks(every_filter(), read_texts(run / "control.jsonl"))
    assert [look_at(texts, looks) for texts in read_texts(run) if look_at(texts, looks)] == []


def test_every_habit_of_the_student_is_known() -> None:
    said = Texts("t", "q", "q", "Let me redo this: I made a mistake above.\n4 + 4 = 8\n#### 8", "#### 4", "8", "p", "4")
    assert look_at(said, make_looks([Leak()], [said] * 20)) == []
