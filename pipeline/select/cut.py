"""Pairs are dropped one by one until all limits hold.

Rule by rule in order, as long as one of its limits is exceeded, a pair that it limits is dropped: where there is a
choice, one whose going does not break another limit, and of those the one the rule drops first. A later rule may still
break an earlier one, so all of them have their turn again until none drops anything.

Shape suffixes: L limits, K kinds of pairs, M limits that one kind has to do with.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pipeline.select.candidates import Candidate
from pipeline.select.limits import Limit, kind_of
from pipeline.types import Finding

_ROUNDING = 1e-9


def cut_to_limits(candidates: Sequence[Candidate], limits: Sequence[Limit]) -> dict[str, Finding]:
    """Findings of the pairs to be dropped, by id. Candidates stand in order: those to be kept first at the front."""
    kept = _Kept(candidates, limits)
    findings: dict[str, Finding] = {}
    known = -1
    while known != len(findings):
        known = len(findings)
        for rule, numbers in itertools.groupby(range(len(limits)), lambda number: limits[number].rule):
            its = np.array(list(numbers))
            told: dict[int, Finding] = {}
            while (exceeded := kept.most_exceeded(its)) is not None:
                if exceeded not in told:
                    told[exceeded] = Finding(rule=rule, action="drop", reason=kept.reason(exceeded))
                findings[candidates[kept.drop(exceeded)].id] = told[exceeded]
    return findings


class _Kept:
    """How many pairs are kept of each kind, and which goes next."""

    def __init__(self, candidates: Sequence[Candidate], limits: Sequence[Limit]) -> None:
        self.limits, self.n = limits, len(candidates)
        self.gone = np.zeros(len(candidates), bool)
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(map(kind_of, candidates)))}
        kind_of_row = [kinds[kind_of(candidate)] for candidate in candidates]

        self.share_L = np.array([limit.share for limit in limits])
        self.constant_L = np.array([limit.constant for limit in limits], float)
        self.limited: list[np.ndarray] = []
        entries: list[list[tuple[int, int]]] = [[] for _ in kinds]
        for number, limit in enumerate(limits):
            self.limited.append(np.array([kinds[kind] for kind, weight in limit.weights.items() if weight > 0], int))
            for kind, weight in limit.weights.items():
                entries[kinds[kind]].append((number, weight))
        most = max(map(len, entries), default=0)
        padded = [entry + [(0, 0)] * (most - len(entry)) for entry in entries]
        table = np.array(padded, int).reshape(len(kinds), most, 2)
        self.limit_KM, self.weight_KM = table[..., 0], table[..., 1]

        self.count_K = np.bincount(kind_of_row, minlength=len(kinds))
        self.used_L = np.zeros(len(limits))
        np.add.at(self.used_L, self.limit_KM, self.weight_KM * self.count_K[:, None])

        by_length = sorted(
            range(self.n), key=lambda row: abs(candidates[row].chosen_length - candidates[row].rejected_length)
        )
        self.queues = {
            False: _Queue(range(self.n), kind_of_row, len(kinds), self.gone),
            True: _Queue(by_length, kind_of_row, len(kinds), self.gone),
        }

    def most_exceeded(self, numbers: np.ndarray) -> int | None:
        """Of these limits the one exceeded by most pairs; None where all of them hold."""
        excess = self.used_L[numbers] - self.share_L[numbers] * self.n - self.constant_L[numbers]
        worst = int(excess.argmax())
        return int(numbers[worst]) if excess[worst] > _ROUNDING else None

    def reason(self, number: int) -> str:
        """Why a pair is dropped for this limit now."""
        held = self.count_K[self.limited[number]].sum() / self.n
        return self.limits[number].reason.format(held=held, n=self.n)

    def drop(self, number: int) -> int:
        """Drop one of the pairs that this limit limits; returns its row."""
        after_L = self.share_L * (self.n - 1) + self.constant_L + _ROUNDING
        tight_L = self.used_L > after_L
        kinds = self.limited[number]
        queue = self.queues[self.limits[number].longest_first]
        relief = (tight_L[self.limit_KM[kinds]] * self.weight_KM[kinds]).sum(axis=1)
        place = queue.next_K[kinds]
        best = np.where(place >= 0, relief * len(self.gone) + place, -np.inf).argmax()
        kind = int(kinds[best])
        row = queue.row(kind)
        self.gone[row] = True
        for each in self.queues.values():
            each.skip_gone(kind)
        self.n -= 1
        self.count_K[kind] -= 1
        np.subtract.at(self.used_L, self.limit_KM[kind], self.weight_KM[kind])
        return row


class _Queue:
    """The rows of every kind in the order in which they go, the first to go at the end."""

    def __init__(self, rows: Sequence[int], kind_of_row: Sequence[int], kinds: int, gone: np.ndarray) -> None:
        self.gone = gone
        self.next_K = np.full(kinds, -1)
        """Place, among all rows, of the one that goes next; -1 where none is left."""
        self._rest: list[list[tuple[int, int]]] = [[] for _ in range(kinds)]
        for place, row in enumerate(rows):
            self._rest[kind_of_row[row]].append((place, row))
        for kind in range(kinds):
            self.skip_gone(kind)

    def row(self, kind: int) -> int:
        """The row that goes next."""
        return self._rest[kind][-1][1]

    def skip_gone(self, kind: int) -> None:
        """Go on to a row that is still there."""
        rest = self._rest[kind]
        while rest and self.gone[rest[-1][1]]:
            rest.pop()
        self.next_K[kind] = rest[-1][0] if rest else -1
