"""Where the pairs of a run stand in its journal, in the order of the problems."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.journal import key_of
from pipeline.store import RunFolder
from pipeline.types import Pair, Record

PLACED = ".placed.jsonl"
"""The file that lists where each problem's pairs stand, in the order of the problems; it lives as long as the call."""


class Ids:
    """A set of ids that takes some 100 bytes each: 64 bits of them."""

    def __init__(self) -> None:
        self._keys: set[int] = set()

    def add(self, id: str) -> None:
        """Take in an id."""
        self._keys.add(key_of(id))

    def __contains__(self, id: str) -> bool:
        return key_of(id) in self._keys


class Placed(Record):
    """Where the pairs of one problem stand in the journal, and what the selection wants to know of the problem."""

    offsets: tuple[int, ...]
    pass_rate: float
    topic: str | None
    shard: str = ""
    """The worker in whose journal the offsets stand, until its journals are merged into the run's."""


def read_pairs(folder: RunFolder, without: Ids | None = None) -> Iterator[tuple[Pair, Placed]]:
    """All kept pairs but those `without` (ids), in the order of their problems."""
    with (folder.path / PLACED).open("rb") as lines:
        for line in lines:
            placed = Placed.model_validate_json(line)
            for offset in placed.offsets:
                pair = folder.pairs.read_at(offset)
                if pair.dropped_by is None and (without is None or pair.id not in without):
                    yield pair, placed
