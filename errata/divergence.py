"""KL(policy ‖ reference) from answers that the policy has sampled."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errata.config import ErrataSettings
from errata.records import Divergence
from pipeline.engines.base import EngineSettings
from pipeline.errors import DataError
from pipeline.grade import TRUNCATED
from pipeline.measures.answering import read_answers
from pipeline.measures.bootstrap import bootstrap_ratio
from pipeline.measures.records import AnswerRow
from pipeline.measures.settings import HELD_OUT
from pipeline.problems import make_problem
from pipeline.prompts import Prompts
from pipeline.rows import read_rows
from pipeline.sample import make_conversation
from pipeline.types import Message, Problem

if TYPE_CHECKING:
    import numpy as np

    from trainer.data import Example

log = logging.getLogger(__name__)
TEXTS = 1000
"""Answers that are read at most; which ones, is drawn with a seed."""
MISCOUNT = 0.01
"""By how much of all tokens the texts may differ from what was sampled, tokenized anew."""


@dataclass(frozen=True)
class Sample:
    """An answer that the policy drew."""

    problem_id: str
    example: Example


def measure_divergence(
    samples: Sequence[Sample],
    before: Sequence[np.ndarray[Any, Any]],
    after: Sequence[np.ndarray[Any, Any]],
) -> Divergence:
    """The Monte Carlo mean of log π - log π_ref over texts drawn from π; the bootstrap is over their problems.

    `before` and `after` are the log-probs of the samples' tokens in nats, under the reference and under the policy.
    """
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for sample, old, new in zip(samples, before, after, strict=True):
        of = sums[sample.problem_id]
        of[0] += float(new.sum(dtype="float64") - old.sum(dtype="float64"))
        of[1] += 1
        of[2] += len(new)
    changes, texts, tokens = zip(*sums.values(), strict=True)
    return Divergence(
        texts=len(samples), per_text=bootstrap_ratio(changes, texts), per_token=bootstrap_ratio(changes, tokens)
    )


def read_samples(settings: ErrataSettings, policy: str, model: str, path: Path, tokenizer: Any) -> list[Sample]:
    """The answers to held-out problems that `model`, the policy's name in the evaluation, has sampled.

    None, and the log says why, where they would not give the KL: sampled at another temperature, with top_p, stop
    strings or a schema, by an engine that does not load the policy itself, or texts that are not all that was sampled,
    thoughts kept apart, for example. Raises DataError for a file that cannot be read.
    """
    why = _obstacle(settings, policy, model)
    rows = [] if why or not path.is_file() else read_answers(path, HELD_OUT, model, "sampled")
    problems = _find_problems(settings, {row.problem_id for row in rows})
    if why is None and not rows:
        why = f"{path} holds no sampled answer of {model}"
    elif len(problems) < len({row.problem_id for row in rows}):
        why = f"{path} answers problems that are not in evaluate.problems"
    if why is not None:
        log.info("no KL to the reference: %s", why)
        return []
    drawn = rows if len(rows) <= TEXTS else random.Random(0).sample(rows, TEXTS)
    prompt = Prompts(settings.prompts).load(settings.sample.prompt)
    encoded = (_encode(row, make_conversation(prompt, problems[row.problem_id]), tokenizer) for row in drawn)
    samples = [sample for sample in encoded if sample.example.completions[0]]
    own, told = sum(len(s.example.completions[0]) for s in samples), sum(row.tokens for row in drawn)
    if abs(own - told) > MISCOUNT * told:
        log.warning(
            "no KL to the reference: %d tokens were sampled, the texts have %d; is something left out?", told, own
        )
        return []
    return samples


def _obstacle(settings: ErrataSettings, policy: str, model: str) -> str | None:
    """Why the model's sampled answers would not tell its KL, as far as the settings show."""
    if settings.evaluate is None:
        return "there is no section `evaluate`"
    params = settings.evaluate.params
    if (params.temperature, params.top_p, params.stop, params.json_schema) != (1.0, 1.0, (), None):
        return "evaluate.params must have temperature 1, top_p 1, and neither stop strings nor a schema"
    engine = _engine_of(settings, model)
    if engine is None:
        return f"the settings do not say how {model} was asked"
    loaded = getattr(engine, "adapter", None) or engine.local_model
    default = settings.student.local_model is not None and engine is settings.student  # asked with the policy's folder
    if loaded is None or not (default or Path(loaded).resolve() == Path(policy).resolve()):
        return f"{model} was not asked through an engine that loads {policy}"
    if getattr(engine, "extra_body", None):
        return f"the engine of {model} has an extra_body, which may change how it samples"
    return None


def _engine_of(settings: ErrataSettings, model: str) -> EngineSettings | None:
    """The engine that a model of the evaluation was asked through; the student's for the trained student by default."""
    assert settings.evaluate is not None
    if settings.evaluate.models:
        named: EngineSettings | None = settings.evaluate.models.get(model)
        return named
    after: EngineSettings = settings.evaluate.after or settings.student
    return after if model == "after" else None


def _find_problems(settings: ErrataSettings, wanted: set[str]) -> dict[str, Problem]:
    """The held-out problems with these ids, as the evaluation read them."""
    if not wanted:
        return {}
    assert settings.evaluate is not None
    asked = settings.evaluate.all_sets[HELD_OUT]
    source = asked.source
    found: dict[str, Problem] = {}
    for row in read_rows(source.path, subset=source.subset, split=source.split):
        try:
            problem = make_problem(row, source, (asked.checker or settings.checker).columns)
        except DataError:
            if source.on_bad_row == "error":
                raise
        else:  # of two with one id the first was asked
            if problem.id in wanted:
                found.setdefault(problem.id, problem)
    return found


def _encode(row: AnswerRow, asked: Sequence[Message], tokenizer: Any) -> Sample:
    from trainer.credit import encode_answer

    turns = [message.model_dump() for message in asked]
    where = f"answer {row.index} to problem {row.problem_id}"
    example = encode_answer(turns, row.text or "", tokenizer, ended=row.reason != TRUNCATED, where=where)
    return Sample(row.problem_id, example)
