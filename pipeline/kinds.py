"""Preference pairs -> kinds of rows, as losses take them.

    pairs      prompt, chosen, rejected               as they are
    sft        prompt, completion                     each distinct chosen text of a prompt once
    unpaired   prompt, completion, label              each distinct text of a prompt once; true: chosen
    rankings   prompt, completions, ranks, scores     all distinct texts of a prompt, best first

Rows of a prompt need not stand together: for all kinds but `pairs` they are sorted on disk. A group, that is all rows
of one prompt in one split, is held in memory.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.preferences import COLUMNS, Preference, Side, Value
from pipeline.spill import Spill
from pipeline.types import content_id

Kind = Literal["pairs", "sft", "unpaired", "rankings"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Type = Literal["side", "sides", "text", "texts", "number", "numbers", "truth", "ranks"]
Row = tuple[str, dict[str, Any]]
"""A split and the values of a row."""

OF_PROMPT = ("problem_id", "answer", "view")
OF_CHOSEN = ("rung", "teacher", "gold_visible")
CARRIED: Mapping[Kind, tuple[str, ...]] = {
    "pairs": tuple(COLUMNS),
    "sft": ("id", *OF_PROMPT, *OF_CHOSEN, "chosen_score"),
    "unpaired": ("id", *OF_PROMPT, *OF_CHOSEN, "rejected_answer", "chosen_score", "rejected_score"),
    "rankings": ("id", *OF_PROMPT, "edit_ratio", "chosen_score", "rejected_score"),
}
"""The columns of the pairs that a kind makes use of."""
OWN: Mapping[Kind, dict[str, Type]] = {
    "pairs": {"prompt": "side", "chosen": "side", "rejected": "side"},
    "sft": {"prompt": "side", "completion": "side"},
    "unpaired": {"prompt": "side", "completion": "side", "label": "truth"},
    "rankings": {"prompt": "side", "completions": "sides", "ranks": "ranks"},
}
"""The columns that make it what it is."""

REPEATED = "repeats of texts, which are written once"
CONTRADICTED = "texts that are both chosen and rejected"
ONE_SIDED = "prompts without a text of each side"
BEYOND = "texts beyond --max-completions"


def columns(kind: Kind, given: Sequence[str]) -> dict[str, Type]:
    """The columns of a kind's rows and their types, for pairs that have the columns `given`."""
    if kind == "pairs":
        return OWN[kind] | {name: COLUMNS[name] for name in given}
    used = [name for name in given if name in CARRIED[kind]]
    made = {**OWN[kind], "id": "text"}
    if "id" in used:
        made["pair_ids"] = "texts"
    if "chosen_score" in used or "rejected_score" in used:
        made |= {"scores": "numbers"} if kind == "rankings" else {"score": "number"}
    plain = (*OF_PROMPT, *OF_CHOSEN, "rejected_answer")
    return made | {name: COLUMNS[name] for name in plain if name in used}


@dataclass
class Text:
    """A distinct text of a prompt, and the values of the pairs that it stands in."""

    side: Side
    chosen: bool
    pairs: list[Mapping[str, Value]]

    @property
    def score(self) -> float | None:
        """The first score that a pair gives it."""
        name = "chosen_score" if self.chosen else "rejected_score"
        found = (pair.get(name) for pair in self.pairs)
        return next((score for score in found if isinstance(score, float)), None)

    @property
    def distance(self) -> float:
        """The smallest edit ratio between it and a chosen text; infinite where none is known."""
        found = (pair.get("edit_ratio") for pair in self.pairs)
        return min((ratio for ratio in found if isinstance(ratio, float)), default=math.inf)


def make_rows(
    kind: Kind,
    preferences: Iterable[Preference],
    folder: Path,
    left_out: Counter[str],
    max_completions: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of a kind, each with its split; what is left out is counted by reason.

    Sorting takes place in files in `folder`, which are removed. `max_completions`: texts of a ranking, at least 2.
    """
    if kind == "pairs":
        for pair in preferences:
            sides = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
            yield pair.split, sides | dict(pair.values)
        return
    with Spill(folder / ".by_prompt.sqlite") as spill:
        for pair in preferences:
            spill.add([pair.split, pair.prompt], [pair.chosen, pair.rejected, dict(pair.values)])
        groups = ((split, prompt, _texts(pairs, left_out, kind == "sft")) for (split, prompt), pairs in spill.groups())
        if kind == "unpaired":
            yield from _spread(groups, folder)
            return
        for split, prompt, texts in groups:
            if kind == "sft":
                yield from ((split, _single(kind, prompt, text)) for text in texts)
            elif ranking := _ranking(prompt, texts, max_completions, left_out):
                yield split, ranking


def _texts(pairs: Iterable[Any], left_out: Counter[str], only_chosen: bool) -> list[Text]:
    """The distinct texts of a prompt in the order of their pairs, without those that are both chosen and rejected."""
    found: dict[tuple[str, bool], Text] = {}
    for chosen, rejected, values in pairs:
        for side, is_chosen in ((chosen, True), (rejected, False)):
            if only_chosen and not is_chosen:
                continue
            key = json.dumps(side), is_chosen
            if key in found:
                left_out[REPEATED] += 1
            found.setdefault(key, Text(side, is_chosen, [])).pairs.append(values)
    both = {text for text, is_chosen in found if is_chosen and (text, False) in found}
    left_out[CONTRADICTED] += len(both)
    return [text for (key, _), text in found.items() if key not in both]


def _single(kind: Kind, prompt: Side, text: Text) -> dict[str, Any]:
    """A row of one completion. What a pair says of its chosen text is not said of a rejected one."""
    first = text.pairs[0]
    foreign = ("rejected_answer",) if text.chosen else OF_CHOSEN
    values = {name: value for name, value in first.items() if name not in foreign}
    made = {"id": content_id(kind, prompt, text.side), "score": text.score, "label": text.chosen}
    return values | made | {"prompt": prompt, "completion": text.side, "pair_ids": _ids([text])}


def _spread(groups: Iterable[tuple[str, Side, list[Text]]], folder: Path) -> Iterator[Row]:
    """Rows of one prompt far from one another, and both labels mixed.

    Trainers estimate KTO's KL from a prompt with its neighbour's completion, some reading the file in its order: rows
    that stand together must be of different prompts. The first rows of all prompts come first, then the second ones;
    the n-th prompt begins with its n-th text.
    """
    with Spill(folder / ".by_round.sqlite") as spill:
        for number, (split, prompt, texts) in enumerate(groups):
            for turn in range(len(texts)):
                text = texts[(number + turn) % len(texts)]
                spill.add([split, turn], _single("unpaired", prompt, text))
        for (split, _), rows in spill.groups():
            for row in rows:
                yield split, row


def _ranking(
    prompt: Side, texts: list[Text], max_completions: int | None, left_out: Counter[str]
) -> dict[str, Any] | None:
    """All texts of a prompt, best first: chosen before rejected, each side as `_ordered` has it."""
    chosen = _ordered([text for text in texts if text.chosen])
    rejected = _ordered([text for text in texts if not text.chosen])
    if not chosen or not rejected:
        left_out[ONE_SIDED] += 1
        return None
    if max_completions is not None:
        left_out[BEYOND] += max(0, len(texts) - max_completions)
        chosen = chosen[: max_completions - 1]
        rejected = rejected[: max_completions - len(chosen)]
    best = [text for text, _ in chosen]
    kept = [*best, *(text for text, _ in rejected)]
    last = chosen[-1][1]
    return {
        **{name: value for name, value in kept[0].pairs[0].items() if name in OF_PROMPT},
        "id": content_id("rankings", prompt, [text.side for text in kept]),
        "pair_ids": _ids(kept),
        "prompt": prompt,
        "completions": [text.side for text in kept],
        "ranks": [rank for _, rank in chosen] + [last + rank for _, rank in rejected],
        "scores": [text.score for text in kept],
    }


def _ordered(texts: list[Text]) -> list[tuple[Text, int]]:
    """One side's texts, best first, with their ranks from 1; texts that nothing tells apart share one.

    By score, where all have one. Else chosen texts stay in their order, and rejected ones are sorted by their distance
    from the chosen text, the closest first.
    """
    scores = [text.score for text in texts]
    if None not in scores:
        worst = [-score for score in scores if score is not None]
    else:
        worst = [0.0 if text.chosen else text.distance for text in texts]
    levels = {value: rank for rank, value in enumerate(sorted(set(worst)), 1)}
    order = sorted(range(len(texts)), key=worst.__getitem__)
    return [(texts[i], levels[worst[i]]) for i in order]


def _ids(texts: Sequence[Text]) -> list[str]:
    """Ids of the pairs that texts stand in, each once."""
    found = dict.fromkeys(pair.get("id") for text in texts for pair in text.pairs)
    return [id for id in found if isinstance(id, str)]
