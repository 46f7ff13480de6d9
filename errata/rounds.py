"""Between the rounds of a loop: when to stop, which is best, what is left of the budget, how pairs are repaired."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from errata.config import ErrataSettings, LoopSettings
from errata.records import Round
from errata.ui import listed
from pipeline.auditing import control_of
from pipeline.budget import BudgetSettings
from pipeline.cache import CompletionCache
from pipeline.clean import Cleaned, clean_files, ids_of, tools_of_run
from pipeline.errors import DataError, StoppedEarly
from pipeline.evaluate import ANSWERS
from pipeline.identity import file_hash
from pipeline.measures.answering import Answered, Given, read_answers
from pipeline.measures.change import compare
from pipeline.measures.records import AnswerRow, Change
from pipeline.measures.settings import HELD_OUT
from pipeline.shortcuts.settings import AuditSettings
from pipeline.stages import Progress
from pipeline.summary import Summary
from pipeline.types import Grade, Problem, content_id

LONGEST_PATH = 1000
FOLDER = ("*.safetensors", "*.json", "*.jinja", "dataset/*.parquet", "*.arrow")
"""What the folder of a model, of a run or of a data set is known by."""


@dataclass(frozen=True)
class Stop:
    """Why a loop ends before its last round."""

    reason: str


def reason_to_stop(settings: LoopSettings, rounds: Sequence[Round]) -> Stop | None:
    """What the rules say after the last of `rounds`."""
    last = rounds[-1]
    if last.fell:
        return Stop(f"round {last.number} is significantly worse than the one before: {last.conclusion.rstrip('.')}")
    drop = settings.max_chosen_drop
    if drop is not None and last.chosen_change is not None and last.chosen_change < -drop:
        return Stop(
            f"round {last.number}: the chosen texts' log-prob fell by {-last.chosen_change:.2f} nats, more than "
            f"loop.max_chosen_drop {drop:g}"
        )
    recent = rounds[-settings.patience :]
    if len(recent) == settings.patience and not any(one.gained for one in recent):
        return Stop(f"no significant gain in {settings.patience} rounds (loop.patience)")
    return None


def choose_best(rounds: Sequence[Round]) -> Round | None:
    """The round with the best greedy accuracy; of equals, the first. None where none is better than the start."""
    best = max(rounds, key=lambda one: one.after, default=None)
    return None if best is None or best.after <= rounds[0].before else best


def why_no_pair(summary: Summary) -> str:
    """What became of the mistakes of a round that has no data set."""
    if not summary.mistakes:
        return f"the student makes no mistake in {summary.attempts:,} attempts"
    corrected, dropped = sum(summary.corrections.values()), listed(summary.dropped)
    held_back = f"; {summary.splits['validation']} are held back for validation" if summary.splits else ""
    return f"of {summary.mistakes:,} mistakes {corrected:,} were corrected; dropped: {dropped or 'none'}{held_back}"


def hash_named(told: object) -> dict[str, str]:
    """Hashes of the files, and of the models' and data sets' folders, that settings name."""
    if isinstance(told, dict):
        return {path: digest for value in told.values() for path, digest in hash_named(value).items()}
    if isinstance(told, list):
        return {path: digest for value in told for path, digest in hash_named(value).items()}
    if not isinstance(told, str) or not told or len(told) > LONGEST_PATH or not (path := Path(told)).exists():
        return {}
    if path.is_file():
        return {told: file_hash(path)}
    parts = sorted(part for pattern in FOLDER for part in path.glob(pattern) if part.is_file())
    return {told: content_id(*([part.name, file_hash(part)] for part in parts))} if parts else {}


def paid(settings: ErrataSettings, runs: Sequence[str]) -> tuple[float, int]:
    """Cost and tokens of billed engines in all calls of these runs."""
    with closing(CompletionCache(settings.runs_dir / "completions.sqlite")) as cache:
        billed = [one for run in runs for one in cache.spent(run).values() if one.billed]
    return sum(one.cost or 0.0 for one in billed), sum(one.prompt_tokens + one.completion_tokens for one in billed)


def budget_left(settings: ErrataSettings, runs: Sequence[str]) -> BudgetSettings:
    """The budget without what these runs spent. Raises StoppedEarly where nothing is left."""
    budget = settings.budget
    if budget.max_cost is None and budget.max_tokens is None:
        return budget
    left = {}
    for name, limit, spent in zip(("max_cost", "max_tokens"), _limits(budget), paid(settings, runs), strict=True):
        left[name] = None if limit is None else limit - spent
        if limit is not None and limit <= spent:
            raise StoppedEarly(f"budget.{name} {limit:g} is spent after {len(runs)} rounds; raise it to go on")
    return budget.model_copy(update=left)


def _limits(budget: BudgetSettings) -> tuple[float | None, float | None]:
    return budget.max_cost, budget.max_tokens


async def clean_round(settings: ErrataSettings, progress: Progress) -> Cleaned:
    """Repair the pairs of a round into its folder `cleaned`. Raises StoppedEarly where the certificate fails."""
    folder, out = settings.run_dir, settings.run_dir / "cleaned"
    async with tools_of_run(settings, ids_of(folder, None)) as tools:
        cleaned, _, after = await clean_files(
            folder,
            out,
            control_of(folder),
            settings.audit or AuditSettings(),
            settings.clean,
            settings.filters,
            tools,
            progress=progress,
            overwrite=True,
        )
    if cleaned.certificate.outcome == "failed":
        raise StoppedEarly(
            f"{out}: what tells chosen from rejected could not be taken out (the audit still says {after.verdict}); "
            "see its audit.json, set clean.restyle to a teacher, or train all the same with loop.on_artefacts: train"
        )
    return cleaned


def total_change(folder: Path, first: Round, best: Round) -> Change:
    """The best round's policy against the first round's student, on the held-out problems."""
    before = _answers(folder / first.run / ANSWERS, "before")
    after = _answers(folder / best.run / ANSWERS, "after")
    if before.keys() != after.keys():
        raise DataError(folder / best.run / ANSWERS, "answers other problems than the first round; evaluate it again")
    return compare([before[id] for id in before], [after[id] for id in before], f"round {best.number}", examples=0)


def _answers(path: Path, model: str) -> dict[str, Answered]:
    """A model's greedy answers to the held-out problems, by problem."""
    return {row.problem_id: _as_answered(row) for row in read_answers(path, HELD_OUT, model, "greedy")}


def _as_answered(row: AnswerRow) -> Answered:
    grade = Grade(verdict=row.verdict, extracted=row.extracted, reason=row.reason)
    problem = Problem(id=row.problem_id, question="", answer=None)
    return Answered(problem, Given(row.text, grade, row.tokens, failed=row.text is None))
