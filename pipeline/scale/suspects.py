"""Which problem ends its worker: a part that was under way when a worker died is tried again, with fewer at once.

    deaths so far   the part's problems are tried
    0               as many at once as the engines take
    1               a few at once
    2 and more      one at a time, with nothing else under way in the worker; the one that dies then is the cause

A worker that was merely lost costs little: what its part had been answered is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

TOGETHER = (None, 8, 1)
"""Groups of problems under way together, by the deaths that their part has seen; None for no limit."""


def together(deaths: int) -> int | None:
    """How many groups of a part may be under way together."""
    return TOGETHER[min(deaths, len(TOGETHER) - 1)]


@dataclass
class Trial:
    """A part that is under way, or was when its worker died."""

    turn: str
    """Who tries it, and which time."""
    deaths: int = 0
    alone: tuple[int, ...] = ()
    """Numbers of the problems that are tried alone now."""


@dataclass
class Suspects:
    """Counts the deaths that parts have seen."""

    guilty: set[int] = field(default_factory=set)
    """Numbers of problems that ended their worker each time: they are tried no more."""
    _trials: dict[int, Trial] = field(default_factory=dict)

    @property
    def turns(self) -> list[str]:
        """Whose parts were begun and have not ended."""
        return [trial.turn for trial in self._trials.values()]

    def begin(self, part: int, turn: str) -> int:
        """A part is begun; returns how many deaths it has seen. The same turn told twice is one."""
        trial = self._trials.setdefault(part, Trial(turn))
        if trial.turn != turn:
            self.guilty.update(trial.alone)
            trial.turn, trial.deaths, trial.alone = turn, trial.deaths + 1, ()
        return trial.deaths

    def alone(self, part: int, numbers: Iterable[int]) -> None:
        """These problems of a part are the only ones under way in their worker; none of them any more, if empty."""
        if part in self._trials:
            self._trials[part].alone = tuple(numbers)

    def end(self, part: int) -> None:
        """A part has come to its end, well or not, and its worker lives."""
        self._trials.pop(part, None)
