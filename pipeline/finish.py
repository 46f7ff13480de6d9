"""pairs ──▶ data set: what is done once every problem has been through: filter, select, export, audit, account."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.answer_format.form import Detected
from pipeline.auditing import audit_run
from pipeline.config import RunSettings
from pipeline.control import CONTROL
from pipeline.errors import StoppedEarly
from pipeline.export import export_pairs
from pipeline.files import sync, write_file
from pipeline.filtering import FINDINGS, filter_pairs
from pipeline.placed import PLACED, Ids, read_pairs
from pipeline.problems import ProblemSource, ReadReport
from pipeline.selecting import select_pairs
from pipeline.shortcuts.records import Leak
from pipeline.stages import QUIET, Progress, Stages
from pipeline.store import RunFolder, read_lines
from pipeline.summary import EngineUse, Summary, summarize
from pipeline.tally import Account
from pipeline.types import Finding


@dataclass(frozen=True)
class Basis:
    """What a run's records were made on."""

    format: Detected
    fingerprints: Mapping[str, str]
    """Of the settings that the journals' current records were made with."""

    @classmethod
    def of(cls, stages: Stages) -> Self:
        """Of stages that are ready."""
        return cls(stages.found, stages.fingerprints)


def finish_run(
    settings: RunSettings,
    folder: RunFolder,
    account: Account,
    problems: ProblemSource,
    basis: Basis,
    use: Mapping[str, EngineUse],
    progress: Progress = QUIET,
) -> Summary:
    """From the journal of pairs to `dataset/` and `summary.json`, which is written last.

    Raises StoppedEarly where no request of the student was answered.
    """
    tally = account.tally
    forget(folder.path, "summary.json", "audit.json")
    with tally.timed("export"):
        account.write()
        left = filter_pairs(settings.filters, folder, folder.path / CONTROL, tally)
        select_pairs(settings.pair, folder, tally, left)
        summary = summarize(tally, settings, len(problems), problems.report, basis.format)
        chosen = read_pairs(folder, left)
        summary.splits = export_pairs(chosen, folder.path / "dataset", settings.export, card_lines(summary))
        (folder.path / PLACED).unlink()
    if settings.audit is not None and summary.splits:
        with tally.timed("audit"):
            leaks = read_leaks(folder.path / FINDINGS, left)
            found = audit_run(folder.path, settings.audit, (), progress, leaks)
        summary.audit = found.verdict
    summary.usage = dict(use)
    write_left_out(settings, problems.report)
    summary.seconds = {stage: round(spent, 3) for stage, spent in tally.seconds.items()}
    summary.seconds["total"] = round(time.perf_counter() - account.started, 3)
    summary.settings = dict(basis.fingerprints)
    write_file(settings.run_dir / "summary.json", summary.model_dump_json(indent=1) + "\n")
    if summary.failed == summary.attempts:
        reason = tally.first_failure or "the engine gave no answer"
        raise StoppedEarly(
            f"{tally.failing}: all {summary.failed} requests failed, the first: {reason}; mend that and run again"
        )
    return summary


def forget(folder: Path, *names: str) -> None:
    """Remove files that would vouch for a data set which is about to be another."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    sync(folder)


def read_leaks(findings: Path, left: Ids) -> list[Leak]:
    """What the filters found in the pairs that stay."""
    told = ((line.pop("pair_id"), line) for line in read_lines(findings, "pair_id"))
    return [Leak(pair=id, finding=Finding.model_validate(line)) for id, line in told if id not in left]


def write_left_out(settings: RunSettings, report: ReadReport) -> None:
    """`left_out.jsonl`: the rows and questions that are no problems of this run, and why."""
    out = [{"bad_row": message} for message in report.bad_rows] + [{"conflicting": told} for told in report.conflicting]
    out += [{"contaminated": told} for told in report.contaminated]
    write_file(
        settings.run_dir / "left_out.jsonl", "".join(json.dumps(told, ensure_ascii=False) + "\n" for told in out)
    )


def card_lines(summary: Summary) -> list[str]:
    """What the data card says of the run."""
    rungs = _listed(summary.corrections) or "none"
    contamination = (
        f"Estimated share of right answers among the rejected: {summary.rejected_contamination:.1%} "
        f"(false-negative rate {summary.false_negative_rate.source}: {summary.false_negative_rate.value:.1%})."
    )
    return [
        "",
        f"From {summary.problems} problems and {summary.attempts} attempts of the student: {summary.correct} correct, "
        f"{summary.wrong} wrong, {summary.unknown} unknown, {summary.failed} failed.",
        f"Chosen texts by rung: {rungs}.",
        *([f"Teachers objected instead of correcting: {_listed(summary.objections)}."] if summary.objections else []),
        *(
            f"Called {first} by the first checker; by the second: {_listed(told)}."
            for first, told in summary.second_opinions.items()
        ),
        *([] if summary.scored else [contamination]),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)
