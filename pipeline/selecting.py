"""Which pairs stay when the whole data set is looked at; the journal keeps them all, `selection.jsonl` says why not."""

from __future__ import annotations

import json

from pipeline.config import PairSettings
from pipeline.files import write_lines
from pipeline.placed import Ids, read_pairs
from pipeline.store import RunFolder
from pipeline.tally import Tally
from pipeline.types import Finding


def select_pairs(settings: PairSettings, folder: RunFolder, tally: Tally, left: Ids) -> None:
    """Leave out kept pairs that are not `left` already, which takes them in; counted and written to `selection.jsonl`.

    Takes some 600 bytes of memory a pair, where there is anything to select.
    """
    correct_share = settings.revise.correct_share if "revise" in settings.views else None
    findings: dict[str, Finding] = {}
    if settings.select.selects or correct_share is not None:
        from pipeline.select.selection import Selection

        selection = Selection(settings.select, correct_share)
        for pair, place in read_pairs(folder, left):
            selection.add(pair, place.topic, place.pass_rate)
        findings = selection.decide()
    if findings:
        for pair, _ in read_pairs(folder, left):
            if pair.id in findings:
                tally.drop(pair, findings[pair.id])
    write_lines(
        folder.path / "selection.jsonl",
        (json.dumps({"pair_id": id, **f.model_dump(exclude_none=True)}) + "\n" for id, f in findings.items()),
    )
    for id in findings:
        left.add(id)
