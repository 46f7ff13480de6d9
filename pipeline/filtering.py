"""Filters over pairs: each looks at one pair; what they find stands in `findings.jsonl`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.files import open_final
from pipeline.filters.base import FilterSettings, Look, Texts
from pipeline.placed import Ids, read_pairs
from pipeline.preferences import Preference, Side, as_text, open_preferences
from pipeline.store import RunFolder
from pipeline.tally import Tally
from pipeline.types import Finding, Pair, content_id

FINDINGS = "findings.jsonl"
"""The file of a run folder that lists what filters found in its pairs."""
CONTROL_READ = 20_000
"""Pairs of the control that filters see."""


def make_looks(filters: Sequence[FilterSettings], control: Iterable[Texts]) -> list[Look]:
    """The filters, ready to look; `control` are the student's own pairs."""
    seen = list(itertools.islice(control, CONTROL_READ))
    return [filter.prepare(seen) for filter in filters]


def look_at(pair: Texts, looks: Sequence[Look]) -> list[Finding]:
    """What speaks against a pair; what drops it comes first."""
    found = [finding for look in looks if (finding := look(pair)) is not None]
    return sorted(found, key=lambda finding: finding.action != "drop")


def filter_pairs(filters: Sequence[FilterSettings], folder: RunFolder, control: Path, tally: Tally) -> Ids:
    """The kept pairs that filters drop, which are counted. All findings are written to `findings.jsonl`."""
    looks = make_looks(filters, read_texts(control) if control.stat().st_size else ())
    left = Ids()
    with open_final(folder.path / FINDINGS) as file:
        for pair, _ in read_pairs(folder):
            findings = look_at(texts_of_pair(pair), looks)
            file.writelines(
                json.dumps({"pair_id": pair.id, **f.model_dump(exclude_none=True)}) + "\n" for f in findings
            )
            if findings and findings[0].action == "drop":
                left.add(pair.id)
                tally.drop(pair, findings[0])
    return left


def read_texts(source: Path | str) -> Iterator[Texts]:
    """The pairs of a file or a data set, as filters see them."""
    for pair in open_preferences(source):
        yield texts_of_preference(pair)


def texts_of_pair(pair: Pair) -> Texts:
    """A pair of a run."""
    assert pair.chosen is not None
    return Texts(
        id=pair.id,
        prompt="\n\n".join(message.content for message in pair.prompt),
        question=next((m.content for m in reversed(pair.prompt) if m.role == "user"), ""),
        chosen=pair.chosen,
        rejected=pair.rejected,
        answer=pair.answer,
        problem=pair.problem_id,
        rejected_answer=pair.rejected_answer,
    )


def texts_of_preference(pair: Preference) -> Texts:
    """A row of a data set; its id is a hash of its texts where it has none."""
    prompt = whole(pair.prompt)
    turns = [] if isinstance(pair.prompt, str) else pair.prompt
    return Texts(
        id=str(pair.values.get("id") or content_id(pair.prompt, pair.chosen, pair.rejected)),
        prompt=prompt,
        question=next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), prompt),
        chosen=whole(pair.chosen),
        rejected=whole(pair.rejected),
        answer=_text(pair, "answer"),
        problem=_text(pair, "problem_id"),
        rejected_answer=_text(pair, "rejected_answer"),
    )


def whole(side: Side) -> str:
    """A side as one text."""
    return side if isinstance(side, str) else as_text(side, prompt=False)


def _text(pair: Preference, name: str) -> str | None:
    value = pair.values.get(name)
    return None if value is None else str(value)
