"""The audit in the terminal: the verdict, what gives texts away, how well probes tell them apart."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from errata.ui import listed, out
from pipeline.clean import Cleaned
from pipeline.shortcuts.certify import Told
from pipeline.shortcuts.records import Audit, Feature

COLORS = {"clean": "green", "marker": "red", "diffuse": "red", "underpowered": "yellow"}
SHOWN = 10
"""Features of each class that are shown."""


def print_audit(audit: Audit) -> None:
    """The verdict first, then its grounds as tables."""
    out.print(Text.assemble(("Verdict: ", "bold"), (audit.verdict, f"bold {COLORS[audit.verdict]}")))
    out.print(f"{audit.grounds[:1].upper()}{audit.grounds[1:]}.", markup=False)
    if audit.prompts_needed is not None:
        out.print(f"Prompts that would be needed: about {audit.prompts_needed:,}; there are {audit.prompts:,}.")
    out.print(f"What to do: {audit.advice}.", markup=False)
    out.print()
    if audit.markers:
        out.print(_markers(audit))
    if audit.probes:
        out.print(_probes(audit))
    if audit.features:
        out.print(_features(audit))
    if audit.leaks_by_rule:
        out.print(f"Findings in single pairs: {listed(audit.leaks_by_rule)}", markup=False)
    if audit.minimum_detectable_prevalence is not None:
        share = audit.minimum_detectable_prevalence
        out.print(f"A phrase in {share:.1%} or more of the {audit.prompts:,} prompts' chosen texts would be found.")
    for note in audit.notes:
        out.print(f"Note: {note}.", markup=False)


def _markers(audit: Audit) -> Table:
    table = Table(title="What gives texts away", title_justify="left")
    for column in ("marker", "kind", "more in", "pairs", "share"):
        table.add_column(column, justify="right" if column in ("pairs", "share") else "left", overflow="fold")
    for marker in audit.markers:
        told = Text(visible(marker.phrase or marker.feature))
        table.add_row(told, marker.kind, marker.more_in, f"{marker.pairs:,}", f"{marker.share:.0%}")
    return table


def _probes(audit: Audit) -> Table:
    what = "beyond the control" if audit.control else "beyond chance"
    table = Table(title="How often a probe tells chosen from rejected", title_justify="left")
    table.add_column("family")
    columns = ["accuracy", "control", what, "95% bounds", "p", "without markers"]
    left = any(probe.residual is not None for probe in audit.probes.values())
    for column in columns if left else columns[:-1]:
        table.add_column(column, justify="right")
    for family, probe in audit.probes.items():
        low, high = probe.ci95
        control = "" if probe.control is None else f"{probe.control:.1%}"
        residual = "" if probe.residual is None else f"{probe.residual:+.1%}"
        cells = [f"{probe.accuracy:.1%}", control, f"{probe.excess:+.1%}", f"{low:+.1%} – {high:+.1%}"]
        table.add_row(family, *cells, f"{probe.p_value:.2g}", *([residual] if left else []))
    return table


def _features(audit: Audit) -> Table:
    table = Table(
        title=f"Features that one side has more often, {audit.features_tested:,} tested", title_justify="left"
    )
    table.add_column("feature", overflow="fold")
    for column in ("kind", "class"):
        table.add_column(column)
    for column in ("chosen : rejected", "in the control", "q"):
        table.add_column(column, justify="right")
    shown: dict[str, list[Feature]] = {}
    for feature in audit.features:
        shown.setdefault(feature.class_, []).append(feature)
    for name, features in shown.items():
        distinct = {(f.chosen, f.rejected, f.control_chosen, f.control_rejected): f for f in reversed(features)}
        for f in sorted(distinct.values(), key=features.index)[:SHOWN]:
            control = "" if f.control_chosen is None else f"{f.control_chosen:,} : {f.control_rejected:,}"
            told = f"{f.chosen:,} : {f.rejected:,}"
            table.add_row(Text(visible(f.feature)), f.kind, name.replace("_", " "), told, control, f"{f.q_value:.1g}")
        more = audit.features_significant[name] - min(SHOWN, len(distinct))
        if more > 0:
            table.add_row(Text(f"… and {more:,} more", style="dim"), "", name.replace("_", " "), "", "", "")
    return table


def print_cleaned(cleaned: Cleaned, before: Audit, after: Audit) -> None:
    """What was done, and what it is worth."""
    nothing = "nothing could be changed safely" if cleaned.left else "nothing had to be changed"
    done = listed(cleaned.changed) or nothing
    out.print(f"{cleaned.kept:,} of {cleaned.pairs:,} pairs kept; {done}.", markup=False)
    if cleaned.filtered:
        out.print(f"Dropped by filters: {listed(cleaned.filtered)}.", markup=False)
    for marker in cleaned.markers:
        told = visible(marker.phrase or marker.feature)
        out.print(f"  {marker.kind}: {told!r}, in {marker.share:.0%} of pairs more in {marker.more_in}", markup=False)
    for marker in cleaned.left:
        told = visible(marker.phrase or marker.feature)
        out.print(f"  still there: {marker.kind}: {told!r} ({marker.share:.0%} of pairs)", markup=False)
    if not cleaned.regraded:
        out.print("Changed texts were not graded again: their numbers, formulas and final answers are as they were.")
    table = Table(title="Before and after", title_justify="left")
    table.add_column("")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    table.add_row("verdict", before.verdict, after.verdict)
    for family in before.probes:
        cells = [f"{audit.probes[family].excess:+.1%}" if family in audit.probes else "" for audit in (before, after)]
        table.add_row(f"excess, {family}", *cells)
    certificate = cleaned.certificate
    table.add_row("excess, held out", _told(certificate.before), _told(certificate.after))
    table.add_row("as many dropped at random", "", _told(certificate.random_drop))
    out.print(table)
    compared = certificate.after.prompts if certificate.after else 0
    told = f"{compared:,} of {certificate.prompts:,} held-out prompts compared, {certificate.model}"
    out.print(f"Certificate: {certificate.outcome} ({told})")
    for note in cleaned.notes:
        out.print(f"Note: {note}.", markup=False)


def _told(told: Told | None) -> str:
    if told is None:
        return "too few prompts"
    low, high = told.ci95
    return f"{told.excess:+.1%} ({low:+.1%} – {high:+.1%})"


def visible(text: str) -> str:
    """A text in one line, with its line ends shown and control characters left out."""
    shown = text.replace("\n", "⏎")
    return "".join(character if character.isprintable() else "·" for character in shown)
