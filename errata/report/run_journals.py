"""What a run's journals tell of doubts: each is read once, line by line, and the first few of each kind are kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from errata.report.run_reading import RunFiles, read_lines
from pipeline.grade import TRUNCATED
from pipeline.store import scan_journal
from pipeline.types import Attempt, Correction, Pair

MOST = 500
"""Rows of each table."""
R = TypeVar("R", Attempt, Correction, Pair)


@dataclass(frozen=True)
class Dropped:
    """A pair that is not in the data set."""

    id: str
    rule: str
    reason: str
    question: str
    rejected: str
    chosen: str | None


@dataclass(frozen=True)
class Refused:
    """A text that was to correct a mistake and does not."""

    id: str
    rung: str
    teacher: str | None
    why: str
    text: str
    diagnosis: str | None


@dataclass(frozen=True)
class Objected:
    """What a teacher objected, with what the attempts say of the gold answer."""

    objection: str
    rung: str
    teacher: str | None
    diagnosis: str
    question: str
    gold: str | None
    attempt: str
    other: str | None
    """The most frequent answer that is not the gold one, as it was read from the attempts."""
    agreeing: int
    """Attempts that give it."""
    attempts: int
    """Attempts whose answer could be read."""


@dataclass(frozen=True)
class Undecided:
    """An attempt that is neither right nor wrong."""

    attempt_id: str
    reason: str
    text: str | None
    """None where there is no text."""


@dataclass
class Doubts:
    """All of it; lists hold at most `MOST`, counters all."""

    dropped: list[Dropped] = field(default_factory=list)
    flagged: Counter[str] = field(default_factory=Counter)
    """Findings of filters that drop nothing, by rule."""
    refused: list[Refused] = field(default_factory=list)
    objected: list[Objected] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    """Of undecided attempts, what they quote left out."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Rows that are no problem of the run: kind and message."""


def read_doubts(run: RunFiles) -> Doubts:
    """What can be doubted about a run. Raises DataError for a broken line."""
    found = Doubts()
    if run.summary is None:  # the journals of a build that goes on say nothing final
        return found
    later = _read_findings(run, found)
    objections = _first(read_lines(run.path / "objections.jsonl", "mistake_id", "problem_id", "objection", "rung"))
    mistakes = _read_pairs(run, found, later, {told["mistake_id"] for told in objections})
    _read_corrections(run, found)
    undecided = _first(_count_reasons(run, found))
    answers: dict[str, dict[int, str | None]] = {told["problem_id"]: {} for told in objections}
    texts: dict[str, str | None] = {told["attempt_id"]: None for told in undecided}
    for attempt in _current(run, "attempts", Attempt):
        if attempt.problem_id in answers:
            answers[attempt.problem_id][attempt.index] = attempt.grade.extracted if attempt.grade is not None else None
        if attempt.id in texts and attempt.completion is not None:
            texts[attempt.id] = attempt.completion.text
    found.undecided = [Undecided(t["attempt_id"], t["reason"] or "", texts[t["attempt_id"]]) for t in undecided]
    for told in objections:
        pair = mistakes.get(told["mistake_id"])
        read = Counter(answer for answer in answers[told["problem_id"]].values() if answer is not None)
        gold = pair.answer if pair else None
        others = [(answer, n) for answer, n in read.most_common() if answer != gold]
        other, agreeing = others[0] if others else (None, 0)
        found.objected.append(
            Objected(
                objection=told["objection"],
                rung=told["rung"],
                teacher=told.get("teacher"),
                diagnosis=told.get("diagnosis") or "",
                question=_question(pair) if pair else "",
                gold=gold,
                attempt=pair.rejected if pair else "",
                other=other,
                agreeing=agreeing,
                attempts=read.total(),
            )
        )
    for told in _first(read_lines(run.path / "left_out.jsonl")):
        found.left_out += [(kind, str(message)) for kind, message in told.items()]
    return found


def _count_reasons(run: RunFiles, found: Doubts) -> Iterator[dict[str, Any]]:
    for told in read_lines(run.path / "unknown.jsonl", "attempt_id", "reason"):
        found.reasons[_plain(told["reason"])] += 1
        yield told


def _first(lines: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of them; the rest is read, too, so that a broken line does not go unnoticed."""
    kept: list[dict[str, Any]] = []
    for line in lines:
        if len(kept) < MOST:
            kept.append(line)
    return kept


def _read_findings(run: RunFiles, found: Doubts) -> dict[str, tuple[str, str]]:
    """Rule and reason of pairs that filters or the selection leave out, some of each rule; flags are counted."""
    assert run.summary is not None
    most = _share_of_rows(run.summary.dropped)
    kept: Counter[str] = Counter()
    later: dict[str, tuple[str, str]] = {}
    for name in ("findings", "selection"):
        for told in read_lines(run.path / f"{name}.jsonl", "pair_id", "rule", "action", "reason"):
            if told["action"] != "drop":
                found.flagged[told["rule"]] += 1
            elif told["pair_id"] not in later and kept[told["rule"]] < most:
                kept[told["rule"]] += 1
                later[told["pair_id"]] = told["rule"], told["reason"]
    return later


def _read_pairs(
    run: RunFiles, found: Doubts, later: Mapping[str, tuple[str, str]], wanted: Collection[str]
) -> dict[str, Pair]:
    """Fills in the dropped pairs; returns the pairs of the wanted mistakes."""
    assert run.summary is not None
    most = _share_of_rows(run.summary.dropped)
    rows: dict[str, Dropped] = {}
    kept: Counter[str] = Counter()
    mistakes: dict[str, Pair] = {}
    for pair in _current(run, "pairs", Pair):
        if pair.mistake_id in wanted and (pair.view == "direct" or pair.mistake_id not in mistakes):
            mistakes[pair.mistake_id] = pair
        if (old := rows.pop(pair.id, None)) is not None:  # of an earlier call
            kept[old.rule] -= 1
        drop = next((f for f in pair.findings if f.action == "drop"), None)
        rule, reason = (drop.rule, drop.reason) if drop is not None else later.get(pair.id, (None, ""))
        if rule is not None and kept[rule] < most:
            kept[rule] += 1
            rows[pair.id] = Dropped(pair.id, rule, reason, _question(pair), pair.rejected, pair.chosen)
    found.dropped = list(rows.values())
    return mistakes


def _read_corrections(run: RunFiles, found: Doubts) -> None:
    rows: dict[str, Refused] = {}
    for made in _current(run, "corrections", Correction):
        rows.pop(made.id, None)
        if made.won or made.objection is not None or len(rows) >= MOST:
            continue
        if made.failure is not None:
            why = f"failed: {made.failure}"
        elif made.grade is not None and made.grade.verdict == "correct":
            continue  # right, and another one was taken
        else:
            why = "not graded" if made.grade is None else f"{made.grade.verdict}: {made.grade.reason}"
        text = made.text if made.text is not None else made.completion.text if made.completion is not None else ""
        rows[made.id] = Refused(made.id, made.rung, made.teacher, why, text, made.diagnosis)
    found.refused = list(rows.values())


def _current(run: RunFiles, name: str, model: type[R]) -> Iterator[R]:
    """The records of a journal that were made with the run's settings, in order of their writing."""
    assert run.summary is not None
    wanted = run.summary.settings.get(name)
    for _, record in scan_journal(run.path / f"{name}.jsonl", model):
        if wanted in (None, record.settings):
            yield record


def _share_of_rows(dropped: Mapping[str, int]) -> int:
    """Rows of each rule, so that a frequent one leaves room for the others."""
    return MOST // max(1, sum(count > 0 for count in dropped.values()))


def _question(pair: Pair) -> str:
    return next((message.content for message in pair.prompt if message.role == "user"), "")


def _plain(reason: str | None) -> str:
    """A reason without what it quotes of the text."""
    if reason is None or reason == TRUNCATED:
        return reason or "no reason given"
    return re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", reason[:20_000])[:200]
