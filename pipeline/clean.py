"""`errata clean`: from a data set to a repaired one in a new folder, with what was changed and what it is worth."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.auditing import CARD, all_have_ids, card_lines, leaks_in, open_control, reading_notes
from pipeline.checkers.base import Checker
from pipeline.cleaning import Change, Item, Regrade, Repair, Restyle, count_actions, read_items
from pipeline.config import RunSettings
from pipeline.control import CONTROL
from pipeline.edits import edit_ratio
from pipeline.engines.base import Engine
from pipeline.errors import DataError
from pipeline.export_as import check_out
from pipeline.exports.base import ParquetFile, head
from pipeline.files import new_folder, write_file, write_lines
from pipeline.filtering import make_looks, whole
from pipeline.filters.base import FilterSettings, Texts
from pipeline.grade import try_grade
from pipeline.kinds import columns as columns_of
from pipeline.preferences import Preferences, open_preferences
from pipeline.problems import ProblemSource
from pipeline.prompts import Prompts
from pipeline.replies import Form
from pipeline.shortcuts.audit import Progress, report
from pipeline.shortcuts.certify import Certificate
from pipeline.shortcuts.records import Audit, FoundMarker
from pipeline.shortcuts.restyle import restyle
from pipeline.shortcuts.settings import AuditSettings, CleanSettings
from pipeline.stages import open_access
from pipeline.types import Completion, Problem, Verdict

RECORD = "clean.json"
"""Written into every repaired folder; a folder with it may be replaced."""


class Cleaned(BaseModel):
    """`clean.json`: what was done."""

    pairs: int
    kept: int
    changed: dict[str, int]
    """Pairs by what was done to them."""
    filtered: dict[str, int]
    """Pairs that filters dropped, by rule."""
    regraded: bool
    """Whether every changed text was graded again; else only its numbers, formulas and final answer were compared."""
    markers: list[FoundMarker]
    left: list[FoundMarker]
    """Markers that are still there."""
    before: str
    after: str
    """Verdicts of the whole data set."""
    certificate: Certificate
    rows: dict[str, int]
    notes: list[str]


class Tools:
    """What a repair may ask: a checker, a teacher."""

    def __init__(self, regrade: Regrade | None = None, restyle: Restyle | None = None) -> None:
        self.regrade, self.restyle = regrade, restyle


async def clean_files(
    source: Path | str,
    out: Path,
    control: Path | str | None,
    audit_settings: AuditSettings,
    settings: CleanSettings,
    filters: Sequence[FilterSettings],
    tools: Tools,
    *,
    progress: Progress = lambda *_: None,
    columns: Mapping[str, str | None] | None = None,
    control_columns: Mapping[str, str | None] | None = None,
    overwrite: bool = False,
) -> tuple[Cleaned, Audit, Audit]:
    """Repair a data set; returns what was done, and the audits of the whole before and after.

    The folder `out` is written whole or not at all. Raises DataError for what cannot be read or where nothing is left.
    """
    check_out(Path(source), out, overwrite=overwrite, record=RECORD)
    data = open_preferences(source, columns=columns)
    other = None if control is None else open_control(control, control_columns)
    by_id = all_have_ids(data) and (other is None or all_have_ids(other))
    items = read_items(data, settings, by_id=by_id)
    controls = [] if other is None else read_items(other, settings, by_id=by_id)
    own = [item.contrast for item in controls]
    if not items:
        raise DataError(Path(source), "holds no pair to repair")
    looks = make_looks(filters, (item.texts for item in controls))
    leaks = [leak for item in items for leak in leaks_in(item.texts, looks)]
    repair = Repair(settings, audit_settings, own, tools.regrade, tools.restyle, progress)
    certificate = await repair.run(items, looks)
    kept = [item for item in items if not item.dropped]
    if not kept:
        raise DataError(Path(source), "leaves no pair: filters drop all of them; see `errata audit`")
    before = report(repair.first, audit_settings, leaks)
    left = [leak for item in kept for leak in leaks_in(item.texts, looks)]
    after = report(repair.last, audit_settings, left)
    cleaned = Cleaned(
        pairs=len(items),
        kept=len(kept),
        changed=dict(count_actions(items)),
        filtered=dict(Counter(c.reason.partition(":")[0] for i in items for c in i.changes if c.action == "filter")),
        regraded=tools.regrade is not None,
        markers=repair.markers,
        left=list(repair.left),
        before=before.verdict,
        after=after.verdict,
        certificate=certificate,
        rows={},
        notes=reading_notes(data),
    )
    if data.unknown:
        cleaned.notes.append(f"columns not carried over: {', '.join(data.unknown)}")
    changes = [change for item in items for change in item.changes]
    config = Path(source) / "config.yaml"
    write_cleaned(out, data, kept, changes, cleaned, before, after, controls, config if config.is_file() else None)
    return cleaned, before, after


def write_cleaned(
    out: Path,
    data: Preferences,
    kept: Sequence[Item],
    changes: Sequence[Change],
    cleaned: Cleaned,
    before: Audit,
    after: Audit,
    controls: Sequence[Item],
    config: Path | None,
) -> None:
    """`dataset/` with its data card, changes.jsonl, clean.json and both audits."""
    with new_folder(out.resolve()) as fresh:
        folder = fresh / "dataset"
        folder.mkdir()
        content = hashlib.sha256()
        shape = columns_of("pairs", data.columns)
        files: dict[str, ParquetFile] = {}
        for item in kept:
            row = item.row
            made = {name: value for name, value in row_of(item).items() if name in shape}
            if item.changed and "edit_ratio" in shape:
                made["edit_ratio"] = edit_ratio(whole(row.rejected), whole(row.chosen))
            line = json.dumps(made, ensure_ascii=False)
            content.update(f"{row.split}{line}".encode())
            if row.split not in files:
                files[row.split] = ParquetFile(folder, shape, data.form)
            files[row.split].write(made, line)
        cleaned.rows = {split: file.close(split) for split, file in files.items()}
        lines = (change.model_dump_json(exclude_none=True) for change in changes)
        write_lines(fresh / "changes.jsonl", (f"{line}\n" for line in lines))
        if controls:
            rows = (json.dumps(row_of(item), ensure_ascii=False) for item in controls)
            write_lines(fresh / CONTROL, (f"{row}\n" for row in rows))
        if config is not None:
            shutil.copyfile(config, fresh / "config.yaml")
        write_file(fresh / "audit_before.json", before.model_dump_json(indent=1) + "\n")
        write_file(fresh / "audit.json", after.model_dump_json(indent=1) + "\n")
        write_file(fresh / RECORD, cleaned.model_dump_json(indent=1) + "\n")
        write_file(folder / "README.md", _card(cleaned, after, data, content.hexdigest()[:16]))


def row_of(item: Item) -> dict[str, Any]:
    """A pair as it is written."""
    row = item.row
    return {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected, **row.values}


def _card(cleaned: Cleaned, after: Audit, data: Preferences, content: str) -> str:
    lines = [head("parquet", cleaned.rows, content, None, data.form), ""]
    lines += ["# Preference pairs made by Errata", ""]
    lines += [f"- {split}: {count} pairs" for split, count in cleaned.rows.items()]
    certificate = cleaned.certificate
    told = "could not be measured"
    if certificate.after is not None:
        low, high = certificate.after.ci95
        told = f"{certificate.after.excess:+.3f} ({low:+.3f} to {high:+.3f})"
    lines += ["", f"Repaired: {cleaned.kept} of {cleaned.pairs} pairs kept; {dict(cleaned.changed)}."]
    lines += ["", f"Certificate: **{certificate.outcome}** on {certificate.prompts} held-out prompts; excess {told}."]
    lines += ["", CARD, *card_lines(after)]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def tools_of_run(settings: RunSettings, wanted: set[str]) -> AsyncIterator[Tools]:
    """The checker of a run, on its problems, and the teacher that restyles; `wanted` are ids of problems.

    Raises UsageError for bad settings or data.
    """
    settings.check()
    async with AsyncExitStack() as stack:
        prompts = Prompts(settings.prompts)
        engines: dict[str, Engine] = {}
        checker = await stack.enter_async_context(settings.checker.connect(engines.__getitem__, prompts))
        problems = {p.id: p for p in ProblemSource(settings.problems, checker) if p.id in wanted}
        access = await stack.enter_async_context(open_access(settings))
        used = dict(settings.checker.engines)
        teacher = settings.clean.restyle
        if teacher is not None:
            used[teacher] = settings.teachers[teacher]
        engines.update(await access.open_all(used))
        regrade = make_regrade(checker, problems, needs_gold=settings.checker.needs_gold)
        if teacher is None:
            yield Tools(regrade)
        else:
            enforced = settings.teachers[teacher].enforces_schema
            yield Tools(regrade, make_restyle(settings.clean, engines[teacher], prompts, enforced=enforced))


def ids_of(source: Path | str, columns: Mapping[str, str | None] | None) -> set[str]:
    """The problems that a data set names."""
    found = (pair.values.get("problem_id") for pair in open_preferences(source, columns=columns))
    return {str(id) for id in found if id is not None}


def make_regrade(checker: Checker, problems: Mapping[str, Problem], *, needs_gold: bool = True) -> Regrade:
    """A text is graded as an answer to its problem; where that is not known, to what the row tells of it."""

    async def regrade(texts: Texts, text: str, wanted: Verdict) -> str | None:
        told = Problem(id=texts.id, question=texts.question, answer=texts.answer)
        problem = problems.get(texts.problem or "", told)
        if problem.answer is None and needs_gold:
            return "it cannot be graded again: the row has no answer"
        grade, failure = await try_grade(checker, problem, Completion(text=text))
        if grade is None:
            return failure
        return None if grade.verdict == wanted else f"it is {grade.verdict} now: {grade.reason}"

    return regrade


def make_restyle(settings: CleanSettings, engine: Engine, prompts: Prompts, *, enforced: bool) -> Restyle:
    """The teacher, asked as `clean` has it; `enforced`: its server makes replies follow a JSON schema."""
    prompt = prompts.load(settings.prompt)
    form: Form = ("json" if enforced else "tagged") if settings.reply == "auto" else settings.reply

    async def rewrite(texts: Texts, examples: Sequence[str]) -> tuple[str | None, str]:
        params = settings.params
        made = await restyle(
            engine, prompt, texts.question, texts.chosen, examples, params, form=form, enforced=enforced
        )
        return made.text, made.failure or ""

    return rewrite
