"""From the examples of a step to rows of micro-batches, a token budget for each (balance.py: who computes which).

Which examples share a micro-batch has no influence on the gradient: the loss is the mean over all of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from trainer.data import Example
from trainer.errors import TrainingInputError
from trainer.trie import Trie, build_trie


@dataclass(frozen=True)
class Block:
    """A trie, and for each of its paths whose text it spells: (example in the step, text of the example)."""

    trie: Trie
    owners: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.trie)


Unit = tuple[Block, ...]
"""Blocks that must stand in one micro-batch, because a loss compares their texts."""


@dataclass(frozen=True)
class Plan:
    """The rows of one micro-batch. A ghost only keeps a rank in step with the others: its loss counts nothing."""

    rows: tuple[Unit, ...]
    ghost: bool = False

    @property
    def width(self) -> int:
        """Tokens of the longest row."""
        return max(sum(map(len, row)) for row in self.rows)


def share_prompts(examples: Sequence[Example], budget: int) -> list[Unit]:
    """One trie for each prompt; a prompt whose examples exceed the budget together gets several.

    Raises TrainingInputError, naming the row, where a single example does not fit.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.prompt, []).append(i)
    units: list[Unit] = []
    for prompt, group in groups.items():
        block = _build(prompt, examples, group)
        if len(block) <= budget:
            units.append((block,))
            continue
        held: list[int] = []
        for i in group:
            if held and len(_build(prompt, examples, [*held, i])) > budget:
                units.append((_build(prompt, examples, held),))
                held = []
            held.append(i)
            _check_fits(examples[i], len(_build(prompt, examples, [i])), budget)
        units.append((_build(prompt, examples, held),))
    return units


def split_unit(unit: Unit, examples: Sequence[Example]) -> list[Unit]:
    """The examples of a trie in two that are about equally long; the unit itself where it holds only one.

    Both hold the prompt. Examples whose texts begin alike stay together.
    """
    owned = sorted({i for block in unit for i, _ in block.owners}, key=lambda i: examples[i].completions)
    if len(unit) > 1 or len(owned) == 1:
        return [unit]
    ends = list(accumulate(sum(map(len, examples[i].texts)) for i in owned))
    cut = min(range(1, len(owned)), key=lambda k: abs(2 * ends[k - 1] - ends[-1]))
    prompt = examples[owned[0]].prompt
    return [(_build(prompt, examples, sorted(half)),) for half in (owned[:cut], owned[cut:])]


def _build(prompt: Sequence[int], examples: Sequence[Example], group: Sequence[int]) -> Block:
    owners = tuple((i, k) for i in group for k in range(len(examples[i].texts)))
    return Block(build_trie(prompt, [examples[i].texts[k] for i, k in owners]), owners)


def separate_texts(examples: Sequence[Example], budget: int) -> list[Unit]:
    """A row of its own for each text of each example. Raises TrainingInputError as above."""
    units = []
    for i, example in enumerate(examples):
        _check_fits(example, example.length * len(example.texts), budget)
        units.append(
            tuple(Block(build_trie(example.prompt, [text]), ((i, k),)) for k, text in enumerate(example.texts))
        )
    return units


def _check_fits(example: Example, tokens: int, budget: int) -> None:
    if tokens > budget:
        raise TrainingInputError(
            f"{example.where}: {tokens} tokens, more than max_tokens_per_device {budget}; raise it, or set max_length"
        )


def fill_rows(units: Sequence[Unit], budget: int) -> list[Plan]:
    """Pack units into single rows of at most `budget` tokens without padding: first fit, longest first."""
    rows: list[list[Block]] = []
    room: list[int] = []
    for unit in sorted(units, key=_tokens, reverse=True):
        need = _tokens(unit)
        place = next((r for r, left in enumerate(room) if left >= need), None)
        if place is None:
            rows.append([])
            room.append(budget)
            place = len(rows) - 1
        rows[place].extend(unit)
        room[place] -= need
    return [Plan((tuple(row),)) for row in rows]


def pad_rows(units: Sequence[Unit], budget: int) -> list[Plan]:
    """Each block has a row of its own; a micro-batch takes units while its padded rectangle fits the budget."""
    plans: list[Plan] = []
    rows: list[Unit] = []
    width = 0
    for unit in sorted(units, key=lambda unit: max(map(len, unit)), reverse=True):
        width = width or max(map(len, unit))
        if rows and (len(rows) + len(unit)) * width > budget:
            plans.append(Plan(tuple(rows)))
            rows, width = [], max(map(len, unit))
        rows.extend((block,) for block in unit)
    return [*plans, Plan(tuple(rows))] if rows else plans


def _tokens(unit: Unit) -> int:
    return sum(map(len, unit))
