"""What a run's journals tell of doubts: each is read once, line by line, and the first few of each kind are kept."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar

from errata.report.run_reading import RunFiles
from errata.report.shares import fair
from errata.suspects import Suspect, Votes, most_suspect
from pipeline.grade import TRUNCATED
from pipeline.journal import scan_journal
from pipeline.store import read_lines
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
    """The most frequent wrong answer, as it was read from the attempts."""
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
    sourceless: Counter[str] = field(default_factory=Counter)
    """Tries without a text since there was nothing to take it from, by reason."""
    asked: bool = False
    """Whether any try asked a teacher."""
    objected: list[Objected] = field(default_factory=list)
    """Some of each kind, doubted gold answers first, the most suspicious ones first."""
    objections: Counter[str] = field(default_factory=Counter)
    """Tries that ended in an objection, by kind."""
    objected_mistakes: int = 0
    """Mistakes of these tries."""
    uncorrected: int = 0
    """Of them, those that no other try corrected."""
    suspects: list[Suspect] = field(default_factory=list)
    """The most unanimous first."""
    suspected: int = 0
    """Problems whose gold answer is suspicious."""
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
    undecided = _first(_count_reasons(run, found))
    texts: dict[str, str | None] = {told["attempt_id"]: None for told in undecided}
    votes: defaultdict[str, Votes] = defaultdict(Votes)
    for attempt in _current(run, "attempts", Attempt):
        votes[attempt.problem_id].add(attempt)
        if attempt.id in texts and attempt.completion is not None:
            texts[attempt.id] = attempt.completion.text
    found.undecided = [Undecided(t["attempt_id"], t["reason"] or "", texts[t["attempt_id"]]) for t in undecided]
    objected: set[str] = set()
    objections = _worst(_read_objections(run, found, objected), votes)
    suspects = most_suspect(votes)
    mistakes = _read_pairs(run, found, later, {told["mistake_id"] for told in objections}, suspects)
    _read_corrections(run, found, objected)
    for told in objections:
        pair = mistakes.get(told["mistake_id"])
        vote = votes.get(told["problem_id"], Votes())
        other, agreeing = vote.other()
        found.objected.append(
            Objected(
                objection=told["objection"],
                rung=told["rung"],
                teacher=told.get("teacher"),
                diagnosis=told.get("diagnosis") or "",
                question=_question(pair) if pair else "",
                gold=pair.answer if pair else None,
                attempt=pair.rejected if pair else "",
                other=other,
                agreeing=agreeing,
                attempts=vote.read,
            )
        )
    for told in _first(read_lines(run.path / "left_out.jsonl")):
        found.left_out += [(kind, str(message)) for kind, message in told.items()]
    return found


def _read_objections(run: RunFiles, found: Doubts, objected: set[str]) -> Iterator[dict[str, Any]]:
    """Counts them; adds the mistakes that they are about to `objected`."""
    for told in read_lines(run.path / "objections.jsonl", "mistake_id", "problem_id", "objection", "rung"):
        found.objections[told["objection"]] += 1
        objected.add(told["mistake_id"])
        yield told
    found.objected_mistakes = len(objected)


def _worst(lines: Iterator[dict[str, Any]], votes: Mapping[str, Votes]) -> list[dict[str, Any]]:
    """The objections whose gold answer is the most suspicious, some of each kind, doubted gold answers first."""

    def suspicion(told: dict[str, Any]) -> float:
        vote = votes.get(told["problem_id"])
        return -vote.suspicion() if vote is not None else 0.0

    kinds: dict[str, list[dict[str, Any]]] = {"gold_wrong": []}
    for told in lines:
        kind = kinds.setdefault(told["objection"], [])
        kind.append(told)
        if len(kind) >= 4 * MOST:
            kind[:] = sorted(kind, key=suspicion)[:MOST]
    return fair((sorted(kind, key=suspicion) for kind in kinds.values()), MOST)


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
    run: RunFiles,
    found: Doubts,
    later: Mapping[str, tuple[str, str]],
    wanted: Collection[str],
    suspects: Mapping[str, Suspect],
) -> dict[str, Pair]:
    """Fills in the dropped pairs and the suspects; returns the pairs of the wanted mistakes."""
    assert run.summary is not None
    most = _share_of_rows(run.summary.dropped)
    rows: dict[str, Dropped] = {}
    kept: Counter[str] = Counter()
    mistakes: dict[str, Pair] = {}
    listed = dict(islice(suspects.items(), MOST))
    with_gold: set[str] = set()
    for pair in _current(run, "pairs", Pair):
        if pair.mistake_id in wanted and (pair.view == "direct" or pair.mistake_id not in mistakes):
            mistakes[pair.mistake_id] = pair
        if pair.problem_id in suspects and pair.problem_id not in with_gold and pair.answer is not None:
            with_gold.add(pair.problem_id)
            if (suspect := listed.get(pair.problem_id)) is not None:
                listed[pair.problem_id] = replace(suspect, question=_question(pair), gold=pair.answer)
        if (old := rows.pop(pair.id, None)) is not None:  # of an earlier call
            kept[old.rule] -= 1
        drop = next((f for f in pair.findings if f.action == "drop"), None)
        rule, reason = (drop.rule, drop.reason) if drop is not None else later.get(pair.id, (None, ""))
        if rule is not None and kept[rule] < most:
            kept[rule] += 1
            rows[pair.id] = Dropped(pair.id, rule, reason, _question(pair), pair.rejected, pair.chosen)
    found.dropped = list(rows.values())
    found.suspects = [suspect for id, suspect in listed.items() if id in with_gold]
    found.suspected = len(with_gold)
    return mistakes


def _read_corrections(run: RunFiles, found: Doubts, objected: Collection[str]) -> None:
    rungs: dict[str, dict[str, Refused]] = {}
    won: dict[str, str] = {}
    sourceless: dict[str, str] = {}
    for made in _current(run, "corrections", Correction):
        rows = rungs.setdefault(made.rung, {})
        for known in (rows, won, sourceless):  # of an earlier call
            known.pop(made.id, None)
        found.asked |= made.teacher is not None
        if made.won and made.mistake_id in objected:
            won[made.id] = made.mistake_id
        if made.won or made.objection is not None:
            continue
        if made.failure is not None and _without_source(made):
            sourceless[made.id] = sys.intern(_plain(made.failure))
        elif (why := _refusal(made)) is not None and len(rows) < MOST:
            text = made.text if made.text is not None else made.completion.text if made.completion is not None else ""
            rows[made.id] = Refused(made.id, made.rung, made.teacher, why, text, made.diagnosis)
    found.refused = fair([list(rows.values()) for rows in rungs.values()], MOST)
    found.sourceless = Counter(sourceless.values())
    found.uncorrected = len(set(objected) - set(won.values()))


def _without_source(made: Correction) -> bool:
    """Whether there was nothing to take a text from, so that nobody was asked."""
    return (made.text, made.completion, made.teacher, made.prompt_hash) == (None, None, None, None)


def _refusal(made: Correction) -> str | None:
    """Why a try did not win; None for one that is right, where another one was taken."""
    if made.failure is not None:
        return f"failed: {made.failure}"
    if made.grade is None:
        return "not graded"
    return None if made.grade.verdict == "correct" else f"{made.grade.verdict}: {made.grade.reason}"


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
