"""Hostile inputs: all that were ever found or are worth keeping, and a few fresh ones for every target."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.target import Target, try_input
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(CORPUS.glob("*/*.json"))
FAST = [target for target in TARGETS.values() if not target.sandboxed]
SANDBOXED = [target for target in TARGETS.values() if target.sandboxed]
needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def read(file: Path) -> tuple[Target, Any]:
    return TARGETS[file.parent.name], json.loads(file.read_text(encoding="utf-8"))["input"]


@pytest.mark.parametrize("target", FAST, ids=lambda target: target.name)
def test_every_kept_input_has_an_answer(target: Target) -> None:
    files = [file for file in KEPT if file.parent.name == target.name]
    assert files, "each target keeps some"
    for file in files:
        try:
            try_input(*read(file))
        except Exception as error:
            raise AssertionError(f"{file}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("target", FAST, ids=lambda target: target.name)
def test_a_few_fresh_inputs_have_an_answer(target: Target) -> None:
    @settings(
        max_examples=target.examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def search(value: Any) -> None:
        try_input(target, value)

    search()


@pytest.mark.slow
@needs_bwrap
@pytest.mark.parametrize("target", SANDBOXED, ids=lambda target: target.name)
def test_hostile_code_has_a_verdict(target: Target) -> None:
    for file in KEPT:
        if file.parent.name == target.name:
            try_input(*read(file))


def test_the_corpus_is_small_and_every_file_of_it_belongs_to_a_target() -> None:
    assert sum(file.stat().st_size for file in KEPT) < 300_000
    assert {file.parent.name for file in KEPT} == set(TARGETS)
