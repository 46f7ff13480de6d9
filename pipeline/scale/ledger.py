"""What the workers of a run spend, together and each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.cache import Paid


@dataclass
class Sum:
    """Money and tokens that count against the budget."""

    cost: float = 0.0
    tokens: int = 0

    def add(self, paid: Paid) -> None:
        """Count one payment."""
        if paid.billed:
            self.cost += paid.cost or 0.0
            self.tokens += paid.prompt_tokens + paid.completion_tokens


class Ledger:
    """Keeps account of a run, beginning with what its earlier calls have paid by engine."""

    def __init__(self, spent: Mapping[str, Paid]) -> None:
        self.spent = dict(spent)
        self._all = Sum()
        self._own: dict[str, Sum] = {}
        self._known: dict[str, Sum] = {}
        """What all had spent when a worker was opened, which it counts itself."""

    def open(self, worker: str) -> dict[str, Paid]:
        """A worker begins; returns what the run has paid so far, by engine."""
        self._own[worker], self._known[worker] = Sum(), Sum(self._all.cost, self._all.tokens)
        return dict(self.spent)

    def add(self, worker: str, payments: Iterable[Paid]) -> None:
        """What a worker has paid is on the disk."""
        for paid in payments:
            self._all.add(paid)
            self._own[worker].add(paid)
            known = self.spent.get(paid.engine)
            self.spent[paid.engine] = paid if known is None else _sum(known, paid)

    def elsewhere(self, worker: str) -> tuple[float, int]:
        """(cost, tokens) that other workers have spent since this one began."""
        own, known = self._own[worker], self._known[worker]
        return self._all.cost - own.cost - known.cost, self._all.tokens - own.tokens - known.tokens


def _sum(one: Paid, other: Paid) -> Paid:
    costs = [paid.cost for paid in (one, other) if paid.cost is not None]
    return other._replace(
        completions=one.completions + other.completions,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost=sum(costs) if costs else None,
    )
