"""What training credited: the policy's implicit rewards β (log π - log π_ref) on pairs, in sum and token by token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errata.config import ErrataSettings
from errata.divergence import measure_divergence, read_samples
from errata.records import Divergence, Rewards
from errata.reward_pairs import DIGITS, Scored, place_credit, read_pairs, spread
from errata.training import Progress, make_arguments, runs_code, student_model, training_record
from pipeline.errors import ConfigError, DataError
from pipeline.evaluate import ANSWERS
from pipeline.files import write_file
from pipeline.identity import check_model
from pipeline.intervals import wilson_interval
from pipeline.measures.bootstrap import bootstrap_ratio
from pipeline.measures.records import Estimate

if TYPE_CHECKING:
    from errata.reward_pairs import Logps

RESULT, TOKENS = "rewards.json", "rewards.jsonl"
TRAIN_PAIRS = 200
"""Pairs of the train split whose tokens are written down beside the held-out ones'."""


def cannot_measure(settings: ErrataSettings, policy: str) -> str | None:
    """Why rewards cannot be measured: no pairs, or no reference on this machine; None where they can."""
    if not any((Path(policy) / name).is_file() for name in ("config.json", "adapter_config.json")):
        return f"{policy} is no model on this machine"
    data = _source(settings) / "dataset"
    if not any(data.glob("*.parquet")):
        return f"there is no pair in {data}"
    try:
        check_model(reference_of(settings, policy), chat_template=False)
    except ConfigError as error:
        return str(error)
    return None


def reference_of(settings: ErrataSettings, policy: str) -> str:
    """What the policy was trained against, as its own record says; else what training would take now."""
    told = training_record(policy).get("reference")
    return str(told or settings.train.reference or student_model(settings, settings.train))


def measure_rewards(
    settings: ErrataSettings,
    policy: str,
    *,
    reference: str | None = None,
    answers: Path | None = None,
    model: str = "after",
    train_pairs: int = TRAIN_PAIRS,
    progress: Progress,
) -> Rewards:
    """Measure a policy on the held-out pairs of the data set that training takes; writes `rewards.json` and, with
    `train_pairs` of the train split beside them, `rewards.jsonl` into the run's folder.

    `reference` and β are by default those that the policy's training.json names: the model that training began with or
    `train.reference`, and the β of the first loss which has one. `answers` (by default the run's answers.jsonl) are
    those of the evaluation that calls the policy `model`: what it sampled gives the KL, where divergence.py finds
    nothing against it. Pairs over `max_length` are left out, as in training. Raises UsageError for a missing model or
    pair, or a reference with another tokenizer.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    arguments = make_arguments(settings, settings.train, settings.run_dir)
    reference = reference or reference_of(settings, policy)
    trusted = {model: trusts(settings, model) for model in (reference, policy)}
    tokenizer = common_tokenizer(policy, reference, trusted)
    told = answers or settings.run_dir / ANSWERS
    data = _source(settings) / "dataset"
    with _retold(lambda told: DataError(data, told)):
        split, counted, more = read_pairs(_source(settings), tokenizer, arguments.max_length, train_pairs)
        samples = read_samples(settings, policy, model, told, tokenizer)
    pairs = [*counted, *more]
    examples = [*(example for _, example in pairs), *(sample.example for sample in samples)]
    with _retold(ConfigError):
        before, after = _score((reference, policy), examples, tokenizer, arguments, progress, trusted)
    scored = [Scored(*pair, *logps) for pair, *logps in zip(pairs, before, after, strict=False)]  # samples come behind
    divergence = None
    if samples:
        old, new = ([text for (text,) in logps[len(pairs) :]] for logps in (before, after))
        divergence = measure_divergence(samples, old, new)
    beta = float(training_record(policy).get("beta") or arguments.make_objective().beta)
    rewards = summarise(scored[: len(counted)], policy, reference, beta, split, divergence)
    shown = scored if split == "validation" else spread(scored, (one.row for one in scored), train_pairs)
    lines = [credit.model_dump_json() + "\n" for credit in place_credit(shown, tokenizer, beta)]
    write_file(settings.run_dir / TOKENS, "".join(lines))
    write_file(settings.run_dir / RESULT, rewards.model_dump_json(indent=1) + "\n")
    return rewards


def summarise(
    scored: Sequence[Scored], policy: str, reference: str, beta: float, split: str, divergence: Divergence | None
) -> Rewards:
    """The means over pairs, whose bootstrap is over problems; equal rewards are not right."""
    margins = [chosen - rejected for chosen, rejected in (one.changes for one in scored)]
    right, fallen = sum(margin > 0 for margin in margins), sum(one.changes[0] < 0 for one in scored)
    return Rewards(
        policy=policy,
        reference=reference,
        beta=beta,
        split=split,
        pairs=len(scored),
        accuracy=round(right / len(scored), DIGITS),
        interval=wilson_interval(right, len(scored)),
        margin=_estimate(scored, [beta * margin for margin in margins]),
        chosen_change=_estimate(scored, [one.changes[0] for one in scored]),
        rejected_change=_estimate(scored, [one.changes[1] for one in scored]),
        displaced=round(fallen / len(scored), DIGITS),
        divergence=divergence,
    )


def _estimate(scored: Sequence[Scored], values: Sequence[float]) -> Estimate:
    """The mean over pairs; those of one problem are drawn together."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one, value in zip(scored, values, strict=True):
        sums[one.problem][0] += value
        sums[one.problem][1] += 1
    return bootstrap_ratio(*zip(*sums.values(), strict=True))


def trusts(settings: ErrataSettings, model: str) -> bool:
    """Whether a model's own Python code may be run: the student's where its settings say so, and what was made of it.

    Any other model is one that a folder's records name, whoever wrote them.
    """
    from trainer.credit import base_of

    base = base_of(model)
    own = settings.student.local_model if base == str(settings.policy_dir) else base
    return own is not None and runs_code(settings, own)


def common_tokenizer(policy: str, reference: str, trusted: Mapping[str, bool]) -> Any:
    """The policy's tokenizer, or the reference's where an adapter has none.

    Raises ConfigError where they differ, or cannot be loaded.
    """
    from trainer.loading import load_tokenizer

    with _retold(ConfigError):
        theirs = load_tokenizer(reference, trust_remote_code=trusted[reference])
        if not (Path(policy) / "tokenizer_config.json").is_file():
            return theirs
        own = load_tokenizer(policy, trust_remote_code=trusted[policy])
    known = theirs.get_vocab()
    if any(known.get(token, place) != place for token, place in own.get_vocab().items()):
        raise ConfigError(f"{reference} is no reference for {policy}: its tokenizer has other tokens")
    return own


def _score(
    models: Sequence[str],
    examples: Sequence[Any],
    tokenizer: Any,
    arguments: Any,
    progress: Progress,
    trusted: Mapping[str, bool],
) -> list[list[Logps]]:
    """Each model's log-probs, computed as in training: fp32 weights, or those under an adapter as they are stored."""
    import torch

    from trainer.credit import is_adapter, pad_token, score_examples
    from trainer.reference import ReferenceCache

    half = torch.bfloat16 if arguments.bf16 else torch.float16 if arguments.fp16 else None
    cache = arguments.reference_cache
    how: dict[str, Any] = {
        "pad": pad_token(tokenizer),
        "max_tokens": arguments.max_tokens_per_device,
        "layout": arguments.layout,
        "dtype": "auto" if any(map(is_adapter, models)) else torch.float32,
        "autocast": half,
        "cache": ReferenceCache(Path(cache).expanduser()) if cache else None,
    }
    made = []
    for done, model in enumerate(models):
        progress("rewards", done, len(models))
        made.append(score_examples(model, examples, trust_remote_code=trusted[model], **how))
    progress("rewards", len(models), len(models))
    return made


def _source(settings: ErrataSettings) -> Path:
    return settings.train.data or settings.run_dir


@contextmanager
def _retold(make: Callable[[str], Exception]) -> Iterator[None]:
    """The trainer's errors as one of the pipeline's."""
    from trainer.errors import TrainerError

    try:
        yield
    except TrainerError as error:
        raise make(str(error)) from error
