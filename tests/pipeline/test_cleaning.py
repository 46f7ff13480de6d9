"""A repair changes both texts or neither verdict, learns from one part of the prompts, and leaves a folder or none."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.auditing import audit_files
from pipeline.checkers.numeric import Settings as Numeric
from pipeline.clean import Cleaned, Tools, clean_files, make_regrade
from pipeline.cleaning import Change, Item, Repair, Restyle, draw_examples, group_of, map_answers, read_items
from pipeline.errors import ConfigError, DataError
from pipeline.filtering import make_looks
from pipeline.filters.base import Texts
from pipeline.filters.leak import Settings as Leak
from pipeline.preferences import Preference, open_preferences
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.settings import AuditSettings, CleanSettings
from pipeline.types import Problem
from tests.pipeline.shortcuts.test_markers import CLOSER, OPENER, TEACHER, close_with, make_pairs, open_with, plant
from tests.pipeline.test_auditing import make_rows, write_pairs

DEFAULTS = CleanSettings()
LIGHT = AuditSettings.model_validate(
    {
        "features": ["openers", "closers", {"feature": "words", "longest": 1}, "lengths"],
        **{"permutations": 100, "repeats": 1, "columns": 64},
    }
)
"""Few features, so that a repair takes no seconds."""


def make_items(folder: Path, pairs: Sequence[Contrast], hold_out: float = 0.5, **options: Any) -> list[Item]:
    source = write_pairs(folder / "items.jsonl", pairs)
    return read_items(open_preferences(source), CleanSettings(hold_out=hold_out), by_id=True, **options)


def make_repair(
    control: Sequence[Contrast] = (),
    regrade: Callable[..., Awaitable[str | None]] | None = None,
    restyle: Restyle | None = None,
    **settings: Any,
) -> Repair:
    return Repair(CleanSettings(**settings), LIGHT, control, regrade, restyle)


async def grade(texts: Texts, text: str, wanted: Any) -> str | None:
    """By the numeric checker."""
    async with Numeric().create() as checker:
        return await make_regrade(checker, {})(texts, text, wanted)


def changes_of(items: Sequence[Item]) -> dict[str, list[Change]]:
    return {item.texts.id: item.changes for item in items if item.changes}


@dataclass(frozen=True)
class Done:
    """A folder cleaned once, for all tests that look at it."""

    out: Path
    pairs: list[Contrast]
    clear: list[Contrast]
    cleaned: Cleaned
    asked: Counter[str]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """An opener in all chosen texts and one rejected one, a closer in half of them."""
    folder = tmp_path_factory.mktemp("done")
    clear = make_pairs(100, sample=1)
    pairs = plant(plant(clear, open_with, 1), close_with, 0.5)
    pairs[3] = replace(pairs[3], rejected=open_with(pairs[3].rejected))
    source = write_pairs(folder / "pairs.jsonl", pairs, turns=True)
    control = write_pairs(folder / "control.jsonl", make_pairs(100))
    asked = Counter[str]()

    async def regrade(texts: Texts, text: str, wanted: Any) -> str | None:
        asked[texts.id] += 1
        return await grade(texts, text, wanted)

    cleaned, _, _ = asyncio.run(clean_files(source, folder / "out", control, LIGHT, DEFAULTS, [Leak()], Tools(regrade)))
    return Done(folder / "out", pairs, clear, cleaned, asked)


def test_markers_are_taken_out_of_both_texts_of_all_pairs_held_out_ones_too(done: Done) -> None:
    cleaned = done.cleaned
    assert [marker.phrase for marker in cleaned.markers] == [OPENER, CLOSER]
    assert (cleaned.pairs, cleaned.kept, cleaned.changed, cleaned.left) == (100, 100, {"strip": 100}, [])
    assert (cleaned.before, cleaned.regraded, cleaned.rows) == ("marker", True, {"train": 100})
    assert cleaned.after in ("clean", "underpowered")
    assert cleaned.certificate.before.ci95[0] > 0
    assert cleaned.certificate.after.excess < cleaned.certificate.before.excess - 0.1
    for row, pair, clear in zip(open_preferences(done.out), done.pairs, done.clear, strict=True):
        assert row.values["id"] == pair.id
        assert row.prompt == [{"role": "user", "content": f"What of {pair.prompt}?"}]
        assert row.chosen == [{"role": "assistant", "content": clear.chosen}]
        assert row.rejected == [{"role": "assistant", "content": clear.rejected}]


def test_every_change_is_written_with_the_text_before_and_after_and_was_graded(done: Done) -> None:
    changes = [Change.model_validate_json(line) for line in (done.out / "changes.jsonl").read_text().splitlines()]
    assert done.asked == Counter(change.pair for change in changes), "each changed text once"
    before, after = ({pair.id: pair for pair in pairs} for pairs in (done.pairs, done.clear))
    assert len(changes) == 101
    assert [change.side for change in changes if change.pair == "3.1"] == ["chosen", "rejected"]
    for change in changes:
        assert change.action == "strip"
        assert change.side is not None
        assert change.before == getattr(before[change.pair], change.side)
        assert change.after == getattr(after[change.pair], change.side)
        taken = [sentence for sentence in (CLOSER, OPENER) if sentence in (change.before or "")]
        assert change.reason == ", ".join(taken)


def test_the_cleaned_folder_is_whole_and_can_be_audited(done: Done) -> None:
    files = sorted(str(path.relative_to(done.out)) for path in done.out.rglob("*") if path.is_file())
    assert files == [
        *("audit.json", "audit_before.json", "changes.jsonl", "clean.json", "control.jsonl", "dataset/README.md"),
        "dataset/train-00000-of-00001.parquet",
    ]
    assert Cleaned.model_validate_json((done.out / "clean.json").read_text()) == done.cleaned
    assert open_preferences(done.out).form == "conversation"
    found = audit_files(done.out, done.out / "control.jsonl", LIGHT)
    assert json.loads(found.model_dump_json()) == json.loads((done.out / "audit.json").read_text())
    before = json.loads((done.out / "audit_before.json").read_text())
    assert (before["verdict"], before["markers"][0]["phrase"]) == ("marker", OPENER)
    card = (done.out / "dataset" / "README.md").read_text()
    assert "Repaired: 100 of 100 pairs kept" in card
    assert f"Certificate: **{done.cleaned.certificate.outcome}**" in card
    assert f"Verdict: **{done.cleaned.after}**" in card


def test_a_text_that_would_lose_its_verdict_stays_and_the_refusal_is_written(tmp_path: Path) -> None:
    items = make_items(tmp_path, plant(make_pairs(60, sample=1), open_with, 1))

    async def regrade(texts: Texts, text: str, wanted: Any) -> str | None:
        return "it is unknown now" if int(texts.problem.split()[1]) % 2 else await grade(texts, text, wanted)  # type: ignore[union-attr]

    repair = make_repair(make_pairs(60), regrade)
    asyncio.run(repair.strip(items, repair.examine(items).search.found))
    for number, item in enumerate(items):
        (change,) = item.changes
        assert (change.action, change.before) == ("refused" if number % 2 else "strip", open_with(change.after or ""))
        assert (OPENER in item.contrast.chosen) is (OPENER in item.texts.chosen) is bool(number % 2)
        assert (OPENER in str(item.row.chosen)) is bool(number % 2)
        if number % 2:
            assert change.reason == "it is unknown now"
    assert repair.drop(items, repair.examine(items)) == 0, "half of the pairs are too many to drop"


def test_a_changed_text_is_graded_as_an_answer_to_its_problem() -> None:
    texts = Texts("t", "q", "q", "4 + 4 = 8\n#### 8", "#### 9", "7", "p", "9")
    problem = Problem(id="p", question="q", answer="8")

    async def ask(*asked: tuple[str, Any]) -> list[str | None]:
        async with Numeric().create() as checker:
            regrade = make_regrade(checker, {"p": problem})
            return [await regrade(texts, text, verdict) for text, verdict in asked]

    told = asyncio.run(ask(("#### 8", "correct"), ("#### 9", "wrong"), ("#### 9", "correct"), ("none", "wrong")))
    assert told[:2] == [None, None]
    assert (told[2] or "").startswith("it is wrong now")
    assert (told[3] or "").startswith("it is unknown now")
    assert asyncio.run(grade(texts, "#### 7", "correct")) is None, "where the problem is not known, what the row tells"


def test_two_texts_never_become_one(tmp_path: Path) -> None:
    """Where the opener is all that tells a pair apart, taking it out would leave no pair."""
    pairs = plant(make_pairs(60, sample=1), open_with, 1)
    pairs[5] = replace(pairs[5], rejected=pairs[5].chosen.removeprefix(f"{OPENER}\n"))
    items = make_items(tmp_path, pairs)
    repair = make_repair(make_pairs(60))
    asyncio.run(repair.strip(items, repair.examine(items).search.found))
    (told,) = items[5].changes
    assert (told.action, told.reason) == ("refused", "chosen and rejected would be the same text")
    assert items[5].texts.chosen == pairs[5].chosen


def spell(text: str) -> str:
    return text.replace(" = ", " equals ")


@pytest.mark.parametrize(("most", "dropped"), [(0.2, 32), (0.199, 0)])
def test_few_pairs_with_a_marker_that_no_strip_takes_out_are_dropped(most: float, dropped: int, tmp_path: Path) -> None:
    pairs = plant(make_pairs(160, sample=1), spell, 0.2)
    items = make_items(tmp_path, pairs)
    repair = make_repair(make_pairs(160), most_dropped=most)
    seen = repair.examine(items)
    assert "equals" in (seen.search.found[0].phrase or "")
    assert asyncio.run(repair.strip(items, seen.search.found)) == 0, "an equation is reasoning"
    assert repair.drop(items, seen) == dropped
    gone = {item.texts.id for item in items if item.dropped}
    assert gone == ({pair.id for pair in pairs if " equals " in pair.chosen} if dropped else set())
    assert all(change.action == "drop" for changes in changes_of(items).values() for change in changes)
    assert set(changes_of(items)) == gone


def test_no_topic_loses_more_than_half_of_its_pairs(tmp_path: Path) -> None:
    """All pairs with the habit are of one topic."""
    pairs = [replace(p, chosen=spell(p.chosen)) if n < 30 else p for n, p in enumerate(make_pairs(160, sample=1))]
    rows = [row | {"topic": "rare" if n < 34 else "common"} for n, row in enumerate(make_rows(pairs))]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = read_items(open_preferences(source), DEFAULTS, by_id=True)
    repair = make_repair(make_pairs(160))
    assert repair.drop(items, repair.examine(items)) == 17
    assert Counter(item.contrast.group for item in items if not item.dropped) == {"rare|": 17, "common|": 126}


def test_what_only_held_out_prompts_have_is_named_too_and_the_certificate_compares_them(tmp_path: Path) -> None:
    items = make_items(tmp_path, make_pairs(100, sample=1))
    assert 35 < sum(item.held for item in items) < 65
    for item in items:
        if item.held:
            item.put("chosen", open_with(item.contrast.chosen))
    repair = make_repair(make_pairs(100))
    certificate = asyncio.run(repair.run(items, ()))
    assert [marker.phrase for marker in repair.markers] == [OPENER]
    assert not any(OPENER in item.texts.chosen for item in items)
    assert certificate.prompts == sum(item.held for item in items)


def test_all_pairs_of_a_prompt_are_held_out_or_none_whatever_their_order(tmp_path: Path) -> None:
    pairs = [pair for sample in (1, 2, 3) for pair in make_pairs(60, sample=sample)]
    sides = {(item.contrast.prompt, item.held) for item in make_items(tmp_path, pairs)}
    assert len(sides) == 60
    assert {(item.contrast.prompt, item.held) for item in make_items(tmp_path, pairs[::-1])} == sides
    few = {item.contrast.prompt for item in make_items(tmp_path, pairs, 0.2) if item.held}
    assert few < {prompt for prompt, held in sides if held}


def test_filters_drop_what_leaks_and_flag_what_they_are_told_to_flag(tmp_path: Path) -> None:
    pairs = make_pairs(20)
    pairs[7] = replace(pairs[7], chosen=f"As the student's attempt shows:\n{pairs[7].chosen}")
    items = make_items(tmp_path, pairs)
    make_repair().filter(items, make_looks([Leak(action="flag")], ()))
    assert changes_of(items) == {}
    make_repair().filter(items, make_looks([Leak()], ()))
    ((pair, (change,)),) = changes_of(items).items()
    assert (pair, change.action, [item.texts.id for item in items if item.dropped]) == ("7.0", "filter", ["7.0"])
    assert change.reason.startswith("leak: it says")


def test_a_teacher_rewrites_another_authors_texts_and_what_it_writes_is_graded(tmp_path: Path) -> None:
    """The rewriter here writes as the student does; one text is wrong, and one request fails."""
    pairs, own, control = make_pairs(80, TEACHER, sample=1), make_pairs(80, sample=5), make_pairs(80)
    shown: dict[str, Sequence[str]] = {}

    async def rewrite(texts: Texts, examples: Sequence[str]) -> tuple[str | None, str]:
        shown[texts.id] = examples
        number = int(texts.id.partition(".")[0])
        if number == 3:
            return None, "the teacher refuses"
        return (own[number].rejected if number == 4 else own[number].chosen), ""

    items = make_items(tmp_path, pairs)
    repair = make_repair(control, grade, rewrite)
    seen = repair.examine(items)
    seen = replace(seen, decision=replace(seen.decision, verdict="diffuse"))
    assert asyncio.run(repair.rewrite(items, seen)) == 78
    right = {pair.chosen: pair.prompt for pair in control}
    for number, (item, pair) in enumerate(zip(items, pairs, strict=True)):
        (change,) = item.changes
        assert change.before == pair.chosen
        assert (change.action, item.contrast.rejected) == ("refused" if number in (3, 4) else "restyle", pair.rejected)
        assert item.contrast.chosen == (pair if number in (3, 4) else own[number]).chosen
        assert len(shown[pair.id]) == 3
        assert all(right[text] != pair.prompt for text in shown[pair.id]), "right answers to other problems"
    assert items[3].changes[0].reason == "restyle: the teacher refuses"
    assert items[4].changes[0].reason.startswith("restyle: it is wrong now")
    assert items[4].changes[0].after == own[4].rejected


def test_where_a_few_things_give_texts_away_only_those_that_carry_them_are_rewritten(tmp_path: Path) -> None:
    pairs = plant(make_pairs(100, sample=1), spell, 0.4)
    asked: list[str] = []

    async def rewrite(texts: Texts, examples: Sequence[str]) -> tuple[str | None, str]:
        asked.append(texts.id)
        return texts.chosen.replace(" equals ", " = "), ""

    items = make_items(tmp_path, pairs)
    repair = make_repair(make_pairs(100), grade, rewrite)
    seen = repair.examine(items)
    assert seen.decision.verdict == "marker"
    assert asyncio.run(repair.rewrite(items, seen)) == 40
    assert sorted(asked) == sorted(pair.id for pair in pairs if " equals " in pair.chosen)
    assert not repair.examine(items).search.found


def test_examples_are_the_same_every_time_and_never_of_the_same_problem(tmp_path: Path) -> None:
    items = make_items(tmp_path, make_pairs(5))
    own = [(f"text {number}", f"problem {number % 5}") for number in range(20)]
    for item in items:
        drawn = draw_examples(own, item)
        assert len(set(drawn)) == 3
        assert drawn == draw_examples(own, item)
        assert all(own[int(text.split()[1])][1] != item.contrast.prompt for text in drawn)
    assert draw_examples([], items[0]) == draw_examples(own[:1], items[0]) == []


def test_a_repair_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.jsonl", plant(make_pairs(50, sample=1), open_with, 1))
    out = tmp_path / "out"

    async def fail(texts: Texts, text: str, wanted: Any) -> str | None:
        raise DataError(tmp_path / "elsewhere", "breaks off")

    def clean(tools: Tools, **options: Any) -> None:
        asyncio.run(clean_files(source, out, None, LIGHT, DEFAULTS, (), tools, **options))

    with pytest.raises(DataError, match="breaks off"):
        clean(Tools(fail))
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="no earlier output"):
        clean(Tools())
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]
    clean(Tools(), overwrite=True)
    made = (out / "clean.json").read_text()
    assert not (out / "thesis.tex").exists()
    with pytest.raises(DataError, match="breaks off"):
        clean(Tools(fail))
    assert (out / "clean.json").read_text() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pairs.jsonl"]


def test_splits_and_columns_stay_and_the_edit_ratio_is_measured_anew(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rows = make_rows(plant(make_pairs(50, sample=1), open_with, 1))
    rows = [row | {"edit_ratio": 0.5, "margin": n, "gold_visible": True} for n, row in enumerate(rows)]
    for split, part in (("train", rows[:40]), ("validation", rows[40:])):
        (tmp_path / "data" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    cleaned, _, _ = asyncio.run(clean_files(tmp_path / "data", tmp_path / "out", None, LIGHT, DEFAULTS, (), Tools()))
    assert cleaned.rows == {"train": 40, "validation": 10}
    assert not cleaned.regraded
    out = list(open_preferences(tmp_path / "out"))
    assert Counter(row.split for row in out) == {"train": 40, "validation": 10}
    assert [row.values["margin"] for row in out] == list(range(50))
    assert all(row.values["gold_visible"] is True for row in out)
    assert len({row.values["edit_ratio"] for row in out}) > 10


def test_only_what_the_assistant_says_is_changed() -> None:
    turns = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "a"}]
    assert map_answers(turns, str.upper) == [{"role": "assistant", "content": "A"}, {"role": "user", "content": "a"}]
    assert map_answers("a", str.upper) == "A"
    assert turns[0]["content"] == "a"


@pytest.mark.parametrize(
    ("values", "group"),
    [
        ({}, None),
        ({"topic": "sums"}, "sums|"),
        ({"pass_rate": 0.25}, "|0"),
        ({"topic": "sums", "pass_rate": 0.5}, "sums|1"),
        ({"topic": None, "pass_rate": 1.0}, "|2"),
    ],
)
def test_pairs_are_grouped_by_topic_and_difficulty(values: dict[str, Any], group: str | None) -> None:
    assert group_of(Preference("train", "q", "c", "r", values)) == group


def test_markers_are_looked_for_again_though_some_texts_were_refused(tmp_path: Path) -> None:
    pairs = plant(make_pairs(60, sample=1), open_with, 1)
    items = make_items(tmp_path, pairs)

    async def regrade(texts: Texts, text: str, wanted: Any) -> str | None:
        number = int((texts.problem or "").split()[1])
        await asyncio.sleep(0.02 if number % 3 == 0 else 0)
        return "no" if number % 3 == 0 else None

    repair = make_repair(make_pairs(60), regrade)
    asyncio.run(repair.run(items, ()))
    assert all(marker.share < 0.6 for marker in repair.left)
