"""Which code of a text is its answer, and what tests ask for."""

from __future__ import annotations

import pytest

from pipeline.sandbox.source import Found, find_code, runs_nothing, unusual_tests, wanted_names

ADD = "def add(a, b):\n    return a + b\n"
WANTED = {"add"}


def block(code: str, mark: str = "python") -> str:
    return f"```{mark}\n{code}```\n"


@pytest.mark.parametrize("mark", ["python", "py", "Python", ""])
def test_the_code_of_a_block_is_found(mark: str) -> None:
    assert find_code(f"Here it is:\n\n{block(ADD, mark)}\nDone.", WANTED) == Found(ADD)


def test_a_block_in_a_list_is_unindented() -> None:
    text = "1. So:\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n"
    assert find_code(text, WANTED) == Found(ADD)


def test_a_text_that_is_code_needs_no_block() -> None:
    assert find_code(ADD, WANTED) == Found(ADD)


@pytest.mark.parametrize("text", ["No", "42", "The answer is 5.", "", block("3 5", "text"), block("g++ a.cpp", "bash")])
def test_prose_and_other_languages_are_no_code(text: str) -> None:
    assert find_code(text, WANTED) == "no block of Python code found"


@pytest.mark.parametrize(
    "behind", [block("print(add(1, 2))\n"), block("3", ""), block(">>> add(1, 2)\n3\n"), block("what now?", "")]
)
def test_an_example_or_its_output_behind_the_answer_does_not_count(behind: str) -> None:
    found = find_code(block(ADD) + behind, WANTED)
    assert isinstance(found, Found)
    assert found.code == ADD


def test_of_two_versions_the_last_counts() -> None:
    better = "def add(*numbers):\n    return sum(numbers)\n"
    assert find_code(block(ADD) + block(better), WANTED) == Found(better, alone=False)


def test_a_broken_block_is_the_answer_only_where_it_is_alone() -> None:
    broken = "def add(a, b)\n    return a + b\n"
    assert find_code(block(broken), WANTED) == Found(broken)
    assert find_code(block(ADD) + block(broken), WANTED) == "one of 2 blocks of code cannot be read as Python"


def test_a_block_that_was_cut_off_is_unclear_unless_only_its_end_is_missing() -> None:
    assert find_code("```python\ndef add(a,", WANTED) == "a block of code has no end"
    assert find_code(f"```python\n{ADD}", WANTED) == Found(ADD)


@pytest.mark.parametrize("hostile", ["(" * 50_000, "-" * 50_000 + "1", "x" * 200_000, "a\0b", "1" * 5000])
def test_no_text_harms_the_one_who_reads_it(hostile: str) -> None:
    find_code(hostile, WANTED)
    find_code(block(hostile + "\n"), WANTED)
    find_code("```python\n" * 5000, WANTED)


def test_the_names_that_tests_want_are_those_they_do_not_make() -> None:
    tests = [
        "import math\nfrom solution import add\ndef close(x):\n    return math.isclose(x, 1)",
        "assert close(sub(3, 2))",
    ]
    assert wanted_names(tests) == {"add", "sub"}
    assert wanted_names(["import solution\nassert solution.mul(1, 2)"]) == {"mul"}
    assert wanted_names(["def check(candidate):\n    assert candidate(1)"], "inc") == {"inc"}


@pytest.mark.parametrize("test", ["def check(f):\n    assert f(1)", "import math\nX = 1", "'a note'", ""])
def test_tests_that_test_nothing_are_recognised(test: str) -> None:
    assert runs_nothing([test])
    assert not runs_nothing([test, "assert add(1, 2) == 3"])


def test_functions_that_only_pytest_can_call_are_recognised() -> None:
    test = "def test_a(tmp_path): ...\nasync def test_b(): ...\ndef test_c(x=1): ...\ndef helper(x): ..."
    assert unusual_tests([test]) == ["test_a", "test_b"]
