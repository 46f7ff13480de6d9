"""Who wrote the corrections, and what the engines did and cost."""

from __future__ import annotations

from errata.report.page import Section
from errata.report.run_grid import Bar, Grid, absent, fill, without_empty
from errata.report.run_reading import RunFiles
from errata.report.run_texts import Texts
from errata.report.run_wording import count, counted, duration, model_name, money, said, share_of
from errata.ui import listed
from pipeline.summary import Summary


def costs_section(run: RunFiles, texts: Texts) -> Section:
    """Rungs, teachers, engines and time."""
    title = "Rungs, teachers and cost"
    if run.summary is None:
        return absent(
            "run-costs",
            title,
            "Cost",
            "The build has not come to its end, so nothing is counted yet.",
            run.command("build"),
        )
    s = run.summary
    told = {
        "sentence": describe_costs(s),
        "repaired": counted(s.repaired, "malformed reply") if s.repaired else "",
        "rungs": _rungs(s) if s.tries else None,
        "writers": _writers(texts) if texts.writers else None,
        "engines": _engines(run, s) if s.usage else None,
        "stages": _stages(s),
        "total": duration(s.seconds["total"]) if "total" in s.seconds else "",
    }
    return Section("run-costs", title, "Cost", fill("run_costs.html.jinja", "costs", told), styles=("run.css",))


def total_cost(s: Summary) -> float | None:
    """What all engines with a price were paid; None where none has a price."""
    costs = [use.cost for use in s.usage.values() if use.cost is not None]
    return sum(costs) if costs else None


def total_tokens(s: Summary) -> int:
    """Tokens that all engines read and wrote."""
    return sum(use.prompt_tokens + use.completion_tokens for use in s.usage.values())


def describe_costs(s: Summary) -> str:
    """Which rung gave most, and what a kept pair cost."""
    corrected = sum(s.corrections.values())
    told = f"{count(corrected)} of {counted(sum(s.tries.values()), 'try').replace('trys', 'tries')} gave a correction"
    if s.corrections:
        rung = max(s.corrections, key=lambda name: s.corrections[name])
        told += f", {share_of(s.corrections[rung], corrected)} of them by {said(rung)}"
    told += f". The engines read and wrote {count(total_tokens(s))} tokens"
    cost = total_cost(s)
    if cost is None:
        return f"{told}; none of them has a price."
    each = f", {money(cost / s.kept)} a kept pair" if s.kept else ""
    return f"{told}, which cost {money(cost)}{each}."


def _rungs(s: Summary) -> Grid:
    whole = max(1, sum(s.corrections.values()))
    rows: list[list[str | Bar]] = []
    for rung, tries in s.tries.items():
        won = s.corrections.get(rung, 0)
        share = Bar(won / whole, share_of(won, whole))
        rows.append([said(rung), count(tries), count(won), share_of(won, tries), share])
    columns = ["rung", "tries", "corrections", "of its tries", "share of all corrections"]
    return Grid(columns, rows, columns[1:])


def _writers(texts: Texts) -> Grid:
    whole = texts.writers.total()
    rows: list[list[str | Bar]] = []
    for (rung, teacher, visible), n in texts.writers.most_common():
        saw = "" if visible is None else "yes" if visible else "no"
        rows.append([said(rung) or "unknown", teacher, saw, count(n), Bar(n / whole, share_of(n, whole))])
    columns = ["rung", "teacher", "saw the gold answer", "pairs", "share of the data set"]
    return without_empty(Grid(columns, rows, columns[3:]))


def _engines(run: RunFiles, s: Summary) -> Grid:
    teachers = run.settings.get("teachers")
    settings = {"student": run.settings.get("student"), **(teachers if isinstance(teachers, dict) else {})}
    rows = []
    for name, use in s.usage.items():
        told = settings.get(name)
        cells = {
            "engine": name,
            "model": model_name(told) if isinstance(told, dict) else "",
            "texts written": count(use.completions),
            "tokens in": count(use.prompt_tokens),
            "tokens out": count(use.completion_tokens),
            "cost": "" if use.cost is None else money(use.cost),
            "from the cache": count(use.from_cache) if use.from_cache else "",
            "requests": count(use.requests) if use.requests else "",
            "retries": count(use.retries) if use.retries else "",
            "errors": listed(use.errors),
            "latency": duration(use.latency) if use.latency else "",
        }
        rows.append(list(cells.values()))
        columns = list(cells)
    left = ("engine", "model", "errors")
    return without_empty(Grid(columns, rows, [name for name in columns if name not in left]))


def _stages(s: Summary) -> list[tuple[str, str]]:
    return [(said(stage), duration(spent)) for stage, spent in s.seconds.items() if stage != "total"]
