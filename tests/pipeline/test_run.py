"""Whole runs: recorded GSM8K, over HTTP, interrupted and resumed."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pipeline
from errata.demo import world
from pipeline.engines.transformers import Settings as StudentSettings
from pipeline.errors import DataError, EngineUnusable, StoppedEarly
from pipeline.loading import load_settings
from pipeline.run import build, check_gold
from pipeline.stages import Progress
from pipeline.summary import Summary
from pipeline.types import Message

ROOT = Path(__file__).parents[2]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def write_stories(path: Path, count: int, seed: str = "run-test") -> Path:
    rows = []
    for story in itertools.islice(world.stories(seed), count):
        solution = world.solve(story)
        rows.append({"question": story.question, "answer": world.answer_of(solution), "solution": solution})
    return write_rows(path, rows)


def run(tmp_path: Path, **sections: Any) -> Summary:
    settings = {"name": "test", "runs_dir": str(tmp_path / "runs"), **sections}
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    return asyncio.run(build(load_settings(file)))


def read_dataset(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    files = sorted((folder / "dataset").glob("*.parquet"))
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]


def test_recorded_gsm8k_agrees_with_every_label_and_pairs_every_mistake(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "gsm8k" / "example_model_solutions.jsonl"
    overrides = {"runs_dir": str(tmp_path), "problems": {"path": str(source)}, "student": {"path": str(source)}}
    settings = load_settings(ROOT / "configs" / "gsm8k_recorded.yaml", overrides)
    summary = asyncio.run(build(settings))
    assert (summary.attempts, summary.correct) == (5276, 2001)
    assert summary.unknown <= 15
    assert summary.correct + summary.wrong + summary.unknown + summary.failed == summary.attempts

    labels = {}
    for line in source.read_text().splitlines():
        row = json.loads(line)
        for index, model in enumerate(settings.student.answers):
            labels[row["question"], index] = row[model.partition(".")[0]]["is_correct"]
    loaded = pipeline.load_run(tmp_path / "gsm8k_recorded")
    questions = {p.problem_id: p.prompt[-1]["content"] for p in loaded.pairs.itertuples()}
    decided = loaded.attempts[loaded.attempts.problem_id.isin(questions)]
    for attempt in decided.itertuples():
        label = labels[questions[attempt.problem_id], attempt.index]
        assert attempt.verdict == "unknown" or (attempt.verdict == "correct") == label, attempt

    assert summary.mistakes == summary.wrong == len(loaded.pairs)
    assert summary.kept + sum(summary.dropped.values()) == summary.mistakes
    assert set(summary.dropped) <= {"identical_text", "repeated_mistake", "gold_first"}
    rows = read_dataset(tmp_path / "gsm8k_recorded")
    assert len(rows) == summary.kept
    assert not any("<<" in row[side][0]["content"] for row in rows for side in ("chosen", "rejected"))
    unknown = [json.loads(line) for line in (tmp_path / "gsm8k_recorded" / "unknown.jsonl").read_text().splitlines()]
    assert len(unknown) == summary.unknown
    assert all(told["reason"] for told in unknown)


def test_student_and_gold_guided_teacher_over_http(tmp_path: Path, serve, student_dir: Path) -> None:
    """The student is the demo's model behind a server; the teacher solves what its prompt shows, once with a slip."""
    problems = write_stories(tmp_path / "problems.jsonl", 12)
    stories = {s.question: s for s in itertools.islice(world.stories("run-test"), 12)}
    slips = Counter[str]()

    def student(body: dict[str, Any]) -> list[str]:
        async def ask() -> list[str]:
            from pipeline.types import SamplingParams

            params = SamplingParams(temperature=body["temperature"], max_tokens=96, seed=body["seed"])
            async with StudentSettings(model=str(student_dir)).create() as engine:
                messages = [Message(**m) for m in body["messages"]]
                return [t.text for t in await engine.complete(messages, n=body.get("n", 1), params=params)]

        return asyncio.run(ask())

    def teacher(body: dict[str, Any]) -> list[str]:
        asked = body["messages"][-1]["content"]
        question = next(q for q in stories if q in asked)
        slips[question] += 1
        solution = world.solve(stories[question])
        if slips[question] == 1:
            solution = solution.rsplit("#### ", 1)[0] + "#### 9999"
        return [f"The student forgot a step.\n<solution>\n{solution}\n</solution>"]

    student_server, teacher_server = serve(student), serve(teacher)
    summary = run(
        tmp_path,
        problems={"path": str(problems)},
        student={"engine": "endpoint", "base_url": student_server.url, "model": "student", "max_concurrency": 2},
        sample={"n": 2, "params": {"max_tokens": 96}},
        teachers={
            "solver": {
                "engine": "endpoint",
                "base_url": teacher_server.url,
                "model": "solver",
                "input_price": 1.0,
                "output_price": 2.0,
            }
        },
        correct={"rungs": [{"rung": "gold_guided", "teacher": "solver", "samples": 2}]},
    )
    assert summary.attempts == 24
    assert summary.mistakes > 0
    assert summary.kept == summary.mistakes - sum(summary.dropped.values()) > 0
    assert len(student_server.bodies) == 24
    wanted = {p["prompt"][-1]["content"] for p in read_dataset(tmp_path / "runs" / "test")}
    assert len(teacher_server.bodies) == 2 * len(wanted), (
        "a slip and a right answer each, however many mistakes share them"
    )
    for row in read_dataset(tmp_path / "runs" / "test"):
        assert row["chosen"][0]["content"] == world.solve(stories[row["prompt"][-1]["content"]])
        assert (row["rung"], row["teacher"], row["gold_visible"]) == ("gold_guided", "solver", True)
        assert row["rejected_answer"] != row["answer"]
    tries = pipeline.load_run(tmp_path / "runs" / "test").corrections
    assert set(tries.verdict) == {"wrong", "correct"}, "the refused tries are kept, too"
    assert summary.usage["solver"].cost == pytest.approx(summary.usage["solver"].completions * (11 + 2 * 7) / 1e6)

    asked = len(student_server.bodies), len(teacher_server.bodies)
    again = run(tmp_path, **json.loads((tmp_path / "config.yaml").read_text()))
    assert (len(student_server.bodies), len(teacher_server.bodies)) == asked, "nothing is asked twice"
    assert (again.kept, again.mistakes) == (summary.kept, summary.mistakes)


def interrupt_after(count: int) -> Progress:
    """A progress callback that stops the run, as Ctrl-C does, at the given number of finished problems."""

    class Interrupt(Progress):
        pressed = False

        def __call__(self, stage: str, done: int, total: int) -> None:
            if done >= count and not self.pressed:
                self.pressed = True
                raise KeyboardInterrupt

    return Interrupt()


def test_an_interrupted_run_ends_with_the_same_data_set(tmp_path: Path, student_dir: Path) -> None:
    problems = write_stories(tmp_path / "problems.jsonl", 24)
    sections = {
        "problems": {"path": str(problems), "rationale": "solution"},
        "student": {"engine": "transformers", "model": str(student_dir), "group_size": 8},
        "sample": {"n": 2, "params": {"max_tokens": 96}},
        "correct": {"rungs": ["own_correct", "reference"]},
    }
    (tmp_path / "whole").mkdir()
    run(tmp_path / "whole", **sections)
    (tmp_path / "broken").mkdir()
    file = tmp_path / "broken" / "config.yaml"
    file.write_text(json.dumps({"name": "test", "runs_dir": str(tmp_path / "broken" / "runs"), **sections}))
    for count in (8, 16):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(build(load_settings(file), interrupt_after(count)))
        with (tmp_path / "broken" / "runs" / "test" / "attempts.jsonl").open("ab") as journal:
            journal.write(b'{"id":"torn')
    asyncio.run(build(load_settings(file)))
    whole, broken = tmp_path / "whole" / "runs" / "test", tmp_path / "broken" / "runs" / "test"
    assert read_dataset(whole) == read_dataset(broken)
    assert len(read_dataset(whole)) > 0
    for shard in (whole / "dataset").glob("*.parquet"):
        assert shard.read_bytes() == (broken / "dataset" / shard.name).read_bytes()


def scripted(function: str) -> dict[str, str]:
    return {"engine": "scripted", "function": function}


def test_a_failed_request_is_recorded_and_asked_again_by_the_next_run(tmp_path: Path) -> None:
    problems = write_rows(
        tmp_path / "p.jsonl", [{"question": f"q{i}", "answer": str(i), "rationale": f"#### {i}"} for i in range(3)]
    )
    answers = [{"question": "q0", "answer": "#### 0"}, {"question": "q1", "answer": "#### 7"}]
    recorded = write_rows(tmp_path / "answers.jsonl", answers)
    sections = {
        "problems": {"path": str(problems), "rationale": "rationale"},
        "student": {"engine": "recorded", "path": str(recorded)},
        "sample": {"n": 1},
    }
    summary = run(tmp_path, **sections)
    assert (summary.correct, summary.wrong, summary.failed, summary.kept) == (1, 1, 1, 1)
    told = json.loads((tmp_path / "runs" / "test" / "unknown.jsonl").read_text())
    assert "no recorded answer" in told["reason"]
    write_rows(recorded, [*answers, {"question": "q2", "answer": "#### 3"}])
    summary = run(tmp_path, **sections)
    assert (summary.failed, summary.wrong, summary.kept) == (0, 2, 2)


def test_a_truncated_answer_is_neither_chosen_nor_rejected(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"question": "q", "answer": "1", "rationale": "#### 1"}])
    answers = [
        {"question": "q", "answer": "#### 1", "finish": "length"},
        {"question": "q", "answer": "#### 2", "finish": "length"},
    ]
    recorded = write_rows(tmp_path / "answers.jsonl", answers)
    summary = run(
        tmp_path,
        problems={"path": str(problems), "rationale": "rationale"},
        student={"engine": "recorded", "path": str(recorded), "finish_reason": "finish"},
        sample={"n": 2},
    )
    assert (summary.unknown, summary.truncated, summary.mistakes, summary.kept) == (2, 2, 0, 0)


def test_an_unusable_teacher_ends_the_run_and_keeps_what_was_sampled(tmp_path: Path, serve) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"question": f"q{i}", "answer": "1"} for i in range(4)])
    server = serve(lambda body: (401, {"error": {"message": "no"}}))
    with pytest.raises(EngineUnusable, match="teacher-x"):
        run(
            tmp_path,
            problems={"path": str(problems)},
            student={"engine": "scripted", "replies": ["#### 2"]},
            sample={"n": 1},
            teachers={"teacher-x": {"engine": "endpoint", "base_url": server.url, "model": "m"}},
            correct={"rungs": [{"rung": "gold_guided", "teacher": "teacher-x"}]},
        )
    assert len((tmp_path / "runs" / "test" / "attempts.jsonl").read_text().splitlines()) >= 1


def test_check_gold_names_the_row_whose_gold_the_checker_cannot_read(tmp_path: Path) -> None:
    rows = [{"question": "q1", "answer": "5"}, {"question": "q2", "answer": "about five or six"}]
    problems = write_rows(tmp_path / "p.jsonl", rows)
    file = tmp_path / "config.yaml"
    student = {"engine": "scripted", "replies": ["x"]}
    file.write_text(json.dumps({"name": "test", "problems": {"path": str(problems)}, "student": student}))
    with pytest.raises(DataError, match=r"p\.jsonl:2: field 'answer'.*about five or six"):
        check_gold(load_settings(file))


def test_check_gold_does_not_depend_on_the_marks_that_a_checker_looks_for(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"question": "q", "answer": "5"}])
    file = tmp_path / "config.yaml"
    checker = {"checker": "numeric", "markers": ["^Result: (.+)$"], "boxed": False}
    sections = {
        "problems": {"path": str(problems)},
        "student": {"engine": "scripted", "replies": ["x"]},
        "checker": checker,
    }
    file.write_text(json.dumps({"name": "test", **sections}))
    assert check_gold(load_settings(file)) == ["1 problems, every gold answer is read by the checker"]


def test_load_run_leaves_out_what_other_settings_made(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"question": "q", "answer": "1", "rationale": "#### 1"}])
    sections = {
        "problems": {"path": str(problems), "rationale": "rationale"},
        "student": {"engine": "scripted", "replies": ["#### 2", "#### 3"]},
    }
    run(tmp_path, **sections, sample={"n": 1})
    run(tmp_path, **sections, sample={"n": 2, "params": {"temperature": 0.5}})
    folder = tmp_path / "runs" / "test"
    assert len(pipeline.load_run(folder).attempts) == 2
    assert len(pipeline.load_run(folder, stale=True).attempts) == 3
    frame = pipeline.load_run(folder).pairs
    assert list(frame.query("kept").rejected) == ["#### 2", "#### 3"]


def test_a_student_that_answers_nothing_is_an_error_that_can_be_resumed(tmp_path: Path, serve) -> None:
    problems = write_rows(tmp_path / "p.jsonl", [{"question": f"q{i}", "answer": "1"} for i in range(3)])
    server = serve(lambda body: (400, {"error": {"message": "maximum context length is 4 tokens"}}))
    student = {"engine": "endpoint", "base_url": server.url, "model": "m"}
    with pytest.raises(StoppedEarly, match=r"all 6 requests failed, the first: .*maximum context length"):
        run(tmp_path, problems={"path": str(problems)}, student=student, sample={"n": 2})
    assert json.loads((tmp_path / "runs" / "test" / "summary.json").read_text())["failed"] == 6
