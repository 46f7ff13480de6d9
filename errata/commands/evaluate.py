"""Measure models on held-out problems: the student before and after training, and any others.

Greedy and sampled answers, intervals, an exact paired test against the first model, further sets of problems, a second
turn that checks the first (`evaluate.second_turn: {}`), and implicit rewards on held-out pairs. Problems that were
trained on are an error.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the run's settings")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=MODEL",
        dest="models",
        help="a further model, folder or hub id, asked as the student is (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.config import load
    from errata.evaluating import add_models, evaluate_run
    from errata.evaluation_tables import print_evaluation, print_rewards
    from errata.live import Bars
    from errata.ui import out, print_json, show_log

    settings = load(arguments.config, rest)
    show_log("errata")
    named = read_names(arguments.models)
    with Bars() as bars:
        evaluated = evaluate_run(settings, bars, add_models(settings, named))
    if arguments.json:
        rewards = None if evaluated.rewards is None else evaluated.rewards.model_dump(mode="json")
        told = {**evaluated.evaluation.model_dump(mode="json"), "rewards": rewards}
        print_json(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    print_evaluation(evaluated.evaluation)
    if evaluated.rewards is not None:
        print_rewards(evaluated.rewards)
    elif evaluated.without is not None:
        out.print(f"No implicit rewards: {evaluated.without}.", markup=False)
    if list(evaluated.evaluation.models) == ["before"]:
        out.print(f"There is no trained model in {settings.policy_dir} yet: `errata train` makes one.", markup=False)
    file = settings.run_dir / "evaluation.json"
    out.print(f"Written to {file}; every answer is in answers.jsonl beside it.", markup=False)
    return 0


def read_names(told: Sequence[str]) -> dict[str, str]:
    """`NAME=MODEL` as a mapping. Raises ConfigError for what is not of this form."""
    from pipeline.errors import ConfigError

    named = {}
    for one in told:
        name, equals, model = one.partition("=")
        if not equals or not name or not model:
            raise ConfigError(f"--model {one}: give NAME=MODEL, for example --model base=Qwen/Qwen3-4B")
        named[name] = model
    return named
