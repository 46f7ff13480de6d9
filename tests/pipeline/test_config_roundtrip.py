"""The settings that a run writes down are those that it had."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from errata.config import ErrataSettings
from pipeline.config import RunSettings
from pipeline.errors import ConfigError
from pipeline.loading import load_settings
from pipeline.run import dump_settings
from pipeline.types import Problem


def test_the_written_settings_of_a_run_with_the_default_ladder_pass_the_same_checks(
    tmp_path: Path, student_dir: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    own = tmp_path / "own.yaml"
    told = {"name": "r", "problems": {"path": str(tmp_path / "rows.jsonl")}}
    own.write_text(f"{told | {'student': {'engine': 'transformers', 'model': str(student_dir)}}}")
    settings = load_settings(own)
    settings.check()
    written = tmp_path / "config.yaml"
    written.write_text(dump_settings(settings))
    again = load_settings(written)
    again.check()
    assert again == settings


def write_run(tmp_path: Path, more: str = "", replies: str = "[x]") -> Path:
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    file = tmp_path / "own.yaml"
    student = f"{{engine: scripted, replies: {replies}}}"
    file.write_text(f"name: r\nproblems: {{path: {tmp_path / 'rows.jsonl'}}}\nstudent: {student}\n{more}")
    return file


def write_again(tmp_path: Path, settings: RunSettings) -> RunSettings:
    written = tmp_path / "config.yaml"
    written.write_text(dump_settings(settings))
    return load_settings(written)


def test_the_rung_continue_fix_can_be_written_down(tmp_path: Path) -> None:
    settings = load_settings(write_run(tmp_path, "correct: {rungs: [{rung: continue_fix, locate: [recompute]}]}\n"))
    assert write_again(tmp_path, settings) == settings


@pytest.mark.parametrize("tolerance", ["", ", tolerance: 1.0e-6"])
def test_a_tolerance_is_written_down_where_it_is_set_and_only_there(tmp_path: Path, tolerance: str) -> None:
    settings = load_settings(write_run(tmp_path, f"checker: {{checker: numeric{tolerance}}}\n"))
    again = write_again(tmp_path, settings)
    problem = Problem(id="p", question="q", answer="2880000")
    grades = [asyncio.run(one.checker.create().check(problem, "#### 2880001")) for one in (settings, again)]
    assert {grade.verdict for grade in grades} == {"correct" if tolerance else "wrong"}


def test_an_emoji_may_stand_there_as_json_writes_it(tmp_path: Path) -> None:
    settings = load_settings(write_run(tmp_path, replies='["\\ud83c\\udf4e 7"]'))
    assert settings.student.replies == ("🍎 7",)
    settings.check()
    assert write_again(tmp_path, settings) == settings


def test_half_a_character_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"student\.replies\.0: is not valid Unicode text"):
        load_settings(write_run(tmp_path, replies='["\\ud83c"]'))


@pytest.mark.parametrize("value", ["&a {x: *a}", "&a [*a]"])
def test_an_alias_that_holds_itself_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="do aliases stand for themselves"):
        load_settings(write_run(tmp_path, f"train: {{arguments: {value}}}\n"), cls=ErrataSettings)


def test_aliases_that_mean_a_billion_values_are_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="holds more than settings do"):
        load_settings(write_run(tmp_path, f"train: {{arguments: {{{', '.join(rows)}}}}}\n"), cls=ErrataSettings)
