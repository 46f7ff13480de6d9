"""What the commands above build, train and evaluate leave in a run's folder."""

from __future__ import annotations

from pipeline.intervals import LEVEL
from pipeline.measures.records import Change, Estimate, Interval
from pipeline.types import Record


class Divergence(Record):
    """KL(policy ‖ reference) in nats, from the policy's own answers to held-out problems."""

    texts: int
    per_text: Estimate
    """Mean over texts of log π - log π_ref, summed over the text's tokens."""
    per_token: Estimate
    """The same, divided by the number of tokens of all texts."""


class Rewards(Record):
    """`rewards.json`: what the policy's implicit reward β (log π - log π_ref) says of pairs it was not trained on."""

    policy: str
    reference: str
    beta: float
    split: str
    """`validation`; `train` where there is no validation pair."""
    pairs: int
    accuracy: float
    """Share of pairs whose chosen text has the higher reward."""
    interval: Interval
    """95% Wilson score interval of `accuracy`."""
    margin: Estimate
    """Mean reward of chosen less that of rejected."""
    chosen_change: Estimate
    """Mean of log π - log π_ref over the chosen texts, in nats a text."""
    rejected_change: Estimate
    displaced: float
    """Share of pairs whose chosen text has become less likely."""
    divergence: Divergence | None = None
    """None where the policy's answers are not there."""


class TextCredit(Record):
    """The log-probs of one text's tokens, in nats."""

    ends: tuple[int, ...]
    """Where each token ends, in characters; tokens behind the text (its end mark) end where it ends."""
    before: tuple[float, ...]
    """Under the reference."""
    after: tuple[float, ...]
    """Under the policy; a token's implicit reward is β (after - before)."""


class PairCredit(Record):
    """A line of `rewards.jsonl`: what training credited in one pair, token by token."""

    id: str
    beta: float
    chosen: TextCredit
    rejected: TextCredit


class Round(Record):
    """One round of a loop."""

    number: int
    run: str
    """The round's folder, seen from that of the loop."""
    student: str
    """The model that it began with: folder, hub id, or the policy of the round before."""
    policy: str
    """The model that it ended with, seen from the loop's folder."""
    problems: int
    mistakes: int
    pairs: int
    """New ones that were trained on."""
    past_pairs: int
    """Those of earlier rounds that were trained on, too."""
    audit: str | None
    cleaned: bool
    """Whether the pairs were repaired before training."""
    before: float
    """Greedy accuracy at the round's start, on held-out problems."""
    after: float
    interval: Interval
    gain: Estimate
    fixed: int
    broken: int
    p_value: float
    chosen_change: float | None
    """Mean change of the chosen texts' log-prob over the round's training, as its log has it, in nats; None without a
    reference."""
    cost: float
    """Of this round, in the currency of the prices."""
    seconds: float
    """Of the call that finished it; what earlier calls had done is not in it."""
    conclusion: str

    @property
    def gained(self) -> bool:
        """Whether it is significantly better than its start."""
        return self.p_value < LEVEL and self.gain.value > 0

    @property
    def fell(self) -> bool:
        """Whether it is significantly worse."""
        return self.p_value < LEVEL and self.gain.value < 0


class Loop(Record):
    """`loop.json`: the rounds so far."""

    wanted: int
    reference: str
    """`round`: each round's own start; `fixed`: the student of the first round."""
    fingerprint: str
    """Of all that the rounds depend on."""
    rounds: tuple[Round, ...]
    stopped: str | None = None
    """Why there are fewer rounds than wanted; None while it goes on, and where all are done."""
    best: int | None = None
    """Number of the round with the best greedy accuracy; of equals, the first. None where none is better than the
    first student."""
    total: Change | None = None
    """The best round's policy against the student of the first round."""


class Cell(Record):
    """One setting of a grid, one seed."""

    values: dict[str, str]
    """By axis, the label of the value taken."""
    run: str
    """Its folder, seen from that of the run."""
    pairs: int
    accuracy: float
    interval: Interval
    gain: Estimate
    fixed: int
    broken: int
    p_value: float
    seconds: float
    """In the training loop."""


class Ablation(Record):
    """`ablation.json`: a grid of settings over one source of attempts."""

    axes: dict[str, tuple[str, ...]]
    """By setting, the labels of its values."""
    n: int
    """Held-out problems."""
    before: float
    """Greedy accuracy of the student."""
    cells: tuple[Cell, ...]
