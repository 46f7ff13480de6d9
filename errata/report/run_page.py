"""The page of a run, of a loop or of an ablation: what a busy person asks first stands first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from errata.records import Round
from errata.report.audit_page import features_section, markers_section, notes_section, probes_section, verdict_section
from errata.report.page import Section, write_page
from errata.report.run_ablation import ablation_section
from errata.report.run_accuracy import accuracy_section
from errata.report.run_contents import Contents
from errata.report.run_costs import costs_section
from errata.report.run_doubts import doubts_section
from errata.report.run_flow import flow_section
from errata.report.run_grid import absent, fill
from errata.report.run_headline import headline_section
from errata.report.run_reading import RunFiles
from errata.report.run_rounds import rounds_section
from errata.report.run_texts import lengths_section
from errata.report.run_training import rewards_section, training_section

MOST_PAIRS = 5000
"""Pairs that a page lists by default."""


def write_run_page(file: Path, found: Contents, *, pairs: int = MOST_PAIRS) -> None:
    """Write the page, whole or not at all; it lists at most so many pairs."""
    kicker = "Loop" if found.loop is not None else "Ablation" if found.cell is not None else "Run"
    write_page(file, str(found.folder), run_sections(found, pairs=pairs), kicker=kicker)


def run_sections(found: Contents, *, pairs: int = MOST_PAIRS) -> list[Section]:
    """All sections, in the order in which they are asked for: result, grounds, data, doubts, pairs."""
    run = found.run
    grid = found.ablation if found.cell is not None else None
    sections = [headline_section(run, found.loop, found.shown, grid)]
    if found.loop is not None:
        sections.append(rounds_section(found.loop, found.shown))
    if found.ablation is not None:
        sections.append(ablation_section(found.ablation))
    if run is None:
        return sections
    sections += [_of_round(one, found.shown) for one in _run_sections(found, run, pairs)]
    return sections


def _of_round(section: Section, shown: Round | None) -> Section:
    """In the page of a loop, a section of one round says so."""
    return section if shown is None else replace(section, title=f"{section.title}, round {shown.number}")


def _run_sections(found: Contents, run: RunFiles, pairs: int) -> list[Section]:
    sections = [accuracy_section(run)]
    if found.built:
        sections += [flow_section(run), audit_section(run)]
    sections.append(training_section(run))
    if found.cell is None:
        sections.append(rewards_section(run))
    if found.built:
        sections += [costs_section(run, found.texts), lengths_section(run, found.texts)]
        sections.append(doubts_section(run, found.doubts))
        if pairs and (run.path / "pairs.jsonl").is_file():
            from errata.report.pairs import pairs_section

            sections.append(pairs_section(run.path, most=pairs))
    return sections


def audit_section(run: RunFiles) -> Section:
    """The parts of an audit's own page that say what it found, as one section."""
    title = "Shortcut audit"
    found = run.audit
    if found is None:
        return absent(
            "run-audit",
            title,
            "Audit",
            "What else tells chosen from rejected has not been looked at.",
            f"errata audit {run.path}",
        )
    lead = []
    if run.trained_on is not None:
        told = f"This is the audit of {run.trained_on}, on which the policy was trained. Pairs below are the run's own."
        lead = [("run-audit-of", "Of which data", fill("run_parts.html.jinja", "note", told))]
    parts = [
        verdict_section(found, None, None),
        markers_section(found, None),
        probes_section(found, None),
        features_section(found, None),
        notes_section(found, None, None),
    ]
    figures = {key: figure for part in parts for key, figure in part.figures.items()}
    tables = {key: table for part in parts for key, table in part.tables.items()}
    body = fill("run_parts.html.jinja", "parts", [*lead, *((part.id, part.title, part.body) for part in parts)])
    return Section("run-audit", title, "Audit", body, figures, tables)
