"""The rules of the house, kept by tools."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.components import AnyChecker  # noqa: F401 - the unions are made on import
from pipeline.settings import available, load_component

ROOT = Path(__file__).parent.parent
PACKAGES = ("errata", "pipeline", "trainer")
KINDS = {
    **{"engines": "engine", "checkers": "checker", "rungs": "rung", "cleanups": "cleanup", "exports": "to"},
    **{"filters": "filter", "shortcuts.features": "feature", "shortcuts.strips": "strip"},
}


def test_the_import_rules_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter, "--config", ROOT / "pyproject.toml"], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in available(kind)])
def test_a_components_file_name_is_its_name_in_configurations(kind: str, name: str) -> None:
    settings = load_component(kind, name).Settings
    assert settings.model_fields[KINDS[kind]].default == name


def test_every_setting_has_its_meaning_beside_it() -> None:
    from errata.config import ErrataSettings, SftSettings, TrainSettings
    from pipeline.config import (
        CorrectSettings,
        ExportSettings,
        FormatSettings,
        PairSettings,
        ReviseSettings,
        SampleSettings,
    )
    from pipeline.measures.settings import EvaluateSettings, SecondTurnSettings, SetSettings
    from pipeline.problems import ProblemSettings
    from pipeline.select.settings import DecontaminateSettings, EvaluationFile, SelectSettings
    from pipeline.shortcuts.settings import AuditSettings, CleanSettings

    components = [load_component(kind, name).Settings for kind in KINDS for name in available(kind)]
    sections = [
        AuditSettings,
        CleanSettings,
        ErrataSettings,
        TrainSettings,
        SftSettings,
        EvaluateSettings,
        SetSettings,
        SecondTurnSettings,
        ExportSettings,
        PairSettings,
        SampleSettings,
        ProblemSettings,
        CorrectSettings,
        FormatSettings,
        ReviseSettings,
        SelectSettings,
        EvaluationFile,
        DecontaminateSettings,
    ]
    tags = set(KINDS.values())
    for model in (*sections, *components):
        bare = [name for name, field in model.model_fields.items() if not field.description and name not in tags]
        assert not bare, f"{model.__module__}.{model.__name__}: {bare}"


def test_files_stay_small_and_nothing_is_called_utils() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert path.stem not in ("utils", "helpers", "misc"), path
            assert len(path.read_text().splitlines()) <= 400, path


def test_the_core_of_the_trainer_needs_torch_transformers_and_numpy_alone() -> None:
    always = {"torch", "transformers", "accelerate", "numpy", "trainer", *sys.stdlib_module_names}
    on_demand = always | {"peft", "datasets"}
    for path in (ROOT / "trainer").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert imported_by(tree.body) <= always, path
        assert imported_by(ast.walk(tree)) <= on_demand, path


def imported_by(nodes: Iterable[ast.AST]) -> set[str]:
    """Top names of what these statements import."""
    nodes = list(nodes)
    names = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


ABSENT = ("datasets", "pydantic", "openai", "peft", "trl", "pandas", "pyarrow", "rich", "scipy", "sklearn", "jinja2")


def test_the_trainer_imports_where_the_other_dependencies_are_missing() -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); from trainer import DPOTrainer; print(DPOTrainer)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "DPOTrainer" in shown.stdout, shown.stderr


@pytest.mark.slow
def test_the_trainers_core_tests_pass_without_the_other_dependencies() -> None:
    files = [f"tests/trainer/test_{name}.py" for name in ("trie", "packing", "layouts", "logprobs", "reference")]
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); import pytest; sys.exit(pytest.main({files}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert shown.returncode == 0, shown.stdout[-3000:]


@pytest.mark.slow
def test_an_installed_wheel_has_the_prompts_and_the_student(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        archive.extractall(tmp_path / "site")
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    code = "import pipeline.prompts as p; print(p.__file__, sorted(p.Prompts().paths)); p.Prompts().load('gold_guided')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
    ).stdout
    assert str(tmp_path / "site") in shown
    assert "gold_guided" in shown
    for part in ("student/model.safetensors", "teacher/model.safetensors", "prompts/revise.jinja"):
        assert (tmp_path / "site" / "errata" / "demo" / part).is_file(), part
