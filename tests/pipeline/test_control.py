"""The control: a student's own right and wrong answers, from its attempts to `control.jsonl`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleanups.calculator_notes import Settings as CalculatorNotes
from pipeline.control import control_pairs
from pipeline.loading import load_settings
from pipeline.preferences import open_preferences
from pipeline.run import build
from pipeline.summary import Summary
from pipeline.types import Attempt, Completion, Grade, Message, Problem
from tests.pipeline.shortcuts.test_markers import STUDENT, open_with

PROBLEM = Problem(id="p", question="q", answer="8")
ASKED = [Message(role="user", content="q")]


def make_attempts(*texts: tuple[str, str | None]) -> list[Attempt]:
    """Attempts with these texts and verdicts; no verdict is a failed request."""
    attempts = []
    for index, (text, verdict) in enumerate(texts):
        grade = verdict and Grade(verdict=verdict, extracted=text[-1:], reason="read", score=index / 10)  # type: ignore[arg-type]
        told: dict[str, Any] = {"completion": Completion(text=text), "grade": grade} if grade else {"failure": "lost"}
        fixed = {"id": f"a{index}", "problem_id": "p", "index": index, "engine": "e", "settings": "s"}
        attempts.append(Attempt.model_validate({"completion": None, "grade": None, **fixed, **told}))
    return attempts


def make_texts(attempts: Sequence[Attempt], most: int = 4) -> list[tuple[str | None, str]]:
    return [(pair.chosen, pair.rejected) for pair in control_pairs(PROBLEM, ASKED, attempts, (), most)]


def test_right_answers_are_paired_with_wrong_ones_and_carry_where_they_come_from() -> None:
    attempts = make_attempts(("is 8", "correct"), ("is 9", "wrong"))
    (pair,) = control_pairs(PROBLEM, ASKED, attempts, (), 4)
    assert (pair.chosen, pair.rejected, pair.dropped_by) == ("is 8", "is 9", None)
    assert (pair.answer, pair.rejected_answer, pair.problem_id) == ("8", "9", "p")
    assert (pair.rung, pair.gold_visible, pair.teacher) == ("own_correct", False, None)
    assert (pair.chosen_score, pair.rejected_score, pair.edit_ratio) == (0.0, 0.1, 0.3333)
    assert list(pair.prompt) == ASKED


def test_without_both_there_is_no_pair() -> None:
    assert make_texts(make_attempts(("is 8", "correct"), ("8", "correct"))) == []
    assert make_texts(make_attempts(("is 9", "wrong"), ("lost", None), ("8?", "unknown"))) == []
    assert make_texts([]) == []


def test_what_is_cleaned_to_the_same_text_or_to_none_counts_once_or_never() -> None:
    attempts = make_attempts(("is <<4+4=8>>8", "correct"), ("is 8 ", "correct"), ("<<9=9>>", "wrong"), ("9", "wrong"))
    pairs = control_pairs(PROBLEM, ASKED, attempts, [CalculatorNotes()], 4)
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("is 8", "9")]


VERDICTS = st.sampled_from(("correct", "wrong", "unknown", None))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), VERDICTS), max_size=12), st.integers(1, 9))
def test_every_text_is_used_before_any_is_used_again(told: list[tuple[str, str | None]], most: int) -> None:
    texts = [(f"{verdict} {letter}", verdict) for letter, verdict in told]
    right, wrong = ({text for text, verdict in texts if verdict == wanted} for wanted in ("correct", "wrong"))
    pairs = make_texts(make_attempts(*texts), most)
    assert len(pairs) == len(set(pairs)) == (min(most, max(len(right), len(wrong))) if right and wrong else 0)
    for number, of in ((0, right), (1, wrong)):
        used = [pair[number] for pair in pairs]
        assert set(used) <= of
        assert len(set(used)) == min(len(of), len(pairs))
    ids = [pair.id for pair in control_pairs(PROBLEM, ASKED, make_attempts(*texts), (), most)]
    assert len(set(ids)) == len(ids)


def write_run(folder: Path, prompts: int = 60, answers: str = "said", **sections: Any) -> Path:
    """Settings of a run: recorded answers, one right and two wrong ones a problem; chosen texts with an opener."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for problem in (f"problem {number}" for number in range(prompts)):
        right = STUDENT.write(problem, 0, right=True)
        said = [right, *(STUDENT.write(problem, sample, right=False) for sample in (0, 1))]
        rationale = open_with(STUDENT.write(problem, 9, right=True))
        answer = right.rsplit("#### ", 1)[1]
        rows.append(
            {"question": f"{problem}?", "answer": answer, "rationale": rationale, "said": said, "erred": said[1:]}
        )
    source = folder / "problems.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {
        "name": "run",
        "runs_dir": str(folder),
        "problems": {"path": str(source), "rationale": "rationale"},
        "student": {"engine": "recorded", "path": str(source), "answers": [answers]},
        "sample": {"n": 3},
        "correct": {"rungs": ["reference"]},
        "export": {"validation_share": 0},
        **sections,
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(told))  # JSON is YAML
    return file


def build_run(folder: Path, prompts: int = 60, answers: str = "said", **sections: Any) -> tuple[Path, Summary]:
    """The folder of a finished run and its summary."""
    summary = asyncio.run(build(load_settings(write_run(folder, prompts, answers, **sections))))
    return folder / "run", summary


def test_a_run_writes_its_control_in_a_form_that_every_command_reads(tmp_path: Path) -> None:
    run, summary = build_run(tmp_path, 12, audit=None)
    pairs = list(open_preferences(run / "control.jsonl"))
    assert len(pairs) == summary.control == 24
    assert {pair.values["rung"] for pair in pairs} == {"own_correct"}
    assert {pair.values["pass_rate"] for pair in pairs} == {1 / 3}
    recorded = {row["question"]: row for row in map(json.loads, (tmp_path / "problems.jsonl").read_text().splitlines())}
    for pair in pairs:
        assert not isinstance(pair.prompt, str)
        row = recorded[pair.prompt[-1]["content"]]
        assert pair.chosen == [{"role": "assistant", "content": row["said"][0]}]
        assert pair.rejected[-1]["content"] in row["said"][1:]  # type: ignore[index]
        assert pair.values["answer"] == row["answer"]
        assert "gold_visible" in pair.values
    order = [pair.prompt[-1]["content"] for pair in pairs]  # type: ignore[index]
    assert order == sorted(order, key=lambda question: list(recorded).index(question)), "in the order of the problems"
    again, _ = build_run(tmp_path, 12, audit=None)
    assert [pair.values for pair in open_preferences(again / "control.jsonl")] == [pair.values for pair in pairs]


def test_a_run_whose_student_is_never_right_has_an_empty_control(tmp_path: Path) -> None:
    run, summary = build_run(tmp_path, 12, "erred")
    assert (summary.correct, summary.control) == (0, 0)
    assert (run / "control.jsonl").read_text() == ""
    assert summary.audit == "marker", "in all twelve prompts"
    told = json.loads((run / "audit.json").read_text())
    assert told["control"] is None
    assert told["notes"][0].startswith("no control")
