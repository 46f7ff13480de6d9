"""The demo's teacher, a real model behind real vLLM: it corrects what the student gets wrong, and that teaches."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import pipeline
from errata.config import ErrataSettings
from errata.demo import story
from errata.training import train
from pipeline.engines.vllm import Settings as Served
from pipeline.evaluate import evaluate
from pipeline.loading import load_settings
from pipeline.replies import read_reply, reply_schema
from pipeline.run import build
from pipeline.stages import QUIET
from pipeline.summary import Summary
from pipeline.types import Message, SamplingParams

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "errata" / "demo"
CPU = {
    "engine": "vllm",
    "max_model_len": 384,
    "dtype": "float32",
    "extra_args": ["--enforce-eager"],
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1"},
    "max_concurrency": 64,
}
ASKED = {"teacher": "teacher", "reply": "tagged", "repairs": 0, "params": {"temperature": 0.0, "max_tokens": 128}}


@pytest.fixture(scope="module")
def cpu() -> dict[str, Any]:
    python = ROOT / ".venv-vllm" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no environment with vLLM: make vllm")
    return {**CPU, "python": str(python)}


def settle(runs: Path, name: str, **sections: Any) -> ErrataSettings:
    """The demo's settings with sections of their own."""
    demo = story.make_settings(runs, ["--name", name])
    told = {**demo.model_dump(mode="json"), **sections}
    return load_settings(write(runs / f"{name}.yaml", told), cls=ErrataSettings)


def write(path: Path, told: dict[str, Any]) -> Path:
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(told))
    return path


def corrected_share(summary: Summary) -> float:
    """Of the mistakes that were to be corrected, the share that was."""
    left = sum(summary.dropped.get(rule, 0) for rule in ("repeated_mistake", "over_limit"))
    return sum(summary.corrections.values()) / (summary.mistakes - left)


def build_and_train(settings: ErrataSettings) -> tuple[Summary, float]:
    """The run's account, and the greedy accuracy on held-out problems after training on it."""
    story.write_problems(settings)
    summary = asyncio.run(build(settings))
    train(settings, QUIET)
    return summary, asyncio.run(evaluate(settings, str(settings.policy_dir))).held_out.scores["after"].accuracy


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_teacher_behind_vllm_corrects_most_mistakes_and_teaches_as_well_as_worked_solutions(
    tmp_path: Path, cpu: dict[str, Any]
) -> None:
    teachers = {"teacher": {**cpu, "model": str(DEMO / "teacher")}}
    ladder = {"rungs": [{"rung": "revise", **ASKED}, {"rung": "gold_guided", **ASKED}], "on_objection": "continue"}
    summary, taught = build_and_train(settle(tmp_path, "taught", teachers=teachers, correct=ladder))
    assert corrected_share(summary) >= 0.8
    assert summary.corrections["revise"] > summary.corrections["gold_guided"], "most without a look at the gold answer"
    assert summary.usage["teacher"].requests > sum(summary.corrections.values())

    reference = {"rungs": [{"rung": "reference"}]}
    _, told = build_and_train(settle(tmp_path, "told", correct=reference))
    assert taught >= told - 0.05
    assert taught >= 0.85


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_student_goes_on_behind_vllm_from_the_step_that_the_teacher_names(
    tmp_path: Path, cpu: dict[str, Any]
) -> None:
    rung = {"rung": "continue_fix", **ASKED, "locate": ["teacher"], "samples": 6}
    settings = settle(
        tmp_path,
        "fixed",
        student={**cpu, "model": str(DEMO / "student")},
        teachers={"teacher": {**cpu, "model": str(DEMO / "teacher")}},
        correct={"rungs": [rung], "on_objection": "continue"},
    )
    settings = settings.model_copy(update={"problems": settings.problems.model_copy(update={"limit": 100})})
    story.write_problems(settings)
    summary = asyncio.run(build(settings))
    assert corrected_share(summary) > 0.4
    run = pipeline.load_run(settings.run_dir)
    steps = dict(zip(run.corrections.mistake_id, run.corrections.first_wrong_step, strict=True))
    for pair in run.pairs[run.pairs.kept].itertuples():
        step = int(steps[pair.mistake_id])
        assert pair.chosen.splitlines()[:step] == pair.rejected.splitlines()[:step], "what was right is kept"
    assert run.pairs[run.pairs.kept].edit_ratio.median() < 0.4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_vllm_makes_a_reply_follow_our_schema(cpu: dict[str, Any]) -> None:
    """The teacher has never seen JSON: what it writes is senseless, and yet of the form that was asked for."""

    async def ask() -> list[Any]:
        async with Served.model_validate({**cpu, "model": str(DEMO / "teacher")}).create() as engine:
            texts = []
            for asks in ("solution", "step"):
                params = SamplingParams(temperature=0.0, max_tokens=300, json_schema=reply_schema(asks))
                (made,) = await engine.complete((Message(role="user", content="2 + 2"),), params=params)
                texts.append((asks, made))
            return texts

    for asks, made in asyncio.run(ask()):
        assert made.text.lstrip().startswith('{"diagnosis"') or made.text.lstrip().startswith("{"), made
        told = read_reply(made, "json", asks)
        assert made.finish_reason == "length" or "JSON" not in str(told), (made, told)
