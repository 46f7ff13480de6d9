"""Lines of journals by the keys of their ids, and where they stand; arrays of 8 bytes, for millions of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import journal

Numbers = Any
"""A NumPy array of 64-bit integers; keys are unsigned."""


def read_keys(path: Path, model: Any) -> tuple[Numbers, Numbers]:
    """The key and the offset of every line of a journal, all verified. Raises DataError for a damaged one."""
    import numpy as np

    keys, offsets = journal.read_keys(path, model)
    return np.array(keys, np.uint64), np.array(offsets, np.int64)


class Index:
    """Where the newest line of each key stands."""

    def __init__(self, keys: Numbers, places: Sequence[int]) -> None:
        import numpy as np

        self._keys, self._places = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self.add(keys, places)

    def add(self, keys: Numbers, places: Sequence[int]) -> None:
        """Take in lines that are newer than those known."""
        import numpy as np

        both = np.concatenate([self._keys, keys])
        order = np.argsort(both, kind="stable")
        self._keys, self._places = both[order], np.concatenate([self._places, np.array(places, np.int64)])[order]

    def find(self, keys: Numbers) -> list[int]:
        """The places of these keys, −1 for one that is not known."""
        import numpy as np

        if not len(self._keys):
            return [-1] * len(keys)
        at = np.searchsorted(self._keys, keys, side="right") - 1
        found: list[int] = np.where((at >= 0) & (self._keys[at] == keys), self._places[at], -1).tolist()
        return found

    @staticmethod
    def repeated(keys: Numbers) -> set[int]:
        """The keys that stand there more than once."""
        import numpy as np

        ordered = np.sort(keys)
        return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


class Moved:
    """Where the lines of a shard's journal stand in the run's."""

    def __init__(self, offsets: Numbers, places: Sequence[int]) -> None:
        import numpy as np

        self._offsets, self._places = offsets, np.array(places, np.int64)

    def find(self, offset: int) -> int:
        """The place of a line, by its offset in the shard. Raises KeyError for an offset where none begins."""
        at = int(self._offsets.searchsorted(offset))
        if at == len(self._offsets) or int(self._offsets[at]) != offset:
            raise KeyError(offset)
        return int(self._places[at])
