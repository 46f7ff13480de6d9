"""`evaluation.json`: how each model did on each set of problems, and what changed against the first model."""

from __future__ import annotations

from pipeline.types import Record, Verdict

Interval = tuple[float, float]


class Estimate(Record):
    """A mean over problems with its 95% interval (percentile bootstrap over problems)."""

    value: float
    interval: Interval


class Slice(Record):
    """The greedy answers to the problems of one topic, or of one difficulty."""

    n: int
    correct: int
    accuracy: float
    interval: Interval
    """95% Wilson score interval."""


class SecondTurn(Record):
    """What became of the greedy answers once the model was asked to check them. Only `correct` counts as right."""

    n: int
    first: float
    """Share right at first."""
    second: float
    """Share right after the second turn."""
    wrong_to_right: int
    right_to_wrong: int
    unreadable: int
    """Second answers without a verdict, failed ones among them; they count as not right."""
    gain: Estimate
    """second - first."""
    p_value: float
    """Exact two-sided McNemar test of first against second."""


class Score(Record):
    """How one model did on one set."""

    accuracy: float
    """Share of problems whose greedy answer is correct; `unknown` does not count as correct."""
    interval: Interval
    """95% Wilson score interval of `accuracy`."""
    correct: int
    wrong: int
    unknown: int
    truncated: int
    """Of the unknown ones, those cut off at the token limit."""
    failed: int
    """Of the unknown ones, requests that failed for good, the checker's own included."""
    tokens: float | None
    """Mean tokens of a greedy answer; None where the engine counts none."""
    longest: int
    """Characters of the longest greedy answer."""
    samples: int
    """Sampled answers to each problem."""
    samples_failed: int = 0
    """Of all sampled answers, those whose request failed for good; pass@k and its like do without them."""
    samples_truncated: int = 0
    """Of all sampled answers, those cut off at the token limit; they are unknown."""
    pass_at: dict[int, Estimate] = {}
    """pass@k over the sampled answers, unbiased (Chen et al. 2021); pass@1 is their mean accuracy."""
    maj_at: dict[int, Estimate] = {}
    """Share of problems whose most frequent answer among k sampled ones is correct."""
    distinct: Estimate | None = None
    """Distinct final answers among a problem's samples."""
    entropy: Estimate | None = None
    """Entropy in nats of a problem's final answers."""
    slices: dict[str, dict[str, Slice]] = {}
    """By column, then by its value."""
    second_turn: SecondTurn | None = None


class Flip(Record):
    """A problem whose correctness changed."""

    problem_id: str
    question: str
    answer: str | None
    before: str
    after: str


class Change(Record):
    """One model against the first one, on the same problems."""

    gain: Estimate
    """Difference of the accuracies of greedy answers; the bootstrap is paired."""
    fixed: int
    broken: int
    p_value: float
    """Exact two-sided McNemar test over the problems whose correctness changed."""
    significant: bool
    """p_value < 0.05."""
    conclusion: str
    sampled_gain: Estimate | None = None
    """Difference of pass@1."""
    second_turn_gain: Estimate | None = None
    """Difference of the gains by a second turn."""
    examples: dict[str, tuple[Flip, ...]] = {}
    """`fixed` and `broken`: some of each."""


class SetResult(Record):
    """All models on one set of problems."""

    path: str
    checker: str
    n: int
    scores: dict[str, Score]
    """By model; the first is what the others are compared with."""
    changes: dict[str, Change]
    """By model, the first left out."""


class Evaluation(Record):
    """`evaluation.json`."""

    models: dict[str, str]
    """What each model is: its folder, hub id, or server."""
    sets: dict[str, SetResult]
    """By name; `held_out` is the first."""
    conclusion: str

    @property
    def first(self) -> str:
        """The model that the others are compared with."""
        return next(iter(self.models))

    @property
    def last(self) -> str:
        """The trained model: `after`; where no model is called so, the one that was asked last."""
        return "after" if "after" in self.models else next(reversed(self.models))

    @property
    def held_out(self) -> SetResult:
        """The held-out problems."""
        return next(iter(self.sets.values()))


class AnswerRow(Record):
    """A line of `answers.jsonl`: one answer of one model."""

    set: str
    model: str
    problem_id: str
    kind: str
    """`greedy`, `sampled` or `second_turn`."""
    index: int
    text: str | None
    """None where the request failed; `reason` says why."""
    verdict: Verdict
    extracted: str | None
    reason: str
    tokens: int
