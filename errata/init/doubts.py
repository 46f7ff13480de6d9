"""What a sample of a run leaves in doubt: unread answers, gold answers that nobody agrees with, objections."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from errata.suspects import Suspect, Votes, most_suspect
from pipeline.grade import TRUNCATED
from pipeline.journal import scan_journal
from pipeline.types import Attempt, Correction, Pair

KEPT = 60
"""Characters of an answer that are shown."""


@dataclass(frozen=True)
class Objected:
    """A teacher that objected instead of correcting."""

    question: str
    gold: str | None
    objection: str
    why: str


@dataclass(frozen=True)
class Sampled:
    """The journals of a sample."""

    attempts: tuple[Attempt, ...]
    corrections: tuple[Correction, ...]
    pairs: tuple[Pair, ...]

    def verdicts(self) -> Counter[str]:
        """Attempts by verdict, and those that failed."""
        counts = Counter("failed" if a.grade is None else a.grade.verdict for a in self.attempts)
        return Counter({name: counts[name] for name in ("correct", "wrong", "unknown", "failed")})

    def unknown_reasons(self) -> Counter[str]:
        """Why attempts are unknown; answers are left out of the reasons, so that equal ones count together."""
        grades = (a.grade for a in self.attempts if a.grade is not None)
        return Counter(_shape(grade.reason) for grade in grades if grade.verdict == "unknown")

    def failures(self) -> Counter[str]:
        """Why there is no answer, or no grade."""
        return Counter(a.failure for a in self.attempts if a.failure is not None)

    def uncorrected(self) -> Counter[str]:
        """Why tries came to nothing, of the mistakes that nothing corrected."""
        corrected = {c.mistake_id for c in self.corrections if c.won}
        left = [c for c in self.corrections if c.mistake_id not in corrected]
        return Counter(f"{c.rung}: {_why(c)}" for c in left)

    def suspects(self) -> list[Suspect]:
        """Gold answers that no attempt gives and most attempts disagree with, the most unanimous first."""
        asked = {pair.problem_id: pair for pair in self.pairs if pair.answer is not None}
        votes: defaultdict[str, Votes] = defaultdict(Votes)
        for attempt in self.attempts:
            votes[attempt.problem_id].add(attempt)
        found = []
        for id, suspect in most_suspect(votes).items():
            if id in asked:
                question, gold = _question(asked[id]), asked[id].answer or ""
                found.append(replace(suspect, question=question, gold=gold[:KEPT], answer=suspect.answer[:KEPT]))
        return found

    def objections(self) -> list[Objected]:
        """What teachers objected to."""
        asked = {pair.mistake_id: pair for pair in self.pairs}
        found = [c for c in self.corrections if c.objection is not None and c.mistake_id in asked]
        return [
            Objected(_question(asked[c.mistake_id]), asked[c.mistake_id].answer, str(c.objection), c.diagnosis or "")
            for c in found
        ]

    def advice(self, max_tokens: int) -> list[str]:
        """What to change before the whole run is paid for."""
        verdicts, total = self.verdicts(), len(self.attempts)
        cut = sum(a.grade is not None and a.grade.reason == TRUNCATED for a in self.attempts)
        unread = verdicts["unknown"] - cut
        kept = sum(pair.dropped_by is None for pair in self.pairs)
        told = []
        if cut > total / 10:
            told.append(
                f"{cut} of {total} answers end at the token limit: raise sample.params.max_tokens ({max_tokens})"
            )
        if unread > total / 5:
            told.append(
                f"{unread} of {total} answers cannot be decided: see the reasons above; a prompt of your own "
                "(sample.prompt) can tell the student how to end its answer, and another checker may read more"
            )
        if total and verdicts["correct"] > 0.9 * total:
            told.append("the student solves nearly everything: harder problems give more mistakes")
        if total and not verdicts["correct"] and verdicts["wrong"]:
            told.append("the student solves nothing: easier problems, or a larger student, teach more")
        if verdicts["wrong"] and not kept:
            told.append("no mistake was corrected: see why above; another rung or teacher may do it")
        return told


def read_sample(folder: Path) -> Sampled:
    """The journals that a forecast kept in `folder`. Raises DataError for a broken line."""
    attempts = {a.id: a for _, a in scan_journal(folder / "attempts.jsonl", Attempt)}
    corrections = {c.id: c for _, c in scan_journal(folder / "corrections.jsonl", Correction)}
    pairs = {p.id: p for _, p in scan_journal(folder / "pairs.jsonl", Pair)}
    return Sampled(tuple(attempts.values()), tuple(corrections.values()), tuple(pairs.values()))


def _question(pair: Pair) -> str:
    return next((m.content for m in reversed(pair.prompt) if m.role == "user"), "")


def _shape(reason: str) -> str:
    """A reason without what it quotes."""
    return re.sub(r"'[^'\n]{0,400}'|\"[^\"\n]{0,400}\"", "…", reason[:800])[:120]


def _why(correction: Correction) -> str:
    if correction.objection is not None:
        return f"objects: {correction.objection.replace('_', ' ')}"
    if correction.failure is not None:
        return _shape(correction.failure)
    grade = correction.grade
    return "no text" if grade is None else f"{grade.verdict}: {_shape(grade.reason)}"


def shortest(pairs: Iterable[Pair], count: int) -> list[Pair]:
    """Kept pairs that are easy to look at: of different problems, the shortest ones."""
    kept = sorted((p for p in pairs if p.dropped_by is None), key=lambda p: len(p.rejected) + len(p.chosen or ""))
    found: dict[str, Pair] = {}
    for pair in kept:
        found.setdefault(pair.problem_id, pair)
    return list(found.values())[:count]
