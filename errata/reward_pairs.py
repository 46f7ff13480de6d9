"""The pairs that rewards are measured on: read from the data set, and written down token by token."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from errata.records import PairCredit, TextCredit
from errata.training import Rows, read_split
from pipeline.errors import DataError
from pipeline.types import content_id

if TYPE_CHECKING:
    import numpy as np

    from trainer.data import Example

    Logps = tuple[np.ndarray[Any, Any], ...]
    Pair = tuple[dict[str, Any], Example]

T = TypeVar("T")
log = logging.getLogger(__name__)
DIGITS = 4


@dataclass(frozen=True)
class Scored:
    """A pair with the log-probs of its chosen and its rejected text, under reference and policy."""

    row: dict[str, Any]
    example: Example
    before: Logps
    after: Logps

    @property
    def problem(self) -> str:
        """What the pairs of one problem have in common."""
        return str(self.row.get("problem_id") or json.dumps(self.row.get("prompt")))

    @property
    def changes(self) -> tuple[float, float]:
        """log π - log π_ref of the chosen and of the rejected text."""
        chosen, rejected = (
            float(new.sum(dtype="float64") - old.sum(dtype="float64"))
            for old, new in zip(self.before, self.after, strict=True)
        )
        return chosen, rejected


def read_pairs(
    source: Path, tokenizer: Any, longest: int | None, train_pairs: int
) -> tuple[str, list[Pair], list[Pair]]:
    """The split that counts, its pairs, and those of the train split that are shown beside them.

    Raises DataError where there is no pair of at most `longest` tokens, TrainerError for one that cannot be tokenized.
    """
    from trainer.data import tokenize_rows

    def read(rows: Rows) -> list[Pair]:
        examples = tokenize_rows(rows, tokenizer) if rows else []
        fit = [pair for pair in zip(rows, examples, strict=True) if longest is None or pair[1].length <= longest]
        if left_out := len(rows) - len(fit):
            log.warning("%d of %d pairs are longer than max_length %s and left out", left_out, len(rows), longest)
        return fit

    trained = read_split(source, "train")
    if held_out := read(read_split(source, "validation")):
        return "validation", held_out, read(spread(trained, trained, train_pairs))
    if pairs := read(trained):
        return "train", pairs, []
    raise DataError(source / "dataset", "holds no pair to measure; run `errata build` first, and see its summary")


def spread(things: Sequence[T], rows: Iterable[dict[str, Any]], count: int) -> list[T]:
    """Some of the things, by the hashes of their rows' ids: the same ones as long as they are there."""
    hashes = [content_id(pair_id(row)) for row in rows]
    first = sorted(range(len(hashes)), key=hashes.__getitem__)[:count]
    return [things[i] for i in sorted(first)]


def pair_id(row: dict[str, Any]) -> str:
    """The row's id, or a hash of its texts."""
    return str(row.get("id") or content_id(row.get("prompt"), row["chosen"], row["rejected"]))


def place_credit(scored: Sequence[Scored], tokenizer: Any, beta: float) -> Iterator[PairCredit]:
    """The tokens of each pair. One whose texts the chat template rewrites is left out: they have no place there."""
    from trainer.ends import place_tokens

    left_out = 0
    for one in scored:
        placed = place_tokens(one.row, one.example, tokenizer)
        if [text.text for text in placed] != [_text(one.row[side]) for side in ("chosen", "rejected")]:
            left_out += 1
            continue
        chosen, rejected = (
            TextCredit(ends=text.ends, before=_round(before), after=_round(after))
            for text, before, after in zip(placed, one.before, one.after, strict=True)
        )
        yield PairCredit(id=pair_id(one.row), beta=beta, chosen=chosen, rejected=rejected)
    if left_out:
        log.warning("%d pairs are left out of rewards.jsonl: the chat template rewrites their texts", left_out)


def _text(side: Any) -> str | None:
    """A text, or that of a conversation's only turn."""
    if isinstance(side, str):
        return side
    return side[0]["content"] if len(side) == 1 else None


def _round(logps: np.ndarray[Any, Any]) -> tuple[float, ...]:
    return tuple(round(value, DIGITS) + 0.0 for value in logps.tolist())  # no -0.0
