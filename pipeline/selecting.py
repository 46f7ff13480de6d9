"""Which pairs stay when the whole data set is looked at; the journal keeps them all, `selection.jsonl` says why not."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pipeline.config import PairSettings
from pipeline.store import RunFolder, write_file
from pipeline.types import Finding, Pair, View


@dataclass(frozen=True)
class Placed:
    """Where the pairs of one problem stand in the journal, and what the selection wants to know of the problem."""

    offsets: list[int]
    pass_rate: float
    topic: str | None


@dataclass(frozen=True)
class Left:
    """A pair that was made and is left out."""

    view: View
    confirms: bool
    finding: Finding


def read_pairs(
    folder: RunFolder, placed: Mapping[int, Placed], without: Collection[str] = ()
) -> Iterator[tuple[Pair, Placed]]:
    """All kept pairs but those `without` (ids), in the order of their problems."""
    for number in sorted(placed):
        for offset in placed[number].offsets:
            pair = folder.pairs.read_at(offset)
            if pair.dropped_by is None and pair.id not in without:
                yield pair, placed[number]


def select_pairs(
    settings: PairSettings, folder: RunFolder, placed: Mapping[int, Placed], without: Collection[str] = ()
) -> dict[str, Left]:
    """The kept pairs, but those `without`, that are left out all the same, by id; written to `selection.jsonl`."""
    from pipeline.select.selection import Selection

    selection = Selection(settings.select, settings.revise.correct_share if "revise" in settings.views else None)
    kinds: dict[str, tuple[View, bool]] = {}
    for pair, place in read_pairs(folder, placed, without):
        selection.add(pair, place.topic, place.pass_rate)
        kinds[pair.id] = pair.view, pair.confirms
    findings = selection.decide()
    lines = (json.dumps({"pair_id": id, **finding.model_dump(exclude_none=True)}) for id, finding in findings.items())
    write_file(folder.path / "selection.jsonl", "".join(f"{line}\n" for line in lines))
    return {id: Left(*kinds[id], finding) for id, finding in findings.items()}
