"""Every record that passes between stages. Frozen, closed, and nothing here but pydantic is imported.

Problem ─sample─▶ Attempt(Completion, Grade) ─▶ Mistake ─▶ Correction(Completion, Grade) ─▶ Pair(Finding)
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Scalar = str | int | float | bool | None
Extra = Scalar | tuple[str, ...]
Verdict = Literal["correct", "wrong", "unknown"]
Objection = Literal["attempt_right", "gold_wrong"]
View = Literal["direct", "revise"]
FinishReason = Literal["stop", "length", "content_filter"]


def content_id(*parts: object) -> str:
    """16 hex digits of the SHA-256 of the parts' canonical JSON: equal content, equal id, on every machine."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Record(BaseModel):
    """Base of all records."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Record):
    """A question with its gold answer; `id` is a hash of question, system prompt and extras unless the data has one."""

    id: str
    question: str
    answer: str | None
    """The gold answer; None where the data has no ground truth."""
    rationale: str | None = None
    """The data set's own worked solution, where it has one."""
    system: str | None = None
    extras: dict[str, Extra] = {}
    """Further input columns, for the prompt templates and the checker."""
    source: str = ""
    """`file:line` it was read from, for messages."""

    @property
    def gold(self) -> str:
        """The gold answer, for what cannot do without one."""
        if self.answer is None:
            raise ValueError(f"{self.source or self.id}: the problem has no gold answer")
        return self.answer


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class SamplingParams(Record):
    """How to draw a completion; temperature 0 is greedy."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: str | None = None
    """A JSON schema that the server makes the text follow; only for engines that enforce one."""


class Usage(Record):
    """Tokens as the engine counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The tokens of both."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class Completion(Record):
    """One text an engine wrote."""

    text: str
    finish_reason: FinishReason = "stop"
    token_ids: tuple[int, ...] | None = None
    """Sampled ids, end token included, where the engine gives them."""
    usage: Usage = Usage()
    reasoning: str | None = None
    """What the model thought before it answered, where that is kept apart."""


class Opinion(Record):
    """What one of several checkers said of a text."""

    checker: str
    verdict: Verdict
    reason: str


class Grade(Record):
    """A checker's verdict; timeouts, parse failures and truncated texts are `unknown`, never `wrong`."""

    verdict: Verdict
    extracted: str | None
    """The final answer as it was read from the text."""
    reason: str
    score: float | None = None
    opinions: tuple[Opinion, ...] = ()
    """The first checker's and the second's, where a second one was asked."""


class Attempt(Record):
    """One answer of the student: a graded completion, or the reason why there is none."""

    id: str
    problem_id: str
    index: int
    engine: str
    settings: str
    """Fingerprint of all that the attempt depends on besides the problem and `index`."""
    completion: Completion | None
    grade: Grade | None
    failure: str | None = None

    @model_validator(mode="after")
    def _graded_or_failed(self) -> Attempt:
        if (self.failure is None) != (self.completion is not None and self.grade is not None):
            raise ValueError("an attempt has a completion with its grade, or a failure")
        return self


class Mistake(Record):
    """A wrong attempt, on its way to a teacher."""

    id: str
    problem: Problem
    attempt_id: str
    text: str
    extracted: str | None
    score: float | None = None


class Correction(Record):
    """One try to obtain a chosen text for a mistake, whatever came of it."""

    id: str
    problem_id: str
    mistake_id: str
    rung: str
    settings: str
    teacher: str | None
    """Name of the teacher that wrote it, or said where the mistake begins; None where none was asked."""
    gold_visible: bool
    """Whether the writer saw the gold answer."""
    prompt_hash: str | None
    text: str | None
    """The text as it would be chosen: cleaned, and in the student's answer format."""
    completion: Completion | None
    """What the writer answered at last, word for word; None where none was asked or none answered."""
    usage: Usage = Usage()
    """Of all texts of this try: locating, writing, repairing. What came from the cache counts, too, and a text that
    several mistakes share counts for each; what was paid stands in the summary's `usage`."""
    grade: Grade | None
    failure: str | None = None
    won: bool = False
    """Whether this is the text that corrects the mistake; a pair's `correction_id` names it."""
    objection: Objection | None = None
    """What the writer objected instead of correcting: the attempt is right, or the gold answer looks wrong."""
    diagnosis: str | None = None
    """What went wrong, in the words of the teacher or of the recomputation."""
    first_wrong_step: int | None = None
    """Index of the step with which the mistake begins, where it was looked for; 0 is the first."""
    repaired: bool = False
    """Whether a malformed reply had to be asked for again."""
    format_mismatch: tuple[str, ...] = ()
    """What of the student's answer format the text does not follow."""
    edit_ratio: float | None = None
    """Distance to the mistake over words, 0 for identical texts, 1 for disjoint ones (normalised Indel distance)."""
    log_prob: float | None = None
    """Mean log-prob of the text's tokens under the student in nats, where texts are chosen by it."""


class Finding(Record):
    """Something a rule says about a pair."""

    rule: str
    action: Literal["drop", "flag"]
    reason: str
    span: tuple[int, int] | None = None
    score: float | None = None


class Pair(Record):
    """What became of one mistake: a preference pair, or the findings for which there is none."""

    id: str
    problem_id: str
    mistake_id: str
    settings: str
    prompt: tuple[Message, ...]
    rejected: str
    chosen: str | None
    answer: str | None
    rejected_answer: str | None
    chosen_score: float | None = None
    rejected_score: float | None = None
    correction_id: str | None = None
    rung: str | None = None
    teacher: str | None = None
    gold_visible: bool | None = None
    edit_ratio: float | None = None
    view: View = "direct"
    confirms: bool = False
    """For `revise`: the attempt in the prompt is right, and `chosen` keeps it."""
    findings: tuple[Finding, ...] = ()

    @property
    def dropped_by(self) -> str | None:
        """The first rule that drops the pair; None for a pair that is kept."""
        return next((finding.rule for finding in self.findings if finding.action == "drop"), None)

    @model_validator(mode="after")
    def _kept_has_chosen(self) -> Pair:
        if self.chosen is None and self.dropped_by is None:
            raise ValueError("a pair without a chosen text needs the finding that says why")
        return self
