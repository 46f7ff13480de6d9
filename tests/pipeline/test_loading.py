"""Settings: which source wins, and what a mistake in them says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.loading import load_settings, parse_overrides

GOOD = """\
name: test
problems: {path: problems.jsonl}
student:
  engine: endpoint
  base_url: http://127.0.0.1:1/v1
  model: from-file
sample:
  n: 2
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "c.yaml").write_text(text)
    return tmp_path / "c.yaml"


def test_options_win_over_variables_and_variables_over_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = write(tmp_path, GOOD)
    assert load_settings(path).student.model == "from-file"
    monkeypatch.setenv("ERRATA_STUDENT__MODEL", "from-variable")
    assert load_settings(path).student.model == "from-variable"
    assert load_settings(path, {"student": {"model": "from-option"}}).student.model == "from-option"


def test_an_override_deep_inside_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    settings = load_settings(path, parse_overrides(["--sample.params.temperature", "0.5"]))
    assert (settings.sample.n, settings.sample.params.temperature, settings.sample.params.seed) == (2, 0.5, 0)
    assert settings.student.base_url == "http://127.0.0.1:1/v1"


def test_a_bare_name_stands_for_a_component_with_its_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD + "checker: math\ncorrect: {rungs: [reference, own_correct]}\n"))
    assert settings.checker.limit == 10.0
    assert [rung.rung for rung in settings.rungs] == ["reference", "own_correct"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("  n: 2", "  n: two"), ["c.yaml:8: sample.n", "integer"]),
        (
            GOOD.replace("  n: 2", "  nn: 2"),
            ["c.yaml:8: sample.nn", "unknown key 'nn'", "available: n, params, prompt"],
        ),
        (GOOD.replace("sample:", "smaple:"), ["c.yaml:8: smaple", "did you mean 'sample'"]),
        (GOOD.replace("engine: endpoint", "engine: vlm"), ["student", "unknown engine 'vlm'", "endpoint, pool"]),
        (GOOD.replace("  model:", "  modl:"), ["c.yaml:6: student.modl", "did you mean 'model'"]),
        (GOOD.replace("name: test", "name: ../up"), ["c.yaml:1: name"]),
        (GOOD.replace("name: test\n", ""), ["name: is required"]),
        ("- a list", ["must be a mapping"]),
        ("a: [1", ["not valid YAML", "line 1"]),
        ("", ["is required"]),
    ],
)
def test_a_mistake_names_file_line_key_and_fix(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    for part in told:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch MARK']",
        "!!python/name:os.system",
        "2024-13-45",
        "9" * 10_000,
        "[" * 20_000,
        "!!binary x",
    ],
)
def test_yaml_that_is_no_plain_value_is_an_error_and_runs_nothing(tmp_path: Path, value: str) -> None:
    mark = tmp_path / "owned"
    with pytest.raises(ConfigError):
        load_settings(write(tmp_path, f"{GOOD}extra: {value.replace('MARK', str(mark))}\n"))
    with pytest.raises(ConfigError):
        load_settings(write(tmp_path, GOOD), parse_overrides(["--extra", value.replace("MARK", str(mark))]))
    assert not mark.exists()


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("  n: 2", "  n: 0") + "concurrency: 0\nchecker: {checker: numeric, tolerance: x}\n"
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("arguments", [["--student.model"], ["stray"], ["--a", "1", "--a.b", "2"], ["--a", "[1"]])
def test_options_that_cannot_be_read_are_named(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"option|argument"):
        parse_overrides(arguments)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(\.[a-z]{6,8}){0,2}", fullmatch=True), st.integers() | st.booleans()))
def test_options_become_nested_settings(options: dict[str, Any]) -> None:
    assume(not any(other.startswith(f"{key}.") for key in options for other in options))
    nested = parse_overrides([word for key, value in options.items() for word in (f"--{key}", json.dumps(value))])
    for key, value in options.items():
        inner: Any = nested
        for part in key.split("."):
            inner = inner[part]
        assert inner == value
