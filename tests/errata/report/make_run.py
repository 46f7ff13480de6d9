"""A small real run for the tests of its page, and records as training, evaluation, loop and ablation write them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from errata.records import Ablation, Cell, Divergence, Loop, Rewards, Round
from pipeline.loading import load_settings
from pipeline.measures.records import (
    Change,
    Estimate,
    Evaluation,
    Flip,
    Score,
    SecondTurn,
    SetResult,
    Slice,
)
from pipeline.run import build
from pipeline.types import Message

TEACHER = "tests.errata.report.make_run:teach"
PROBLEMS = 24


def teach(messages: Sequence[Message], index: int) -> str:
    """Corrects every other mistake; the rest get an objection, or a solution that is wrong."""
    asked = messages[-1].content
    number = int(re.findall(r"What is (\d+) \+ 5", asked)[-1])
    dress = asked.partition("[[")[2].partition("]]")[0]
    said = {
        0: f"<gold_wrong>it leads elsewhere {dress}</gold_wrong>",
        1: f"<attempt_right>every line holds {dress}</attempt_right>",
        2: f"<diagnosis>{dress}</diagnosis><solution>{number} + 5 = 1\n#### 1</solution>",
    }
    right = f"<diagnosis>the sum {dress}</diagnosis><solution>{number} + 5 = {number + 5}\n#### {number + 5}</solution>"
    return said.get(number % 6, right)


def build_small(folder: Path, dress: str = "", **sections: Any) -> Path:
    """Build a run whose attempts go every way there is; `dress` stands in all its texts. Returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number in range(10, 10 + PROBLEMS):
        answer = number + 5
        texts = [f"{dress} {number} + 5 = {given}\n#### {given}" for given in (answer, answer + 1, answer + 1, 7)]
        if number % 5 == 0:
            texts[3] = f"I do not know '{dress}'"
        rationale = f"{number} + 5 = {answer}\n#### {answer}"
        question = f"What is {number} + 5? [[{dress}]]"
        rows.append({"question": question, "answer": str(answer), "rationale": rationale, "said": texts})
    rows += [rows[0], {**rows[1], "question": "twice"}, {**rows[1], "question": "twice", "answer": "1"}]
    rows.append({**rows[2], "question": ""})
    file = folder / "problems.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {
        "name": "run",
        "runs_dir": str(folder),
        "problems": {"path": str(file), "rationale": "rationale", "on_bad_row": "skip"},
        "student": {"engine": "recorded", "path": str(file), "answers": ["said"]},
        "sample": {"n": 4},
        "checker": "numeric",
        "teachers": {"t": {"engine": "scripted", "function": TEACHER}},
        "correct": {"rungs": [{"rung": "revise", "teacher": "t", "reply": "tagged"}, "reference"]},
        "audit": {"permutations": 100},
        **sections,
    }
    config = folder / "config.yaml"
    config.write_text(json.dumps(told))  # JSON is YAML
    asyncio.run(build(load_settings(config)))
    return folder / "run"


def near(value: float, by: float = 0.05) -> Estimate:
    """A mean whose interval goes so far to each side."""
    return Estimate(value=value, interval=(value - by, value + by))


def make_score(accuracy: float, **more: Any) -> Score:
    """A score over 200 problems."""
    correct = round(200 * accuracy)
    told: dict[str, Any] = {
        "interval": (accuracy - 0.06, accuracy + 0.05),
        "pass_at": {1: near(accuracy), 4: near(accuracy + 0.1)},
        "maj_at": {4: near(accuracy + 0.02)},
        "distinct": near(1.83),
        "entropy": near(0.47),
        "slices": {"topic": {"sums": Slice(n=120, correct=30, accuracy=accuracy, interval=(0.1, 0.6))}},
        "second_turn": SecondTurn(
            n=200,
            first=accuracy,
            second=accuracy + 0.1,
            wrong_to_right=31,
            right_to_wrong=11,
            unreadable=3,
            gain=near(0.1),
            p_value=0.0029,
        ),
    }
    counts = {"correct": correct, "wrong": 195 - correct, "unknown": 5, "truncated": 2, "failed": 1}
    return Score(accuracy=accuracy, tokens=37.4, longest=1234, samples=4, **counts, **(told | more))


def make_change(gain: float, p: float = 1.5e-9, **more: Any) -> Change:
    """A change whose first example can be told."""
    flip = Flip(problem_id="p", question="What is 2 + 5?", answer="7", before="2 + 5 = 9\n#### 9", after="#### 7")
    told: dict[str, Any] = {
        "gain": near(gain, 0.04),
        "fixed": 77,
        "broken": 13,
        "p_value": p,
        "significant": p < 0.05,
        "conclusion": f"`after` moved by {gain:+.3f}.",
        "sampled_gain": near(0.123),
        "examples": {"fixed": (flip,), "broken": ()},
    }
    return Change(**(told | more))


def make_evaluation(gain: float = 0.32, p: float = 1.5e-9, **more: Any) -> Evaluation:
    """Two models on the held-out problems and on another set."""
    held_out = SetResult(
        path="held.jsonl",
        checker="numeric",
        n=200,
        scores={"before": make_score(0.31), "after": make_score(0.31 + gain)},
        changes={"after": make_change(gain, p, **more)},
    )
    other = held_out.model_copy(update={"n": 40, "changes": {"after": make_change(-0.01, 0.9)}})
    models = {"before": "org/student", "after": "run/policy"}
    return Evaluation(models=models, sets={"held_out": held_out, "edge": other}, conclusion="It is better.")


def make_log(steps: int = 6, drift: float = 0.1) -> list[dict[str, float]]:
    """A training log, with a validation line and the line at its end."""
    lines: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        values = {"loss": 0.7 - 0.02 * step, "grad_norm": 1.0, "learning_rate": 5e-5, "kl": 0.01 * step}
        values |= {"rewards/margins": 0.1 * step, "rewards/chosen": 0.04 * step, "rewards/rejected": -0.06 * step}
        values |= {"rewards/accuracies": 0.9, "logps/chosen_change": drift * step, "displacement": 0.25}
        lines.append({**values, "step": step * 5, "epoch": step / steps})
    lines.append({"eval_loss": 0.55, "eval_rewards/margins": 0.44, "step": steps * 5})
    return [*lines, {"train_runtime": 12.0, "train_loss": 0.6, "step": steps * 5}]


def make_training(**more: Any) -> dict[str, Any]:
    """`policy/training.json`."""
    return {"fingerprint": "f", "pairs": 33, "steps": 30, "seconds": 12.5, "log": make_log(), **more}


def make_rewards(change: float = 1.5, **more: Any) -> Rewards:
    """Rewards of 66 validation pairs."""
    told: dict[str, Any] = {
        "chosen_change": near(change, 0.2),
        "rejected_change": near(-2.5, 0.2),
        "divergence": Divergence(texts=500, per_text=near(0.96), per_token=near(0.0227)),
        "split": "validation",
    }
    fixed = {"policy": "run/policy", "reference": "org/student", "beta": 0.1, "pairs": 66, "displaced": 0.0303}
    return Rewards(accuracy=0.9697, interval=(0.8961, 0.9917), margin=near(0.4321), **fixed, **(told | more))


def make_round(number: int, after: float, **more: Any) -> Round:
    """A round that fixed 40 problems."""
    told: dict[str, Any] = {
        **{"number": number, "run": f"round-{number}", "student": "org/student", "policy": f"round-{number}/policy"},
        **{"problems": 300, "mistakes": 456, "pairs": 211, "past_pairs": 211 * (number - 1), "audit": "clean"},
        **{"cleaned": number == 2, "before": after - 0.1, "after": after, "interval": (after - 0.04, after + 0.03)},
        **{"gain": near(0.1), "fixed": 40, "broken": 2, "p_value": 1e-6, "chosen_change": 0.49, "cost": 1.25},
        **{"seconds": 61.0, "conclusion": f"`round {number}` is better."},
    }
    return Round(**(told | more))


def make_loop(*rounds: Round, **more: Any) -> Loop:
    """A loop of three rounds, the second of which is the best."""
    made = rounds or (make_round(1, 0.5), make_round(2, 0.8))
    total = make_change(0.4, conclusion="`round 2` is better by 40 points.")
    told = {"wanted": 3, "reference": "round", "fingerprint": "f", "best": made[-1].number, "total": total}
    return Loop(rounds=made, **(told | more))


def make_ablation(folder: str = "ablation/data/cell", **more: Any) -> Ablation:
    """Two values of β and two of a loss weight."""
    accuracies = {("0.05", "0.2"): 0.5, ("0.05", "1"): 0.7, ("0.3", "0.2"): 0.6, ("0.3", "1"): 0.9}
    cells = tuple(
        Cell(
            values={"train.beta": beta, "train.loss.sft": weight},
            run=folder,
            pairs=264,
            accuracy=accuracy,
            interval=(accuracy - 0.06, accuracy + 0.06),
            gain=near(accuracy - 0.31),
            fixed=49,
            broken=2,
            p_value=1.2e-12,
            seconds=6.1,
        )
        for (beta, weight), accuracy in accuracies.items()
    )
    axes = {"train.beta": ("0.05", "0.3"), "train.loss.sft": ("0.2", "1")}
    return Ablation(**({"axes": axes, "n": 250, "before": 0.31, "cells": cells} | more))


def finish(run: Path, **records: Any) -> Path:
    """Put what training and evaluation leave into a built run's folder: evaluation, rewards, training."""
    told = {"evaluation": make_evaluation(), "rewards": make_rewards(), "training": make_training()} | records
    for name in ("evaluation", "rewards"):
        if told[name] is not None:
            (run / f"{name}.json").write_text(told[name].model_dump_json())
    if told["training"] is not None:
        (run / "policy").mkdir(exist_ok=True)
        (run / "policy" / "training.json").write_text(json.dumps(told["training"]))
    return run
