"""All features of all pairs as numbers. What is counted is learnt from a sample, blind to which text was chosen."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.settings import at_defaults
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import literals, mask
from pipeline.shortcuts.power import FEWEST, SAMPLE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

DEFAULT: tuple[FeatureSettings, ...] = at_defaults("shortcuts.features")
"""Every kind of feature, as it comes."""
MOST_NAMES = 4_000_000
"""Names under observation beyond which those of a single prompt are forgotten, so that memory stays below 1 GB."""

Key = tuple[str, tuple[str, ...]]
"""A text, and what is masked in it."""


@dataclass(frozen=True)
class Table:
    """Counts of F features in the texts of P pairs, in the order of the contrasts."""

    names: list[str]
    """Of the features; unique within their kind."""
    kinds: list[str]
    families: list[Family]
    chosen: csr_matrix
    """float32, [P, F], columns sorted in each row."""
    rejected: csr_matrix

    @property
    def difference(self) -> csr_matrix:
        """chosen - rejected, computed anew at each call."""
        return self.chosen - self.rejected


class Vocabulary:
    """The features that are counted, by kind and name; learnt without looking at which text was chosen.

    It remembers the counts of every text that it has seen in a table, so that a text is counted once in all tables.
    """

    def __init__(self, kinds: Sequence[FeatureSettings], names: Sequence[Iterable[str]]) -> None:
        """names: those of each kind, in the order of their columns."""
        self.kinds = tuple(kinds)
        self.names: list[str] = []
        """Of all columns."""
        self._columns: list[dict[str, int]] = []
        for those in names:
            self._columns.append({name: len(self.names) + n for n, name in enumerate(those)})
            self.names += self._columns[-1]
        self._kinds = [kind for kind, those in zip(kinds, self._columns, strict=True) for _ in those]
        self._rows: dict[Key, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def learn(
        cls,
        contrasts: Sequence[Contrast],
        kinds: Sequence[FeatureSettings] = DEFAULT,
        *,
        sample: int = SAMPLE,
        fewest: int = FEWEST,
        largest: int = 60_000,
        seed: int = 0,
    ) -> Self:
        """The features that texts of at least `fewest` prompts have, out of `sample` prompts with all their pairs.

        All lengths and formats are taken, which are few, and of words, n-grams and sentences those of most prompts, up
        to `largest` features in all. Columns stand in the order of kinds, then of names. The same on every machine.
        """
        prompts: dict[str, list[Contrast]] = {}
        for contrast in contrasts:
            prompts.setdefault(contrast.prompt, []).append(contrast)
        drawn = sorted(prompts)
        random.Random(seed).shuffle(drawn)
        seen: list[Counter[str]] = [Counter() for _ in kinds]
        most = MOST_NAMES
        for prompt in drawn[:sample]:
            _count_prompt(prompts[prompt], kinds, seen)
            if sum(map(len, seen)) > most:
                seen = [Counter({name: n for name, n in those.items() if n > 1}) for those in seen]
                most = max(MOST_NAMES, 2 * sum(map(len, seen)))
        return cls(kinds, _choose(kinds, seen, fewest, largest))

    def table(self, contrasts: Sequence[Contrast]) -> Table:
        """The counts of all texts."""
        from scipy.sparse import csr_matrix

        masks = [hidden(contrast) for contrast in contrasts]
        keys_of = [(contrast.chosen, those) for contrast, those in zip(contrasts, masks, strict=True)]
        keys_of += [(contrast.rejected, those) for contrast, those in zip(contrasts, masks, strict=True)]
        starts, columns, counts = self._count(keys_of)
        sides = []
        for first in (0, len(contrasts)):
            start_P = starts[first : first + len(contrasts) + 1]
            inside = slice(int(start_P[0]), int(start_P[-1]))
            parts = (counts[inside], columns[inside], start_P - start_P[0])
            side = csr_matrix(parts, shape=(len(contrasts), len(self)), copy=False)
            side.sort_indices()  # in place, so that the rows that are remembered are sorted too
            sides.append(side)
        kinds, families = [kind.name for kind in self._kinds], [kind.family for kind in self._kinds]
        return Table(self.names, kinds, families, *sides)

    def _count(self, keys: Sequence[Key]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The texts' counts one after the other: where each begins, columns, counts. One buffer holds all of them."""
        columns, counts, starts = array("i"), array("f"), array("q", [0])
        places: dict[Key, int] = {}
        for place, key in enumerate(keys):
            known = self._rows.get(key)
            if known is not None:
                columns.frombytes(known[0].tobytes())
                counts.frombytes(known[1].tobytes())
            elif key in places:
                start, end = starts[places[key]], starts[places[key] + 1]
                columns.extend(columns[start:end])
                counts.extend(counts[start:end])
            else:
                places[key] = place
                self._append(key, columns, counts)
            starts.append(len(columns))
        start_T = np.frombuffer(starts, np.int64)
        column_N, count_N = np.frombuffer(columns, np.int32), np.frombuffer(counts, np.float32)
        for key, place in places.items():
            inside = slice(start_T[place], start_T[place + 1])
            self._rows[key] = column_N[inside], count_N[inside]
        return start_T, column_N, count_N

    def _append(self, key: Key, columns: array[int], counts: array[float]) -> None:
        text, hidden = key
        masked = mask(text, hidden)
        for kind, column_of in zip(self.kinds, self._columns, strict=True):
            found = kind.count(masked)
            known = [name for name in found if name in column_of]
            columns.fromlist([column_of[name] for name in known])
            counts.fromlist([found[name] for name in known])


def hidden(contrast: Contrast) -> tuple[str, ...]:
    """What is masked in both texts: the answers in words, if both are known. One alone would mark the text it is in."""
    if contrast.answer is None or contrast.rejected_answer is None:
        return ()
    return literals((contrast.answer, contrast.rejected_answer))


def _count_prompt(contrasts: Sequence[Contrast], kinds: Sequence[FeatureSettings], seen: list[Counter[str]]) -> None:
    """Count a prompt for each feature that any of its texts has."""
    keys = {(text, hidden(contrast)): None for contrast in contrasts for text in (contrast.chosen, contrast.rejected)}
    texts = [mask(*key) for key in keys]
    for kind, names in zip(kinds, seen, strict=True):
        names.update({name for text in texts for name in kind.count(text)})


def _choose(
    kinds: Sequence[FeatureSettings], seen: Sequence[Mapping[str, int]], fewest: int, largest: int
) -> list[list[str]]:
    """The names of each kind that are counted."""
    enough = [{name: n for name, n in those.items() if n >= fewest} for those in seen]
    ranked = sorted(
        (kind.family not in ("length", "format"), -n, place, len(name), name)
        for place, (kind, those) in enumerate(zip(kinds, enough, strict=True))
        for name, n in those.items()
    )
    taken: list[list[str]] = [[] for _ in kinds]
    for _, _, place, _, name in ranked[:largest]:
        taken[place].append(name)
    return [sorted(those) for those in taken]
