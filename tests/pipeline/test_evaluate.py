"""Numbers of an evaluation, and the guarantee that held-out problems are held out."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path

import pytest

from errata.demo import world
from pipeline.errors import ConfigError, DataError
from pipeline.evaluate import Answered, compare, evaluate, measure
from pipeline.loading import load_settings
from pipeline.types import Grade, Problem


def make_answers(verdicts: str, samples: str = "") -> list[Answered]:
    """One answer a letter: c correct, w wrong, u unknown; the same samples for each."""
    names = {"c": "correct", "w": "wrong", "u": "unknown"}

    def grade(letter: str) -> Grade:
        return Grade(verdict=names[letter], extracted="1", reason="")  # type: ignore[arg-type]

    return [
        Answered(Problem(id=str(i), question=f"q{i}", answer="1"), "text", grade(v), tuple(map(grade, samples)))
        for i, v in enumerate(verdicts)
    ]


def test_unknown_answers_do_not_count_as_correct_and_the_interval_is_wilsons() -> None:
    told = measure(make_answers("c" * 8 + "w" + "u", samples="cw"))
    assert (told.accuracy, told.correct, told.wrong, told.unknown) == (0.8, 8, 1, 1)
    assert told.interval == (0.4902, 0.9433)  # Wilson 1927: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    assert told.sampled_accuracy == 0.5


def test_flips_are_counted_each_way_and_tested_exactly() -> None:
    before, after = make_answers("w" * 9 + "c" + "c" * 10), make_answers("c" * 9 + "w" + "c" * 10)
    told = compare(before, after)
    assert (told.fixed, told.broken, told.gain) == (9, 1, 0.4)
    assert told.p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert "better" in told.conclusion
    assert len(told.examples["fixed"]) == 5


def test_no_flip_is_no_significant_change() -> None:
    told = compare(make_answers("cw"), make_answers("cw"))
    assert (told.p_value, told.gain) == (1.0, 0.0)
    assert "No significant change" in told.conclusion


def write_config(tmp_path: Path, student_dir: Path, shared: int) -> Path:
    stories = list(itertools.islice(world.stories("evaluate-test"), 20))
    for name, part in (("train", stories[:10]), ("test", stories[10 - shared :])):
        rows = [{"question": s.question, "answer": world.answer_of(world.solve(s))} for s in part]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "train.jsonl")},
        "student": {"engine": "transformers", "model": str(student_dir)},
        "evaluate": {"problems": {"path": str(tmp_path / "test.jsonl")}, "samples": 2, "params": {"max_tokens": 96}},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    return tmp_path / "config.yaml"


def test_the_same_model_before_and_after_shows_no_change(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    told = asyncio.run(evaluate(settings, str(student_dir)))
    assert told.n == 10
    assert told.before == told.after
    assert told.fixed == told.broken == 0
    assert json.loads((tmp_path / "runs" / "test" / "evaluation.json").read_text())["n"] == 10


def test_a_held_out_problem_that_was_trained_on_is_refused(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=2))
    with pytest.raises(DataError, match="2 held-out problems are training problems"):
        asyncio.run(evaluate(settings, str(student_dir)))


def test_a_missing_policy_is_named(tmp_path: Path, student_dir: Path) -> None:
    settings = load_settings(write_config(tmp_path, student_dir, shared=0))
    with pytest.raises(ConfigError, match="nowhere"):
        asyncio.run(evaluate(settings, str(tmp_path / "nowhere")))
