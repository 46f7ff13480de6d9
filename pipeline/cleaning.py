"""Acts on an audit: filters, takes markers out, restyles, drops, and certifies what is left on held-out prompts.

    pairs ──filter──▶ strip ──▶ restyle (a teacher, gold hidden) ──▶ drop (capped) ──▶ certify
                      └──── every changed text is graded again ────┘

Markers are named by tests over all prompts. The probe that says which pairs to drop, and the model that certifies,
learn from different prompts.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from pipeline.auditing import prompt_key
from pipeline.bounded import run_bounded
from pipeline.filtering import look_at, texts_of_preference, whole
from pipeline.filters.base import Look, Texts
from pipeline.preferences import Preference, Preferences, Side
from pipeline.shortcuts.audit import Examined, Progress, examine
from pipeline.shortcuts.certify import Certificate, certify
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.dropping import carriers, choose_drops, margins
from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.records import FoundMarker
from pipeline.shortcuts.restyle import EXAMPLES
from pipeline.shortcuts.safe import apply_strips
from pipeline.shortcuts.settings import AuditSettings, CleanSettings
from pipeline.shortcuts.strips import all_strips
from pipeline.types import Record, Verdict, content_id

Action = Literal["filter", "strip", "restyle", "drop", "refused"]
Regrade = Callable[[Texts, str, Verdict], Awaitable[str | None]]
"""Whether a changed text still has its verdict: None, or why not."""
Restyle = Callable[[Texts, Sequence[str]], Awaitable[tuple[str | None, str]]]
"""A text rewritten in the style of examples, or None and why not."""
SIDES: tuple[Literal["chosen", "rejected"], ...] = ("chosen", "rejected")
AT_ONCE = 64
"""Pairs whose texts are graded or rewritten at once."""
ROUNDS = 3
"""How often markers are looked for again after some were taken out."""


class Change(Record):
    """One line of changes.jsonl."""

    pair: str
    action: Action
    """`refused`: a change that was undone, since the text lost its verdict or a step by it."""
    reason: str
    side: Literal["chosen", "rejected"] | None = None
    before: str | None = None
    after: str | None = None


@dataclass
class Item:
    """A pair on its way through the repair."""

    row: Preference
    texts: Texts
    contrast: Contrast
    held: bool
    changes: list[Change] = field(default_factory=list)
    dropped: bool = False

    @property
    def changed(self) -> bool:
        """Whether one of its texts is another one now."""
        return any(change.action in ("strip", "restyle") for change in self.changes)

    def put(self, side: Literal["chosen", "rejected"], text: Side) -> None:
        """Replace a text."""
        written = {side: whole(text)}
        self.row = replace(self.row, chosen=text) if side == "chosen" else replace(self.row, rejected=text)
        self.texts, self.contrast = replace(self.texts, **written), replace(self.contrast, **written)

    def note(self, action: Action, reason: str, **more: Any) -> None:
        """Remember what was done, or was not."""
        self.changes.append(Change(pair=self.texts.id, action=action, reason=reason, **more))


@dataclass
class Repair:
    """Repairs the pairs of one data set."""

    settings: CleanSettings
    audit: AuditSettings
    control: Sequence[Contrast]
    regrade: Regrade | None
    restyle: Restyle | None
    progress: Progress = lambda *_: None
    markers: list[FoundMarker] = field(default_factory=list)
    """Those that were found, in order."""
    left: tuple[FoundMarker, ...] = ()
    """Those that no repair reached."""
    first: Examined = field(init=False)
    last: Examined = field(init=False)

    async def run(self, items: Sequence[Item], looks: Sequence[Look]) -> Certificate:
        """Repair the items, which are changed, and certify them; `first` and `last` are then the audits around it."""
        original = [item.contrast for item in items]
        self.first = seen = await asyncio.to_thread(self.examine, items)
        if self.filter(items, looks):
            seen = await asyncio.to_thread(self.examine, items)
        for _ in range(ROUNDS):
            known = {(marker.kind, marker.feature, marker.phrase) for marker in self.markers}
            new = [m for m in seen.search.found if (m.kind, m.feature, m.phrase) not in known]
            self.markers += new
            if not new or not await self.strip(items, seen.search.found):
                break
            seen = await asyncio.to_thread(self.examine, items)
        differs = seen.decision.verdict in ("marker", "diffuse")
        if self.restyle is not None and differs and await self.rewrite(items, seen):
            seen = await asyncio.to_thread(self.examine, items)
        if seen.search.found and self.drop(items, seen):
            seen = await asyncio.to_thread(self.examine, items)
        self.last, self.left = seen, seen.search.found
        return self.certify(items, original)

    def filter(self, items: Iterable[Item], looks: Sequence[Look]) -> int:
        """Drop the pairs that a filter drops; returns how many."""
        dropped = 0
        for item in items:
            findings = look_at(item.texts, looks)
            if findings and findings[0].action == "drop":
                item.note("filter", f"{findings[0].rule}: {findings[0].reason}")
                item.dropped = True
                dropped += 1
        return dropped

    def examine(self, items: Sequence[Item]) -> Examined:
        """Audit what is left."""
        data = [item.contrast for item in items if not item.dropped]
        return examine(data, self.control, self.audit, self.progress)

    async def strip(self, items: Sequence[Item], found: Sequence[FoundMarker]) -> int:
        """Take markers out of both texts of all pairs; returns how many texts changed."""
        markers = [Marker(m.kind, m.feature, m.more_in, m.phrase, m.shown) for m in found]
        changed = 0

        async def strip_both(item: Item) -> None:
            nonlocal changed
            for side in SIDES:
                done = await self._strip_side(item, side, markers)
                changed += done

        await self._for_each("strip", [item for item in items if not item.dropped], strip_both)
        return changed

    async def _for_each(self, stage: str, items: Sequence[Item], work: Callable[[Item], Awaitable[None]]) -> None:
        """Do something with every item, `AT_ONCE` of them under way."""
        done = 0
        self.progress(stage, done, len(items))

        async def work_and_tell(item: Item) -> None:
            nonlocal done
            await work(item)
            done += 1
            if done % 100 == 0 or done == len(items):
                self.progress(stage, done, len(items))

        await run_bounded(items, work_and_tell, AT_ONCE)

    async def _strip_side(self, item: Item, side: Literal["chosen", "rejected"], markers: Sequence[Marker]) -> bool:
        taken: set[str] = set()

        def without(text: str) -> str:
            stripped, gone = apply_strips(text, markers, all_strips())
            taken.update(marker.phrase or marker.feature for marker in gone)
            return stripped

        before = getattr(item.row, side)
        after = map_answers(before, without)
        if whole(after) == whole(before):
            return False
        reason = await self._accept(item, side, after)
        told = {"side": side, "before": whole(before), "after": whole(after)}
        if reason is not None:
            item.note("refused", reason, **told)
            return False
        item.put(side, after)
        item.note("strip", ", ".join(sorted(taken)), **told)
        return True

    async def _accept(self, item: Item, side: Literal["chosen", "rejected"], after: Side) -> str | None:
        """Why a changed text is not to be taken."""
        if whole(after) == whole(item.row.rejected if side == "chosen" else item.row.chosen):
            return "chosen and rejected would be the same text"
        if self.regrade is None:
            return None
        return await self.regrade(item.texts, whole(after), "correct" if side == "chosen" else "wrong")

    async def rewrite(self, items: Sequence[Item], seen: Examined) -> int:
        """Have a teacher rewrite the chosen texts that carry a marker, or all where the style is another throughout."""
        restyle = self.restyle
        assert restyle is not None
        wanted = [item for item in items if not item.dropped]
        if seen.decision.verdict == "marker":
            carrying = carriers(seen.sides, seen.search.found)
            wanted = [item for item, carries in zip(wanted, carrying, strict=True) if carries]
        wanted = [item for item in wanted if answer_of(item.row.chosen) is not None]
        own = sorted({contrast.chosen: contrast.prompt for contrast in self.control}.items())
        changed = 0

        async def rewrite_one(item: Item) -> None:
            nonlocal changed
            drawn = draw_examples(own, item)
            text, reason = await restyle(item.texts, drawn)
            before = whole(item.row.chosen)
            after = None if text is None else map_answers(item.row.chosen, _constant(text))
            if after is not None:
                reason = await self._accept(item, "chosen", after) or ""
            if after is None or reason:
                item.note("refused", f"restyle: {reason}", side="chosen", before=before, after=text)
                return
            item.put("chosen", after)
            item.note("restyle", "in the student's style", side="chosen", before=before, after=whole(after))
            changed += 1

        await self._for_each("restyle", wanted, rewrite_one)
        return changed

    def drop(self, items: Sequence[Item], seen: Examined) -> int:
        """Drop the pairs that still carry a marker, if these are few."""
        kept = [item for item in items if not item.dropped]
        format = {kind.name for kind in self.audit.features if kind.family == "format"}
        marked = [marker for marker in seen.search.found if marker.phrase is not None or marker.kind in format]
        carrying = carriers(seen.sides, marked)  # of characters and lengths, innocent texts have some, too
        held = np.array([item.held for item in kept])
        told = margins(seen.sides, held, self.audit) if carrying.any() else np.zeros(len(kept))
        chosen = choose_drops([item.contrast for item in kept], carrying, told, self.settings.most_dropped)
        for number in chosen:
            kept[number].note("drop", f"carries a marker; margin {told[number]:+.2f}")
            kept[number].dropped = True
        return len(chosen)

    def certify(self, items: Sequence[Item], original: Sequence[Contrast]) -> Certificate:
        """Certify the held-out pairs, beside as many dropped at random (at most half of them)."""
        held = [(item, before) for item, before in zip(items, original, strict=True) if item.held]
        touched = sum(item.dropped or item.changed for item, _ in held)
        order = sorted(held, key=lambda pair: content_id("random drop", self.audit.seed, pair[1].id))
        fewer = [before for _, before in order[min(touched, len(held) // 2) :]]
        after = [item.contrast for item, _ in held if not item.dropped]
        return certify([before for _, before in held], after, fewer, self.control, self.audit)


def read_items(data: Preferences, settings: CleanSettings, *, by_id: bool) -> list[Item]:
    """All pairs of a data set, a share of the prompts held out by their hashes; grouped by topic and difficulty."""
    items = []
    for row in data:
        texts, key = texts_of_preference(row), prompt_key(row, by_id=by_id)
        held = int(content_id("held out", key), 16) < settings.hold_out * 16**16
        answers = texts.answer, texts.rejected_answer
        contrast = Contrast(texts.id, key, texts.chosen, texts.rejected, *answers, group_of(row))
        items.append(Item(row, texts, contrast, held))
    return items


def group_of(row: Preference) -> str | None:
    """Topic and difficulty, the thirds of the student's share of right answers; None where neither is known."""
    topic, rate = row.values.get("topic"), row.values.get("pass_rate")
    if topic is None and rate is None:
        return None
    level = "" if not isinstance(rate, float) else str(min(2, int(3 * rate)))
    return f"{'' if topic is None else topic}|{level}"


def draw_examples(own: Sequence[tuple[str, str]], item: Item) -> list[str]:
    """A few of the student's own right texts (with their prompts) to other problems; the same ones every time."""
    draw = random.Random(item.texts.id)
    found: list[str] = []
    for number in draw.sample(range(len(own)), min(len(own), 4 * EXAMPLES)):
        text, prompt = own[number]
        if prompt != item.contrast.prompt and len(found) < EXAMPLES:
            found.append(text)
    return found


def map_answers(side: Side, change: Callable[[str], str]) -> Side:
    """A side with every answer changed: the text, or each turn of the assistant."""
    if isinstance(side, str):
        return change(side)
    return [turn | {"content": change(turn["content"])} if turn["role"] == "assistant" else turn for turn in side]


def _constant(text: str) -> Callable[[str], str]:
    return lambda _: text


def answer_of(side: Side) -> str | None:
    """The text of a side that has a single answer."""
    if isinstance(side, str):
        return side
    answers = [turn["content"] for turn in side if turn["role"] == "assistant"]
    return answers[0] if len(answers) == 1 else None


def count_actions(items: Iterable[Item]) -> Counter[str]:
    """Pairs by what was done to them; one that several things were done to counts for each."""
    return Counter(action for item in items for action in {change.action for change in item.changes})
