"""Whole runs with scripted engines: the ladder's choices, formats, views, selection, and data without ground truth."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.errors import ConfigError, RequestFailed
from pipeline.loading import load_settings
from pipeline.run import build, check_gold
from pipeline.summary import Summary
from pipeline.types import Message

ROWS = [
    {"question": f"What is {n} + {n}?", "answer": str(2 * n), "kind": "even" if n % 2 == 0 else "odd"}
    for n in range(10, 30)
]


def number_in(messages: Sequence[Message]) -> int:
    return int(messages[0].content.split("What is ")[1].split(" +")[0])


def student(messages: Sequence[Message], index: int) -> str:
    """Right, wrong, wrong, right; one below; in a second try it changes whatever it sees to a wrong answer."""
    n = number_in(messages)
    if len(messages) > 1:
        return f"Hm. It is {2 * n + 5}.\n#### {2 * n + 5}"
    return [
        f"{n} + {n} = {2 * n}\n#### {2 * n}",
        f"{n} + {n} = {2 * n - 1}\n#### {2 * n - 1}",
        f"{n} + {n} = {2 * n - 1}, surely\n#### {2 * n - 1}",
        f"{n} + {n} = {3 * n}\n#### {3 * n}",
    ][index]


def teacher(messages: Sequence[Message], index: int) -> str:
    """A right solution in another format, longer with every sample but the last, which is wrong."""
    n = number_in(messages)
    if index == 3:
        return f"<solution>\\boxed{{{n}}}</solution>"
    middle = "\n".join(f"Step {i}: think of {n}." for i in range(3 - index))
    return f"<diagnosis>d</diagnosis><solution>{middle}\n{n} + {n} = {2 * n}\nSo it is \\boxed{{{2 * n}}}.</solution>"


LATE = Path(tempfile.gettempdir()) / f"errata-late-{os.getpid()}"
"""While this file is there, `late` fails: the module is imported twice, by pytest and by name."""


def late(messages: Sequence[Message], index: int) -> str | Exception:
    return teacher(messages, 0) if index or not LATE.exists() else RequestFailed("not now")


def waver(messages: Sequence[Message], index: int) -> str:
    return "<attempt_right>on second thoughts</attempt_right>" if index else teacher(messages, 2)


def refuse(messages: Sequence[Message], index: int) -> str:
    return "<solution>I am sorry, this problem makes no sense to me.</solution>"


def score(problem: Any, text: str) -> float | None:
    return None if "surely" in text else float(sum(map(ord, text)) % 7)


def run(tmp_path: Path, **sections: Any) -> Summary:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    module = __name__ if "." in __name__ else "tests.pipeline.test_corrections"
    settings = {
        "name": "run",
        "runs_dir": str(tmp_path),
        "problems": {"path": str(tmp_path / "rows.jsonl"), "extras": ["kind"], **sections.pop("problems", {})},
        "student": {"engine": "scripted", "function": f"{module}:student"},
        "teachers": {"t": {"engine": "scripted", "function": f"{module}:teacher"}},
        "correct": {"rungs": [{"rung": "revise", "teacher": "t"}]},
        "sample": {"n": 4},
        **sections,
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return asyncio.run(build(load_settings(file)))


def read_pairs(tmp_path: Path) -> Any:
    pairs = pipeline.load_run(tmp_path / "run").pairs
    return pairs[pairs.kept]


def test_chosen_texts_are_written_as_the_student_writes(tmp_path: Path) -> None:
    summary = run(tmp_path)
    assert summary.format is not None
    assert summary.format.format.final == "#### {answer}"
    assert (summary.kept, summary.dropped) == (60, {})
    pairs = read_pairs(tmp_path)
    assert not any("boxed" in text for text in pairs.chosen)
    assert all(text.splitlines()[-1].startswith("#### ") for text in pairs.chosen)
    assert json.loads((tmp_path / "run" / "format.json").read_text())["found"]["format"]["final"] == "#### {answer}"


def test_what_cannot_be_rendered_is_a_finding(tmp_path: Path) -> None:
    unlike = {"student": {"final": "Answer: {answer}", "thinking": ["<think>", "</think>"]}}
    own = {"rungs": [{"rung": "own_correct"}]}
    assert run(tmp_path, format=unlike, correct=own).dropped == {}, "the student's own texts are its format"
    summary = run(tmp_path, format={"student": "any"})
    assert summary.kept == 60
    assert any("boxed" in text for text in read_pairs(tmp_path).chosen)


@pytest.mark.parametrize("rule", ["shortest_edit", "closest_length"])
def test_the_best_of_several_right_texts_is_chosen_by_a_rule(tmp_path: Path, rule: str) -> None:
    summary = run(tmp_path, correct={"rungs": [{"rung": "revise", "teacher": "t", "samples": 4}], "choose": rule})
    assert summary.tries == {"revise": 240}
    assert summary.corrections == {"revise": 60}
    assert not any("Step 1" in text for text in read_pairs(tmp_path).chosen), (
        "the third sample is the shortest right one"
    )


def test_a_right_text_wins_though_a_later_sample_objects(tmp_path: Path) -> None:
    rung = {"rung": "revise", "teacher": "t", "samples": 2}
    summary = run(
        tmp_path,
        teachers={"t": {"engine": "scripted", "function": "tests.pipeline.test_corrections:waver"}},
        correct={"rungs": [rung], "choose": "shortest_edit"},
    )
    assert (summary.kept, summary.objections) == (60, {"attempt_right": 60})
    pairs = read_pairs(tmp_path)
    assert {finding["rule"] for row in pairs.itertuples() for finding in row.findings} == {"attempt_right"}


def test_a_winner_that_was_overtaken_in_a_later_call_is_none(tmp_path: Path) -> None:
    """The first sample fails at first; when it is there in the second call, it wins in the place of the second."""
    rung = {"rung": "revise", "teacher": "t", "samples": 2}
    teacher = {"t": {"engine": "scripted", "function": "tests.pipeline.test_corrections:late"}}
    for calls in (1, 2):
        LATE.touch() if calls == 1 else LATE.unlink()
        summary = run(tmp_path, teachers=teacher, correct={"rungs": [rung]})
        corrections = pipeline.load_run(tmp_path / "run").corrections
        assert summary.corrections == {"revise": 60}
        assert corrections.won.sum() == 60
        assert corrections[corrections.won].mistake_id.is_unique


def test_the_view_revise_repairs_and_confirms_in_its_share(tmp_path: Path) -> None:
    pair = {"views": ["direct", "revise"], "revise": {"correct_share": 0.25}}
    summary = run(tmp_path, pair=pair)
    assert summary.mistakes == 60
    assert summary.views == {"direct": 60, "revise": 80}
    pairs = read_pairs(tmp_path)
    revise = pairs[pairs["view"] == "revise"]
    assert revise.confirms.mean() == 0.25
    for row in revise.itertuples():
        question, attempt, check = row.prompt
        assert (question["role"], attempt["role"], check["role"]) == ("user", "assistant", "user")
        assert "Check this answer" in check["content"]
        assert (row.chosen == attempt["content"]) == row.confirms
        assert f"#### {row.answer}" in row.chosen
        assert f"#### {row.answer}" not in row.rejected
    repairs = revise[~revise.confirms]
    assert any(row.rejected != row.prompt[1]["content"] for row in repairs.itertuples())


def test_the_rejected_text_may_be_the_students_own_second_try(tmp_path: Path) -> None:
    pair = {"views": ["revise"], "revise": {"correct_share": 0.25, "second_try": True}}
    summary = run(tmp_path, pair=pair)
    assert summary.views == {"revise": 80}
    assert all(text.startswith("Hm.") for text in read_pairs(tmp_path).rejected)
    tries = (tmp_path / "run" / "second_tries.jsonl").read_text().splitlines()
    assert len(tries) == 80


def test_pairs_are_left_out_over_the_whole_data_set_and_say_why(tmp_path: Path) -> None:
    select = {"topic": "kind", "max_pairs": 30, "max_topic_share": 0.5}
    summary = run(tmp_path, pair={"select": select})
    assert summary.kept == 30
    assert summary.kept + sum(summary.dropped.values()) == summary.pairs == 60
    left = [json.loads(line) for line in (tmp_path / "run" / "selection.jsonl").read_text().splitlines()]
    assert len(left) == 30
    assert all(told["reason"] for told in left)
    again = run(tmp_path, pair={"select": select})
    assert (again.kept, again.usage["t"].requests) == (30, 0)


def test_problems_of_evaluation_files_are_not_asked(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({"question": "what is 12 + 12"}) + "\n")
    summary = run(tmp_path, problems={"decontaminate": {"files": [str(tmp_path / "test.jsonl")]}})
    assert (summary.problems, summary.contaminated) == (19, 1)
    (told,) = (json.loads(line) for line in (tmp_path / "run" / "left_out.jsonl").read_text().splitlines())
    assert "test.jsonl:1" in told["contaminated"]


def test_a_teacher_that_does_not_arrive_is_not_helped_to_the_gold_answer(tmp_path: Path) -> None:
    summary = run(
        tmp_path,
        teachers={"t": {"engine": "scripted", "function": "tests.pipeline.test_corrections:refuse"}},
        correct={"rungs": [{"rung": "gold_guided", "teacher": "t"}]},
    )
    assert (summary.kept, summary.dropped) == (0, {"uncorrected": 60})


def test_without_ground_truth_the_best_rated_corrects_the_worst(tmp_path: Path) -> None:
    summary = run(
        tmp_path,
        problems={"answer": None},
        checker={"checker": "reward", "function": "tests.pipeline.test_corrections:score"},
        correct={"rungs": [{"rung": "best_worst", "margin": 0.5}]},
    )
    assert (summary.correct, summary.wrong) == (0, 0), "the reward decides nothing by itself"
    pairs = read_pairs(tmp_path)
    assert len(pairs) == summary.kept > 10
    assert all(row.chosen_score > row.rejected_score + 0.5 for row in pairs.itertuples())
    assert all(row.chosen_score == score(None, row.chosen) for row in pairs.itertuples())
    assert pairs.answer.isna().all()


def test_people_rate(tmp_path: Path) -> None:
    rows = [
        {
            "question": row["question"],
            "response": student([Message(role="user", content=row["question"])], i),
            "stars": s,
        }
        for row in ROWS
        for i, s in enumerate((4, 2, None, 1))
    ]
    rows += [{**rows[3], "stars": 5}]  # a second opinion of one text: 3 on average
    (tmp_path / "ratings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    checker = {"checker": "ratings", "path": str(tmp_path / "ratings.jsonl"), "score": "stars"}
    rungs = {"rungs": ["best_worst"]}
    summary = run(tmp_path, problems={"answer": None}, checker=checker, correct=rungs)
    assert summary.kept == 20
    assert sorted(read_pairs(tmp_path).rejected_score) == [1.0] * 19 + [2.0]


def test_missing_ground_truth_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="checker numeric: needs gold answers"):
        run(tmp_path, problems={"answer": None})
    reward = {"checker": "reward", "function": "tests.pipeline.test_corrections:score"}
    gold_guided = {"rungs": ["best_worst", {"rung": "gold_guided", "teacher": "t"}]}
    with pytest.raises(ConfigError, match="rung gold_guided: needs gold answers"):
        run(tmp_path, problems={"answer": None}, checker=reward, correct=gold_guided)
    with pytest.raises(ConfigError, match="checker reward: scores texts and calls none wrong"):
        run(tmp_path, problems={"answer": None}, checker=reward)
    with pytest.raises(ConfigError, match="rung best_worst: checker numeric gives no scores"):
        run(tmp_path, correct={"rungs": ["best_worst"]})
    with pytest.raises(ConfigError, match="add 'level' to problems"):
        run(tmp_path, pair={"select": {"topic": "level", "max_topic_share": 0.5}})


def test_a_run_without_ground_truth_has_no_gold_answers_to_check(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "q"}\n')
    config = {
        "name": "run",
        "runs_dir": str(tmp_path),
        "problems": {"path": str(tmp_path / "rows.jsonl"), "answer": None},
        "student": {"engine": "scripted", "replies": ["x"]},
        "checker": {"checker": "reward", "function": "tests.pipeline.test_corrections:score"},
        "correct": {"rungs": ["best_worst"]},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    assert "1 problems" in check_gold(load_settings(tmp_path / "config.yaml"))[0]


def test_a_misspelt_prompt_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "revize.jinja").write_text("{{ question }}")
    run(tmp_path, prompts=str(tmp_path / "prompts"))
    assert "revize.jinja: no setting names this prompt; did you mean 'revise'" in caplog.text
