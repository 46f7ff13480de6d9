"""Features that are no author's: error signals, and n-grams that hold one.

`*` is an error signal where wrong solutions forget to multiply, and so is every n-gram with a `*` in it, however rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.shortcuts.sides import Sides
from pipeline.shortcuts.sign_tests import Tested
from pipeline.shortcuts.tokens import tokenize


def find_signals(tested: Tested, sides: Sides) -> NDArray[np.bool_]:
    """Whether each feature (all) is an error signal, or words or characters of which a part is one."""
    names, settings = sides.vocabulary.names, {kind.name: kind for kind in sides.vocabulary.kinds}

    def pieces(column: int) -> Sequence[str]:
        kind = sides.kinds[column]
        if kind == "characters":
            return names[column]
        words = settings[kind].words_of(names[column])
        return tokenize(words if words is not None else names[column] if kind == "punctuation" else "")

    signals = np.zeros(len(names), dtype=bool)
    known: dict[bool, set[Sequence[str]]] = {True: set(), False: set()}  # of characters, of words
    for feature, column in zip(tested.features, tested.columns, strict=True):
        if feature.class_ == "error_signal":
            signals[column] = True
            if part := pieces(column):
                known[feature.kind == "characters"].add(part if isinstance(part, str) else tuple(part))
    for column in range(len(names)):
        if not signals[column]:
            own = known[sides.kinds[column] == "characters"]
            signals[column] = bool(own) and any(part in own for part in _parts(pieces(column)))
    return signals


def _parts(pieces: Sequence[str]) -> Iterator[Sequence[str]]:
    """All runs of pieces."""
    for start in range(len(pieces)):
        for end in range(start + 1, len(pieces) + 1):
            yield pieces[start:end] if isinstance(pieces, str) else tuple(pieces[start:end])
