"""The preview: a few problems go through the whole flow, and a person sees pairs, doubts and what the run will cost."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from errata.config import ErrataSettings
from errata.init.doubts import Sampled, read_sample, shortest
from errata.init.side_by_side import plain, show_pair
from errata.live import Bars
from errata.ui import listed, out, print_forecast
from pipeline.filtering import look_at, make_looks, texts_of_pair
from pipeline.forecast import Forecast, forecast
from pipeline.problems import ProblemSource
from pipeline.types import Finding, Pair

PAIRS, REASONS, EXAMPLES = 3, 5, 3
"""Pairs, reasons of a kind, and examples that are shown."""
WIDE = 100
"""Characters of a question in a list."""


@dataclass(frozen=True)
class Asked:
    """What `errata evaluate` will ask for, which the forecast leaves out."""

    problems: int
    """Of all sets."""
    answers: int
    """To each problem: the greedy one, the samples, and a second turn where there is one."""
    models: int

    @property
    def texts(self) -> int:
        """All of them."""
        return self.problems * self.answers * self.models


@dataclass(frozen=True)
class Preview:
    """What a sample showed."""

    sampled: Sampled
    forecast: Forecast
    findings: dict[str, list[Finding]]
    """What the filters say of the pairs that were made, by pair."""
    advice: list[str]
    evaluation: Asked | None
    """None where there are no held-out problems."""

    @property
    def made(self) -> list[Pair]:
        """The pairs that were made."""
        return [pair for pair in self.sampled.pairs if pair.dropped_by is None]

    @property
    def filtered(self) -> int:
        """Pairs that a filter will drop."""
        return sum(found[0].action == "drop" for found in self.findings.values() if found)

    def as_json(self) -> dict[str, Any]:
        """The numbers."""
        told = self.sampled
        return {
            "problems": self.forecast.sampled,
            "attempts": len(told.attempts),
            **told.verdicts(),
            "pairs": len(self.made),
            "filtered": self.filtered,
            "unknown_reasons": told.unknown_reasons(),
            "failures": told.failures(),
            "uncorrected": told.uncorrected(),
            "suspicious_gold": [vars(suspect) for suspect in told.suspects()],
            "objections": [vars(objected) for objected in told.objections()],
            "advice": self.advice,
            "forecast": self.forecast.model_dump(mode="json"),
            "evaluation": self.evaluation and vars(self.evaluation) | {"texts": self.evaluation.texts},
        }


def take_preview(settings: ErrataSettings, problems: int) -> Preview:
    """Take some problems through the flow; what is written stays in the completion cache, for the run.

    Raises UsageError for bad input, StoppedEarly where the budget ends.
    """
    evaluation = count_evaluation(settings)
    with tempfile.TemporaryDirectory(prefix="errata-preview-") as folder:
        with Bars() as bars:
            foreseen = asyncio.run(forecast(settings, problems, bars, Path(folder)))
        sampled = read_sample(Path(folder))
    looks = make_looks(settings.filters, ())
    findings = {p.id: look_at(texts_of_pair(p), looks) for p in sampled.pairs if p.dropped_by is None}
    return Preview(sampled, foreseen, findings, sampled.advice(settings.sample.params.max_tokens), evaluation)


def count_evaluation(settings: ErrataSettings) -> Asked | None:
    """Read the held-out problems, and count what they will be asked. Raises DataError."""
    section = settings.evaluate
    if section is None:
        return None
    sets = section.all_sets.values()
    problems = sum(len(ProblemSource(one.source, (one.checker or settings.checker).create())) for one in sets)
    answers = 1 + section.samples + (section.second_turn is not None)
    return Asked(problems, answers, len(section.models) or 2)


def print_preview(preview: Preview) -> None:
    """Pairs first, then doubts, then the cost."""
    told, verdicts = preview.sampled, preview.sampled.verdicts()
    out.print()
    out.print(
        f"[bold]Preview.[/] {preview.forecast.sampled} problems, {len(told.attempts)} attempts: {listed(verdicts)}; "
        f"{len(preview.made)} pairs"
        + (f", of which filters will drop {preview.filtered}." if preview.filtered else ".")
    )
    for pair in shortest(preview.made, PAIRS):
        note = "; ".join(f"{found.rule}: {found.reason}" for found in preview.findings[pair.id])
        out.print(show_pair(pair, note and f"{'dropped' if _drops(preview.findings[pair.id]) else 'noted'} by {note}"))
    _print_reasons("Answers that the checker cannot decide", told.unknown_reasons())
    _print_reasons("Requests without an answer", told.failures())
    _print_reasons("Mistakes that nothing corrected", told.uncorrected())
    _print_suspects(preview)
    for line in preview.advice:
        out.print(Text.assemble(("Advice: ", "bold yellow"), line))
    out.print()
    print_forecast(preview.forecast)
    if (asked := preview.evaluation) is not None:
        out.print(
            f"Not in the table: `errata evaluate` will ask {asked.problems:,} held-out problems × {asked.answers} "
            f"answers × {asked.models} models, {asked.texts:,} texts."
        )


def _drops(findings: Sequence[Finding]) -> bool:
    return bool(findings) and findings[0].action == "drop"


def _print_reasons(title: str, reasons: Counter[str]) -> None:
    if not reasons:
        return
    out.print(f"[bold]{title}[/] ({reasons.total()})")
    for reason, count in reasons.most_common(REASONS):
        out.print(f"  {count:>4}  {escape(plain(reason))}", highlight=False)
    if (more := reasons.total() - sum(count for _, count in reasons.most_common(REASONS))) > 0:
        out.print(f"  {more:>4}  for other reasons")


def _print_suspects(preview: Preview) -> None:
    suspects, objections = preview.sampled.suspects(), preview.sampled.objections()
    if suspects:
        table = Table(
            title=f"In {len(suspects)} problems most attempts agree and none gives the gold answer: a common mistake, "
            "or a wrong gold answer",
            title_justify="left",
        )
        for column in ("question", "gold", "attempts say", "how many"):
            table.add_column(column, justify="right" if column == "how many" else "left", overflow="fold")
        for s in suspects[:EXAMPLES]:
            table.add_row(_short(s.question), _short(s.gold), _short(s.answer), f"{s.times} of {s.of}")
        out.print(table)
    if objections:
        counts = Counter(objected.objection.replace("_", " ") for objected in objections)
        out.print(f"[bold]Teachers object[/] ({listed(counts)})")
        for o in objections[:EXAMPLES]:
            out.print(Text(f"  {o.objection.replace('_', ' ')}, gold {o.gold}: {_short(o.question)} {_short(o.why)}"))


def _short(text: str) -> Text:
    one = " ".join(plain(text).split())
    return Text(one if len(one) <= WIDE else f"{one[:WIDE]}…")
