"""A checker by import path."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.checkers.custom import Settings
from pipeline.errors import ConfigError
from pipeline.types import Grade, Problem

MODULE = """
from pipeline.types import Grade

def plain(problem, text):
    return {"right": True, "wrong": False}.get(text)

async def slow(problem, text):
    return Grade(verdict="correct", extracted=text, reason="because", score=0.5)

def broken(problem, text):
    return 1 / 0

def odd(problem, text):
    return "yes"

def half(problem, text):
    raise ValueError("\\ud800")

def halves(problem, text):
    return Grade(verdict="correct", extracted="\\ud800", reason="because")

number = 7
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch) -> str:
    (tmp_path / "my_checker.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "my_checker"


def grade(function: str, text: str) -> Grade:
    return asyncio.run(Settings(function=function).create().check(Problem(id="p", question="q", answer="a"), text))


def test_true_false_and_none_are_the_three_verdicts(module: str) -> None:
    verdicts = [grade(f"{module}:plain", text).verdict for text in ("right", "wrong", "other")]
    assert verdicts == ["correct", "wrong", "unknown"]


def test_a_grade_is_taken_as_it_is_and_the_function_may_be_async(module: str) -> None:
    assert grade(f"{module}:slow", "x") == Grade(verdict="correct", extracted="x", reason="because", score=0.5)


def test_what_the_function_raises_or_returns_by_mistake_is_the_reason_of_an_unknown(module: str) -> None:
    broken, odd = grade(f"{module}:broken", "x"), grade(f"{module}:odd", "x")
    assert (broken.verdict, odd.verdict) == ("unknown", "unknown")
    assert "ZeroDivisionError" in broken.reason
    assert "no Grade" in odd.reason


def test_a_function_that_is_not_there_is_told() -> None:
    for path in ("no_such:thing", ".no:thing", ":thing", "json:thing", "json"):
        with pytest.raises(ConfigError, match=f"cannot import '{path}'"):
            Settings(function=path).create()


def test_a_module_that_fails_and_a_number_are_no_functions(module: str, tmp_path: Path) -> None:
    (tmp_path / "my_broken_checker.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        Settings(function="my_broken_checker:thing").create()
    with pytest.raises(ConfigError, match="is no function but a int"):
        Settings(function=f"{module}:number").create()


@pytest.mark.parametrize("function", ["half", "halves"])
def test_a_grade_can_be_written_down_whatever_the_function_makes_of_the_text(module: str, function: str) -> None:
    made = grade(f"{module}:{function}", "x")
    assert made.verdict == "unknown"
    assert made.model_dump_json()
