"""The audit as sections of a page: the verdict first, then its grounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from errata.report.figures import (
    CLASSES,
    Series,
    feature_reach,
    plot_accuracy,
    plot_excess,
    plot_features,
    plot_intervals,
)
from errata.report.page import Section, templates, write_page
from errata.report.tables import Cell, Facet, Table
from errata.report.wording import p_text, ratio
from errata.ui import listed
from pipeline.shortcuts.records import Audit, Feature, FeatureClass, Verdict

if TYPE_CHECKING:
    from pipeline.clean import Cleaned

HEADLINES: dict[Verdict, str] = {
    "clean": "Nothing beyond right and wrong tells the chosen texts from the rejected ones.",
    "marker": "A few habits give the chosen texts away. DPO would learn them instead of the corrections.",
    "diffuse": "The chosen texts have another author throughout, and DPO would learn the author.",
    "underpowered": "There are too few prompts to say whether more than right and wrong tells the texts apart.",
}
MEANINGS: dict[FeatureClass, str] = {
    "artefact": "One side has it more often, and further than the control: an author's habit, which DPO would learn.",
    "unattributed": "One side has it more often. It cannot be shown whether that is the author or the mistakes.",
    "error_signal": "The student's own right and wrong texts differ in it, too: it comes with the mistakes, and stays.",
}
OUTCOMES = {
    "passed": "The upper bound of the excess after the repair is within the bound.",
    "failed": "After the repair the chosen texts can still be told: the lower bound of the excess is above 0.",
    "underpowered": "The held-out prompts are too few to tell either way.",
}
TERMS = (
    ("Control", "Pairs of the student's own right and wrong texts. Right and wrong reasoning read differently by "
    "themselves; what counts is what the data show beyond that."),
    ("Accuracy", "How often a probe picks the chosen text of prompts that it was not trained on. 50% is chance."),
    ("Excess", "Accuracy in the data less that in the control; without a control, less 50%."),
    ("p", "One-sided, of the null that there is no excess."),
    ("p, swapped", "Of the null that chosen and rejected cannot be told apart at all, from data with the two swapped "
    "at random."),
    ("q", "Expected share of false ones among the features with this or a smaller value (Benjamini–Hochberg)."),
    ("Chosen : rejected", "Prompts whose chosen texts have more of a feature, and prompts whose rejected texts have."),
    ("Log-odds", "Of chosen against rejected votes, smoothed: above 0 where chosen texts have more."),
    ("⏎, · and ▒", "A line end, a character that cannot be shown, and a masked number or answer."),
)  # fmt: skip


def write_audit_page(
    file: Path,
    audit: Audit,
    *,
    title: str,
    cleaned: Cleaned | None = None,
    before: Audit | None = None,
) -> None:
    """Write the page of an audit; with `before` and `cleaned`, of a repair: `audit` is then the one after."""
    sections = audit_sections(audit, cleaned=cleaned, before=before)
    write_page(file, title, sections, kicker="Shortcut audit")


def audit_sections(audit: Audit, *, cleaned: Cleaned | None = None, before: Audit | None = None) -> list[Section]:
    """The sections, as `write_audit_page` has them."""
    sections = [
        verdict_section(audit, before, cleaned),
        markers_section(audit, before),
        probes_section(audit, before),
        features_section(audit, before),
        findings_section(audit),
        power_section(audit),
    ]
    if cleaned is not None:
        sections.insert(1, repair_section(cleaned, audit.bound))
    return [*sections, notes_section(audit, before, cleaned)]


def verdict_section(audit: Audit, before: Audit | None, cleaned: Cleaned | None) -> Section:
    """The verdict, its grounds, what to do, and how much was looked at."""
    advice = audit.advice.split("`")
    body = _fill("verdict", audit, before, cleaned, HEADLINES[audit.verdict], advice)
    return Section("audit-verdict", "Verdict", "Verdict", body)


def markers_section(audit: Audit, before: Audit | None) -> Section:
    """What gives texts away, with its share of the pairs."""
    return Section("audit-markers", "What gives texts away", "Markers", _fill("markers", audit, before))


def probes_section(audit: Audit, before: Audit | None) -> Section:
    """How well probes tell chosen from rejected."""
    audits = [(when, one) for when, one in _audits(audit, before) if one.probes]
    left = any(probe.residual is not None for _, one in audits for probe in one.probes.values())
    body = _fill("probes", audit, audits, left, audit.bound)
    figures = {}
    if audits:
        figures["audit-excess"] = plot_excess(audit, before, bound=audit.bound)
        figures["audit-accuracy"] = plot_accuracy(audit, before)
    return Section("audit-probes", "How well a probe tells them apart", "Probes", body, figures)


def features_section(audit: Audit, before: Audit | None) -> Section:
    """Features that one side has more often, by class."""
    audits = [(when, one) for when, one in _audits(audit, before) if one.features]
    found = [feature for _, one in audits for feature in one.features]
    plots = [(f"audit-plane-{when.lower() or 'now'}", when) for when, _ in audits]
    reach = feature_reach(found)
    figures = {key: plot_features(one.features, reach) for (key, _), (_, one) in zip(plots, audits, strict=True)}
    counted = {
        "compared": any(feature.control_chosen is not None for feature in found),
        "lines": [_counted(when, one) for when, one in _audits(audit, before)],
    }
    there = {feature.class_ for feature in found}
    classes = [(CLASSES[name].capitalize(), meaning) for name, meaning in MEANINGS.items() if name in there]
    body = _fill("features", audits, plots, classes, counted)
    tables = {"audit-feature-table": _feature_table(audits)} if audits else {}
    return Section("audit-features", "Features that one side has more often", "Features", body, figures, tables)


def _feature_table(audits: Sequence[tuple[str, Audit]]) -> Table:
    cells = [_feature_cells(when, feature) for when, one in audits for feature in one.features]
    left_out = {"when"} if len(audits) == 1 else set()
    if all(f.control_chosen is None for _, one in audits for f in one.features):
        left_out |= {"control", "p, control"}
    columns = [name for name in cells[0] if name not in left_out]
    there = {f.class_ for _, one in audits for f in one.features}
    names: dict[str, str] = {name: title for name, title in CLASSES.items() if name in there}
    facets = [Facet("class", names, next(iter(names)))]
    if len(audits) > 1:
        facets.insert(0, Facet("when", {when: when for when, _ in audits}))
    numbers = [name for name in columns if isinstance(cells[0][name], tuple)]
    return Table(columns, [[row[name] for name in columns] for row in cells], facets, numbers)


def _feature_cells(when: str, f: Feature) -> dict[str, Cell]:
    in_control = ("", 0.0)
    if f.control_chosen is not None and f.control_rejected is not None:
        in_control = (ratio(f.control_chosen, f.control_rejected), float(f.control_chosen - f.control_rejected))
    return {
        "feature": f.feature,
        "when": when,
        "class": f.class_,
        "kind": f.kind,
        "chosen : rejected": (ratio(f.chosen, f.rejected), f.chosen - f.rejected),
        "control": in_control,
        "log-odds": (f"{f.log_odds:+.2f}".replace("-", "−"), f.log_odds),
        "q": (p_text(f.q_value), f.q_value),
        "p, control": ("", 2.0) if f.p_control is None else (p_text(f.p_control), f.p_control),
    }


def _counted(when: str, audit: Audit) -> str:
    shown = Counter(feature.class_ for feature in audit.features)
    told = [
        f"{CLASSES[name]} {audit.features_significant[name]:,}"
        + (f" (the first {shown[name]:,} are listed)" if shown[name] < audit.features_significant[name] else "")
        for name in CLASSES
        if audit.features_significant.get(name)
    ]
    start = f"{when}: " if when else ""
    return f"{start}{audit.features_tested:,} features tested; {', '.join(told) or 'none differs'}."


def findings_section(audit: Audit) -> Section:
    """What filters found in single pairs: by rule, then row by row."""
    pairs: dict[str, set[str]] = {name: set() for name in audit.leaks_by_rule}
    actions: dict[str, set[str]] = {name: set() for name in audit.leaks_by_rule}
    for leak in audit.leaks:
        pairs.setdefault(leak.finding.rule, set()).add(leak.pair)
        actions.setdefault(leak.finding.rule, set()).add(leak.finding.action)
    rules = [
        (name, ", ".join(sorted(actions[name])), audit.leaks_by_rule.get(name, 0), len(found))
        for name, found in pairs.items()
    ]
    body = _fill("findings", audit, rules)
    tables = {"audit-finding-table": _finding_table(audit)} if audit.leaks else {}
    return Section("audit-findings", "Findings in single pairs", "Findings", body, {}, tables)


def _finding_table(audit: Audit) -> Table:
    rows = []
    for leak in audit.leaks:
        found = leak.finding
        span = ("", -1.0) if found.span is None else (f"{found.span[0]:,}–{found.span[1]:,}", float(found.span[0]))
        score = ("", -1.0) if found.score is None else (f"{found.score:.3g}", found.score)
        rows.append((found.reason, found.rule, leak.pair, span, score, found.action))
    rules = {name: name for name in audit.leaks_by_rule}
    columns = ("reason", "rule", "pair", "characters", "score", "action")
    return Table(columns, rows, [Facet("rule", rules)], ("characters", "score"))


def power_section(audit: Audit) -> Section:
    """What data of this size can show."""
    return Section("audit-power", "What would be found", "Power", _fill("power", audit))


def repair_section(cleaned: Cleaned, bound: float) -> Section:
    """What a repair did, and what held-out prompts say of it."""
    c = cleaned.certificate
    arms = {"before": c.before, "after": c.after, "as many dropped at random": c.random_drop}
    told = {name: arm for name, arm in arms.items() if arm is not None}
    changed = listed(cleaned.changed)
    done = {
        "changed": f"Changed: {changed}." if changed else "Nothing had to be changed.",
        "filtered": listed(cleaned.filtered),
        "rows": listed(cleaned.rows),
        "told": list(told.items()),
    }
    body = _fill("repair", cleaned, done, OUTCOMES[c.outcome])
    if not told:
        return Section("audit-repair", "The repair and its certificate", "Repair", body)
    beyond = "chance" if next(iter(told.values())).control is None else "the control"
    values = {name.removeprefix("as many "): (one.excess, *one.ci95) for name, one in told.items()}
    series = Series("excess", "--after", "circle", values)
    figure = plot_intervals([series], bound=bound, axis=f"beyond {beyond}")
    return Section("audit-repair", "The repair and its certificate", "Repair", body, {"audit-certificate": figure})


def notes_section(audit: Audit, before: Audit | None, cleaned: Cleaned | None) -> Section:
    """What limits the audit, and what its words mean."""
    lines = [*(before.notes if before else ()), *audit.notes, *(cleaned.notes if cleaned else ())]
    told = [f"{line[:1].upper()}{line[1:]}." for line in dict.fromkeys(lines)]
    return Section("audit-notes", "Notes", "Notes", _fill("notes", told, TERMS))


def _audits(audit: Audit, before: Audit | None) -> list[tuple[str, Audit]]:
    return [("", audit)] if before is None else [("Before", before), ("After", audit)]


def _fill(macro: str, *values: object) -> Markup:
    """A section's body: one macro of the template."""
    module: Any = templates().get_template("audit.html.jinja").module
    filled: Markup = getattr(module, macro)(*values)
    return filled
