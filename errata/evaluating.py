"""`errata evaluate`: the models' answers to held-out problems, then what the policy's rewards say of held-out pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from errata.config import ErrataSettings
from errata.records import Rewards
from errata.training import RECORD, training_record
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError
from pipeline.evaluate import choose_models, evaluate, need_section, with_model
from pipeline.lock import hold
from pipeline.measures.records import Evaluation
from pipeline.stages import Progress


@dataclass(frozen=True)
class Evaluated:
    """All that is measured of a policy."""

    evaluation: Evaluation
    rewards: Rewards | None
    """None where there is no policy yet, or `without` says why."""
    without: str | None = None


def evaluate_run(
    settings: ErrataSettings, progress: Progress, models: Mapping[str, EngineSettings] | None = None
) -> Evaluated:
    """Evaluate the models of the settings, or `models`.

    Writes evaluation.json and answers.jsonl, and where there are pairs rewards.json and rewards.jsonl.
    """
    with hold(settings.run_dir):
        return _evaluate_run(settings, progress, models)


def _evaluate_run(
    settings: ErrataSettings, progress: Progress, models: Mapping[str, EngineSettings] | None
) -> Evaluated:
    from errata import rewards

    policy = trained_policy(settings)
    asked = models or choose_models(settings, policy)
    trained_on = sources_of(settings, [engine.local_model for engine in asked.values()])
    evaluation = asyncio.run(evaluate(settings, policy, progress, models=asked, trained_on=trained_on))
    for name in (rewards.RESULT, rewards.TOKENS):  # what stands there is of an earlier policy
        (settings.run_dir / name).unlink(missing_ok=True)
    if policy is None:
        return Evaluated(evaluation, None)
    if why := rewards.cannot_measure(settings, policy):
        return Evaluated(evaluation, None, why)
    name = next((name for name, engine in asked.items() if engine.local_model == policy), "after")
    return Evaluated(evaluation, rewards.measure_rewards(settings, policy, model=name, progress=progress))


def sources_of(settings: ErrataSettings, models: Iterable[str | None]) -> list[Path]:
    """The data that training takes now, and what the models' own records say that they were trained on."""
    fit = settings.train
    told = [*([fit.data] if fit.data else []), *fit.also, *([settings.sft.data] if settings.sft.data else [])]
    for model in models:
        told += [Path(source) for source in training_record(model).get("sources", ())] if model is not None else []
    data = (one / "dataset" if (one / "dataset").is_dir() else one for one in told if one.exists())
    return list(dict.fromkeys(data))


def trained_policy(settings: ErrataSettings) -> str | None:
    """The run's policy, where training has come to its end."""
    return str(settings.policy_dir) if (settings.policy_dir / RECORD).is_file() else None


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
        models[name] = with_model(settings.student, model, ours=False)
    return models
