"""Which pairs stay when the whole data set is looked at; the journal keeps them all, `selection.jsonl` says why not."""

from __future__ import annotations

import json
from collections.abc import Collection

from pipeline.config import PairSettings
from pipeline.files import write_lines
from pipeline.placed import read_pairs
from pipeline.store import RunFolder
from pipeline.tally import Tally
from pipeline.types import Finding

Left = dict[str, Finding]
"""Why pairs that were made are left out, by their ids."""


def select_pairs(settings: PairSettings, folder: RunFolder, tally: Tally, without: Collection[str]) -> Left:
    """The kept pairs, but those `without`, that are left out all the same, counted and written to `selection.jsonl`.

    Takes some 300 bytes of memory a pair, where there is anything to select.
    """
    correct_share = settings.revise.correct_share if "revise" in settings.views else None
    findings: Left = {}
    if settings.select.selects or correct_share is not None:
        from pipeline.select.selection import Selection

        selection = Selection(settings.select, correct_share)
        for pair, place in read_pairs(folder, without):
            selection.add(pair, place.topic, place.pass_rate)
        findings = selection.decide()
    if findings:
        for pair, _ in read_pairs(folder, without):
            if pair.id in findings:
                tally.drop(pair, findings[pair.id])
    write_lines(
        folder.path / "selection.jsonl",
        (json.dumps({"pair_id": id, **f.model_dump(exclude_none=True)}) + "\n" for id, f in findings.items()),
    )
    return findings
