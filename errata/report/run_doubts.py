"""What can be doubted: right answers among the rejected, pairs and corrections that were refused, gold answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from errata.report.page import Section
from errata.report.run_flow import RULES
from errata.report.run_grid import Bar, Grid, absent, fill
from errata.report.run_journals import MOST, Doubts
from errata.report.run_reading import RunFiles
from errata.report.run_wording import count, counted, percent_between, said, share_of
from errata.report.tables import Cell, Facet, Table
from errata.report.wording import percent, shorten
from pipeline.summary import Summary

LONGEST = 600
"""Characters of a text in a table; the journals have all."""
SOURCES = {
    "assumed": "assumed, since nothing was measured",
    "configured": "as configured in grade.false_negative_rate",
    "measured": "measured by second opinions",
}
OBJECTIONS = {"gold_wrong": "gold looks wrong", "attempt_right": "attempt is right"}
KINDS = {
    "bad_row": "bad row",
    "conflicting": "conflicting gold answers",
    "contaminated": "overlaps with evaluation",
}


def doubts_section(run: RunFiles, doubts: Doubts) -> Section:
    """All of it, each kind with its count and a table to search."""
    title = "What can be doubted"
    if run.summary is None:
        return absent(
            "run-doubts",
            title,
            "Doubts",
            "The build has not come to its end, so nothing is counted yet.",
            run.command("build"),
        )
    s = run.summary
    tables = {
        "run-suspects-table": _suspects_table(doubts),
        "run-gold-table": _objection_table(doubts),
        "run-dropped-table": _dropped_table(doubts),
        "run-refused-table": _refused_table(doubts),
        "run-unknown-table": _undecided_table(doubts),
        "run-left-table": _left_table(doubts),
    }
    tables = {key: table for key, table in tables.items() if table.rows}
    refused = sum(s.tries.values()) - sum(s.corrections.values()) - sum(s.objections.values())
    told: dict[str, Any] = {
        "contamination": contamination(s),
        "opinions": _opinions(s) if s.second_opinions else None,
        "rules": _rules(s, doubts),
        "objections": objections_said(doubts),
        "objections_shown": _shown(doubts) if doubts.objections.total() > len(doubts.objected) else "",
        "asked": doubts.asked,
        "suspected": doubts.suspected,
        "suspects_shown": count(len(doubts.suspects)) if doubts.suspected > len(doubts.suspects) else "",
        "refused": count(max(0, refused)),
        "refused_shown": count(len(doubts.refused)),
        "refused_cut": len(doubts.refused) >= MOST,
        "sourceless": doubts.sourceless.most_common(12),
        "sourceless_total": count(doubts.sourceless.total()),
        "reasons": doubts.reasons.most_common(12),
        "undecided": counted(doubts.reasons.total(), "attempt"),
        "left_out": counted(s.bad_rows + s.conflicting + s.contaminated, "row"),
        "tables": tables,
        "most": count(MOST),
        "more": doubts.reasons.total() > MOST,
        "left_more": s.bad_rows + s.conflicting + s.contaminated > MOST,
    }
    body = fill("run_doubts.html.jinja", "doubts", told)
    return Section("run-doubts", title, "Doubts", body, {}, tables, styles=("run.css",))


def contamination(s: Summary) -> dict[str, str]:
    """The estimate of right answers among the rejected, with what it follows from."""
    rate = s.false_negative_rate
    decided = s.correct + s.wrong
    told = {
        "share": percent(s.rejected_contamination),
        "rate": percent(rate.value),
        "source": SOURCES[rate.source],
        "interval": "" if rate.interval is None else percent_between(rate.interval),
        "n": count(rate.n) if rate.n else "",
        "accuracy": "",
        "scored": "yes" if s.scored else "",
    }
    if rate.source != "measured" and decided:
        told["accuracy"] = percent(min(1.0, s.correct / decided / (1 - rate.value)))
    return told


def _opinions(s: Summary) -> Grid:
    columns = list(dict.fromkeys(verdict for told in s.second_opinions.values() for verdict in told))
    rows = [[first, *(count(told.get(v, 0)) for v in columns)] for first, told in s.second_opinions.items()]
    return Grid(["first checker", *(f"second: {v}" for v in columns)], rows, [f"second: {v}" for v in columns])


def _rules(s: Summary, doubts: Doubts) -> Grid | None:
    whole = max(1, s.pairs)
    rows: list[list[str | Bar]] = [
        [said(rule), "dropped", count(n), Bar(n / whole, share_of(n, whole)), RULES.get(rule, "a filter or a limit")]
        for rule, n in sorted(s.dropped.items(), key=lambda told: -told[1])
        if n
    ]
    rows += [
        [said(rule), "flagged", count(n), Bar(n / whole, share_of(n, whole)), "kept; a filter points to it"]
        for rule, n in doubts.flagged.most_common()
    ]
    columns = ["rule", "pairs are", "pairs", "of all pairs", "meaning"]
    return Grid(columns, rows, columns[2:4]) if rows else None


def objections_said(doubts: Doubts) -> str:
    """How many tries ended in an objection, and what became of their mistakes; nothing where none did."""
    total = doubts.objections.total()
    if not total:
        return ""
    tries = "1 try" if total == 1 else f"{count(total)} tries"
    kinds = ", ".join(f"{OBJECTIONS.get(name, said(name))} {count(n)}" for name, n in doubts.objections.most_common())
    told = f"{tries} at {counted(doubts.objected_mistakes, 'mistake')} ended in an objection ({kinds})"
    return f"{told}; {count(doubts.uncorrected)} of these mistakes stayed uncorrected."


def _shown(doubts: Doubts) -> str:
    """Which objections are listed, where not all are."""
    shown = Counter(told.objection for told in doubts.objected)
    names = [*shown, *(name for name in doubts.objections if name not in shown)]
    told = (
        f"{count(shown[name])} of {count(doubts.objections[name])} {OBJECTIONS.get(name, said(name))}" for name in names
    )
    return ", ".join(told)


def _suspects_table(doubts: Doubts) -> Table:
    rows: list[list[Cell]] = [
        [
            *map(_cut, (told.question, told.gold, told.answer)),
            (f"{told.times} of {told.of}", told.times / told.of),
        ]
        for told in doubts.suspects
    ]
    columns = ["question", "gold answer", "other answer", "attempts that give it"]
    return Table(columns, rows, (), columns[3:])


def _objection_table(doubts: Doubts) -> Table:
    rows: list[list[Cell]] = []
    for told in doubts.objected:
        share = told.agreeing / told.attempts if told.attempts else 0.0
        agreeing = (f"{told.agreeing} of {told.attempts}", share) if told.other is not None else ("", -1.0)
        texts = [told.question, told.objection, told.gold or "", told.other or ""]
        more = [told.diagnosis, told.attempt, said(told.rung), told.teacher or ""]
        rows.append([*map(_cut, texts), agreeing, *map(_cut, more)])
    columns = ["question", "objection", "gold answer", "other answer", "attempts that give it", "the teacher says"]
    columns += ["attempt", "rung", "teacher"]
    seen = {told.objection for told in doubts.objected}
    names = {name: label for name, label in OBJECTIONS.items() if name in seen}
    return Table(columns, rows, [Facet("objection", names)] if len(names) > 1 else (), ["attempts that give it"])


def _cut(text: str) -> str:
    """A text of a row, whose end is left out, with a mark that says so, where it is long."""
    return shorten(text, LONGEST)


def _dropped_table(doubts: Doubts) -> Table:
    rows = [[*map(_cut, (d.question, d.rule, d.reason, d.rejected, d.chosen or ""))] for d in doubts.dropped]
    names = {rule: said(rule) for rule in dict.fromkeys(d.rule for d in doubts.dropped)}
    return Table(["question", "rule", "reason", "rejected", "chosen"], rows, [Facet("rule", names)])


def _refused_table(doubts: Doubts) -> Table:
    rows = [[*map(_cut, (r.text, r.why, said(r.rung), r.teacher or "", r.diagnosis or ""))] for r in doubts.refused]
    names = _labels(r.rung for r in doubts.refused)
    facets = [Facet("rung", names)] if len(names) > 1 else []
    return Table(["text", "why it was refused", "rung", "teacher", "diagnosis"], rows, facets)


def _undecided_table(doubts: Doubts) -> Table:
    rows = [[*map(_cut, (u.text or "(no text)", u.reason, u.attempt_id))] for u in doubts.undecided]
    return Table(["attempt", "why it is undecided", "id"], rows)


def _left_table(doubts: Doubts) -> Table:
    rows = [[_cut(message), kind] for kind, message in doubts.left_out]
    seen = dict.fromkeys(kind for kind, _ in doubts.left_out)
    names = {kind: KINDS.get(kind, said(kind)) for kind in seen}
    return Table(["row", "why"], rows, [Facet("why", names)] if len(names) > 1 else ())


def _labels(names: Any) -> Mapping[str, str]:
    return {said(name): said(name) for name in dict.fromkeys(names)}
