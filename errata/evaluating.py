"""`errata evaluate`: the models' answers to held-out problems, then what the policy's rewards say of held-out pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from errata.config import ErrataSettings
from errata.records import Rewards
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError
from pipeline.evaluate import choose_models, evaluate, need_section, with_model
from pipeline.measures.records import Evaluation
from pipeline.run import Progress


@dataclass(frozen=True)
class Evaluated:
    """All that is measured of a policy."""

    evaluation: Evaluation
    rewards: Rewards | None
    """None where there is no policy on this machine, or no pair."""


def evaluate_run(
    settings: ErrataSettings, progress: Progress, models: Mapping[str, EngineSettings] | None = None
) -> Evaluated:
    """Evaluate the models of the settings, or `models`.

    Writes evaluation.json and answers.jsonl, and where there are pairs rewards.json and rewards.jsonl.
    """
    policy = trained_policy(settings)
    data = settings.train.data
    trained_on = [data / "dataset"] if data is not None and (data / "dataset").is_dir() else []
    evaluation = asyncio.run(evaluate(settings, policy, progress, models=models, trained_on=trained_on))
    from errata.rewards import can_measure, measure_rewards

    rewards = None
    if policy is not None and can_measure(settings, policy):
        asked = models or choose_models(settings, policy)
        name = next((name for name, engine in asked.items() if engine.local_model == policy), "after")
        rewards = measure_rewards(settings, policy, model=name, progress=progress)
    return Evaluated(evaluation, rewards)


def trained_policy(settings: ErrataSettings) -> str | None:
    """The run's policy, where training has come to its end."""
    return str(settings.policy_dir) if (settings.policy_dir / "training.json").is_file() else None


def add_models(settings: ErrataSettings, named: Mapping[str, str]) -> dict[str, EngineSettings] | None:
    """The models of the settings and, asked as the student is, those of `--model NAME=MODEL`; None without any.

    Raises ConfigError for a name that is taken.
    """
    if not named:
        return None
    need_section(settings)
    models = choose_models(settings, trained_policy(settings))
    for name, model in named.items():
        if name in models:
            raise ConfigError(f"--model {name}=…: the name is taken; the models are {', '.join(models)}")
        models[name] = with_model(settings.student, model)
    return models
