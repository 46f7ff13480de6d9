"""From files of preference pairs to an audit: a run's data set against its control, or anybody's."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.control import CONTROL
from pipeline.errors import DataError
from pipeline.files import write_file
from pipeline.filtering import look_at, make_looks, texts_of_preference, whole
from pipeline.filters.base import FilterSettings, Look, Texts
from pipeline.preferences import Preference, Preferences, open_preferences
from pipeline.printable import inert_markdown
from pipeline.settings import at_defaults
from pipeline.shortcuts.audit import Progress, audit
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.records import Audit, Leak
from pipeline.shortcuts.settings import AuditSettings
from pipeline.types import content_id

CONTROL_PROMPTS = 20_000
"""Prompts of the control that are read at most, drawn by their hashes, as those of the data are."""
CARD = "## Shortcut audit"


@dataclass
class Material:
    """What is audited."""

    contrasts: list[Contrast] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    prompts: int = 0
    """Of the whole data set; the contrasts may be a sample."""
    pairs: int = 0


def audit_files(
    source: Path | str,
    control: Path | str | None,
    settings: AuditSettings,
    filters: Sequence[FilterSettings] = (),
    progress: Progress = lambda *_: None,
    columns: Mapping[str, str | None] | None = None,
    control_columns: Mapping[str, str | None] | None = None,
    leaks: Sequence[Leak] = (),
) -> Audit:
    """Audit a data set; `control` is one of the same author's right and wrong texts, None for none.

    `columns`: what columns are read as, as `open_preferences` takes them. `leaks`: what filters have found in the pairs
    already, instead of `filters`. Raises DataError for what cannot be read,
    ConfigError for options that do not fit the data.
    """
    data = open_preferences(source, columns=columns)
    other = None if control is None else open_control(control, control_columns)
    by_id = all_have_ids(data) and (other is None or all_have_ids(other))
    looks = make_looks(filters, () if other is None else map(texts_of_preference, other))
    material = read_material(data, settings, looks, by_id=by_id)
    if not material.contrasts:
        told = ", ".join(f"{count} {reason}" for reason, count in data.left_out.items())
        raise DataError(Path(source), f"holds no pair to audit: {told}")
    fewer = settings.model_copy(update={"most_prompts": min(settings.most_prompts, CONTROL_PROMPTS)})
    own = [] if other is None else read_material(other, fewer, (), by_id=by_id).contrasts
    found = audit(material.contrasts, own, settings, [*leaks, *material.leaks], progress)
    notes = reading_notes(data)
    if material.pairs > len(material.contrasts):
        sample = len({contrast.prompt for contrast in material.contrasts})
        notes.append(f"a sample of {sample:,} of {material.prompts:,} prompts was audited")
    return found.model_copy(update={"notes": (*found.notes, *notes)})


def open_control(control: Path | str, columns: Mapping[str, str | None] | None) -> Preferences:
    """A control may have the columns of the data, or our own. Raises DataError where it has neither."""
    try:
        return open_preferences(control)
    except DataError:
        if not columns:
            raise
    return open_preferences(control, columns=columns)


def read_material(data: Preferences, settings: AuditSettings, looks: Sequence[Look], *, by_id: bool) -> Material:
    """At most `most_pairs` pairs of `most_prompts` prompts, drawn by hashes; and what filters find in all pairs."""
    made = Material()

    def place(key: str) -> int:
        return int(content_id(settings.seed, key), 16)

    keys = map(str, data.column("problem_id")) if by_id else (prompt_key(pair, by_id=False) for pair in data)
    drawn, made.prompts = draw_prompts(map(place, keys), settings.most_prompts, settings.most_pairs)
    for pair in data:
        made.pairs += 1
        key = prompt_key(pair, by_id=by_id)
        is_drawn = place(key) <= drawn
        if not (looks or is_drawn):
            continue
        texts = texts_of_preference(pair)
        made.leaks += leaks_in(texts, looks)
        if is_drawn:
            made.contrasts.append(
                Contrast(texts.id, key, texts.chosen, texts.rejected, texts.answer, texts.rejected_answer)
            )
    return made


def draw_prompts(keys: Iterable[int], most_prompts: int, most_pairs: int) -> tuple[int, int]:
    """(largest key that is drawn, number of prompts), from the keys of all pairs' prompts; 8 bytes of memory a pair.

    The smallest keys are drawn, so that the prompts are no more than `most_prompts`, and their pairs no more than
    `most_pairs`; at least one prompt is.
    """
    import numpy as np

    distinct, pairs = np.unique(np.frombuffer(array("Q", keys), np.uint64), return_counts=True)
    fitting = int(np.searchsorted(pairs.cumsum(), most_pairs, side="right"))
    drawn = max(1, min(most_prompts, fitting, len(distinct)))
    return (int(distinct[drawn - 1]) if len(distinct) else 0), len(distinct)


def reading_notes(data: Preferences) -> list[str]:
    """What of a data set that has been read was left out."""
    notes = [f"{count:,} {reason} left out" for reason, count in data.left_out.items()]
    return [*notes, f"not read: {', '.join(data.tables_left_out)}"] if data.tables_left_out else notes


def leaks_in(texts: Texts, looks: Sequence[Look]) -> list[Leak]:
    """What filters find in a pair."""
    return [Leak(pair=texts.id, finding=finding) for finding in look_at(texts, looks)]


def all_have_ids(data: Preferences) -> bool:
    """Whether every row names its problem, so that prompts can be told apart by that."""
    return "problem_id" in data.columns and None not in data.column("problem_id")


def prompt_key(pair: Preference, *, by_id: bool) -> str:
    """What tells prompts apart: the problem's id, or the prompt's text, whatever form it has."""
    known = pair.values.get("problem_id") if by_id else None
    return str(known) if known is not None else content_id(whole(pair.prompt).strip())


def audit_run(
    folder: Path,
    settings: AuditSettings,
    filters: Sequence[FilterSettings],
    progress: Progress = lambda *_: None,
    leaks: Sequence[Leak] = (),
) -> Audit:
    """Audit a run's data set against its control; writes audit.json and adds the numbers to the data card."""
    found = audit_files(folder / "dataset", control_of(folder), settings, filters, progress, leaks=leaks)
    write_file(folder / "audit.json", found.model_dump_json(indent=1) + "\n")
    card = folder / "dataset" / "README.md"
    body, _, _ = card.read_text(encoding="utf-8").partition(CARD)
    write_file(card, f"{body.rstrip()}\n\n{CARD}\n" + "".join(f"{line}\n" for line in card_lines(found)))
    return found


def card_lines(found: Audit) -> list[str]:
    """What a data card says of an audit."""
    lines = ["", f"Verdict: **{found.verdict}**. {found.grounds[:1].upper()}{found.grounds[1:]}.", ""]
    if found.probes:
        lines += ["| family | accuracy | control | excess | 95% bounds | p |", "|---|---|---|---|---|---|"]
    for family, probe in found.probes.items():
        control = "" if probe.control is None else f"{probe.control:.3f}"
        low, high = probe.ci95
        numbers = f"{probe.accuracy:.3f} | {control} | {probe.excess:+.3f} | {low:+.3f} to {high:+.3f}"
        lines.append(f"| {family} | {numbers} | {probe.p_value:.2g} |")
    if found.leaks_by_rule:
        told = ", ".join(f"{rule} {count}" for rule, count in found.leaks_by_rule.items())
        lines += ["", f"Findings in single pairs: {told}."]
    lines += [f"\n{note[:1].upper()}{note[1:]}." for note in found.notes]
    return [inert_markdown(line) for line in lines]


def every_filter() -> tuple[FilterSettings, ...]:
    """All filters at their defaults: what is looked for in the data of others."""
    return at_defaults("filters")


def control_of(source: Path) -> Path | None:
    """The control that lies in a run folder, if there is a pair in it."""
    file = source / CONTROL
    is_run = (source / "dataset").is_dir()
    return file if is_run and file.is_file() and file.stat().st_size else None
