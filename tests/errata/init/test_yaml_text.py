"""What is written can be read, whatever was decided; so can every alternative that it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errata.config import ErrataSettings, load
from errata.init.models import PRESETS, make_endpoint, make_student, make_teacher
from errata.init.plan import Plan
from errata.init.yaml_text import align, alternatives, flow, render
from pipeline.components import AnyChecker
from pipeline.errors import ConfigError
from pipeline.problems import ProblemSettings

ROOT = Path(__file__).parents[3]
STUDENT = str(ROOT / "errata" / "demo" / "student")
URL = "http://127.0.0.1:8000/v1"
TEACHERS = ["none", "reference", *PRESETS, f"mine=m@{URL}", f"no=m@{URL}", f"null=m@{URL}"]
JUDGE = {"checker": "judge", "engine": {"engine": "endpoint", "base_url": URL, "model": "m"}}
CHECKERS: list[Any] = [
    *({"checker": name} for name in ("numeric", "math", "exact")),
    {"checker": "choice", "options": "a, [b]: #c"},
    {"checker": "choice", "options": None},
    {"checker": "code", "tests": "tests", "entry_point": "entry", "prelude": "question"},
    JUDGE,
    {"checker": "chain", "first": "math", "second": JUDGE},
]
PROBLEMS: list[dict[str, Any]] = [
    {"question": "question", "answer": "answer", "answer_pattern": "#### (.+)", "rationale": "answer"},
    {"question": "a: b", "answer": "yes", "rationale": "#1", "id": "null"},
    {
        "question": "题目, [x]",
        "answer": "- a",
        "on_bad_row": "skip",
        "answer_pattern": "\\\\boxed\\{(.*)\\} # 'x' \"y\"",
    },
    {"question": "two\nlines", "answer": "{a}", "id": "1.5"},
]


def make_plan(folder: Path, problems: dict[str, Any], teacher: str, student: str, checker: Any, **more: Any) -> Plan:
    from pydantic import TypeAdapter

    for name in ("d, [a] #b.jsonl", "h.jsonl"):
        (folder / name).write_text("")
    source = ProblemSettings(path=str(folder / "d, [a] #b.jsonl"), **problems)
    held_out = ProblemSettings(path=str(folder / "h.jsonl"), **problems) if more.pop("held_out", True) else None
    model, _, engine = student.partition(" ")
    return Plan(
        name="run",
        problems=source,
        checker=TypeAdapter(AnyChecker).validate_python(checker),
        student=make_student(model, engine or None),
        teachers={} if teacher in ("none", "reference") else dict([make_teacher(teacher)]),
        reference=teacher == "reference" and source.rationale is not None,
        held_out=held_out,
        **more,
    )


def check(folder: Path, text: str) -> ErrataSettings:
    """The settings, read and checked, but for the look whether vLLM is installed here."""
    file = folder / "run.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load(file, [])
    if loaded.student.engine == "vllm":
        loaded.model_copy(update={"student": make_student(STUDENT, "transformers")}).check()
    else:
        loaded.check()
    return loaded


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in PRESETS.values():
        monkeypatch.setenv(preset["api_key_env"], "x")
    monkeypatch.setenv("STUDENT_API_KEY", "x")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(PROBLEMS),
    st.sampled_from(TEACHERS),
    st.sampled_from([f"{STUDENT} transformers", f"m@{URL}", f"{STUDENT} vllm"]),
    st.sampled_from(CHECKERS),
    st.booleans(),
)
def test_every_combination_is_read_back_as_it_was_decided(
    tmp_path_factory: pytest.TempPathFactory,
    keys: None,
    problems: Any,
    teacher: str,
    student: str,
    checker: Any,
    both: bool,
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    more: dict[str, Any] = {"held_out": both, "prompts": folder if both else None, "max_tokens": 99 if both else 1024}
    more |= {"train_model": "Qwen/Qwen3-1.7B"} if both and "@" in student else {}
    more |= {"cleanups": ("calculator_notes",)} if both else {}
    plan = make_plan(folder, problems, teacher, student, checker, **more)
    read = check(folder, render(plan))
    assert read.problems == plan.problems
    assert (read.student, read.teachers, read.checker) == (plan.student, plan.teachers, plan.checker)
    assert (read.evaluate is None) == (plan.held_out is None)
    assert read.sample.params.max_tokens == plan.max_tokens
    rungs = [rung.name for rung in read.rungs]
    assert rungs == ["own_correct", *(["revise", "gold_guided"] if plan.teachers else ["reference"] * plan.reference)]
    assert read.train.learning_rate == plan.learning_rate


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        ("none", f"{STUDENT} transformers"),
        ("reference", f"m@{URL}"),
        ("deepseek", "Qwen/Qwen3-1.7B vllm"),
        (f"mine=m@{URL}", f"{STUDENT} transformers"),
    ],
)
def test_every_alternative_can_take_the_place_of_what_stands_there(
    tmp_path: Path, keys: None, teacher: str, student: str
) -> None:
    text = render(make_plan(tmp_path, PROBLEMS[0], teacher, student, {"checker": "numeric"}))
    changed = alternatives(text)
    assert len(changed) >= 15
    for other in changed:
        read = check(tmp_path, other)
        assert read.name == "run"
        assert yaml.safe_load(other) != yaml.safe_load(text), "it changes something"


@pytest.mark.parametrize("teacher", ["none", "deepseek"])
def test_every_section_says_what_it_is_in_the_order_of_the_readme(
    tmp_path: Path, keys: None, teacher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_plan(Path(), PROBLEMS[0], teacher, "Qwen/Qwen3-1.7B transformers", {"checker": "math"})
    lines = render(plan).splitlines()
    sections = [
        i for i, line in enumerate(lines) if re.match(r"[a-z]+:", line) and not line.startswith(("name", "budget"))
    ]
    for i in sections:
        assert lines[i - 1].startswith("# "), lines[i]
    order = [lines[i].partition(":")[0] for i in sections]
    readme = re.search(r"```yaml\n(name: my-run.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert readme is not None
    shown = [key for key in yaml.safe_load(readme[1]) if key in order]
    assert [key for key in order if key in shown] == shown
    assert max(map(len, lines)) <= 130


def test_prices_bring_a_limit_and_keys_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "a-secret")
    text = render(
        make_plan(tmp_path, PROBLEMS[0], "deepseek", f"{STUDENT} transformers", {"checker": "math"}, max_cost=20.0)
    )
    assert "\nbudget: {max_cost: 20}" in text
    assert "a-secret" not in text
    assert check(tmp_path, text).budget.max_cost == 20


def test_a_served_student_is_asked_behind_the_policy_too(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, PROBLEMS[0], "none", f"m@{URL}", {"checker": "math"}, train_model=STUDENT)
    read = check(tmp_path, render(plan))
    assert read.train.model == STUDENT
    assert read.evaluate is not None
    assert read.evaluate.after.model == "runs/run/policy"


@given(st.text() | st.lists(st.text()) | st.dictionaries(st.text(min_size=1), st.text() | st.floats(allow_nan=False)))
def test_any_value_survives_a_line_of_yaml(value: object) -> None:
    printable = re.sub(r"[\ud800-\udfff]", "", str(value)) == str(value)
    if printable:
        assert "\n" not in flow(value)
        assert yaml.safe_load(f"key: {flow(value)}") == {"key": value}


def test_comments_of_a_paragraph_stand_in_one_column() -> None:
    text = align(f"a: 1  #~ x\nlonger: 1\nbbb: 1  #~ y\n{'c' * 90}: 1  #~ z\n\nd: 1  #~ w\n")
    assert text == f"a: 1    # x\nlonger: 1\nbbb: 1  # y\n{'c' * 90}: 1  # z\n\nd: 1  # w\n"


def test_an_endpoint_that_is_none_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="base_url: must be an address"):
        make_endpoint({"base_url": "ftp://x", "model": "m"})
