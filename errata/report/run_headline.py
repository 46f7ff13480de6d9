"""The top of a run's page: did it work, is it real, are the data clean, what did it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from errata.records import Ablation, Loop, Round
from errata.report.audit_page import HEADLINES
from errata.report.page import Section
from errata.report.run_ablation import cell_name, rank_cells
from errata.report.run_costs import total_cost, total_tokens
from errata.report.run_doubts import contamination
from errata.report.run_grid import fill
from errata.report.run_reading import RunFiles
from errata.report.run_wording import (
    count,
    counted,
    duration,
    model_name,
    money,
    p_said,
    points,
    points_between,
)
from errata.report.wording import percent
from pipeline.intervals import LEVEL
from pipeline.measures.records import Interval


@dataclass(frozen=True)
class Reading:
    """One accuracy with its interval, for the strip."""

    name: str
    value: float
    interval: Interval | None
    color: str


@dataclass
class Headline:
    """What the first screen says. `tone`: `good`, `bad`, `open` (not to be told) or `none` (not measured)."""

    tone: str
    verdict: str
    sentence: str
    strip: tuple[Reading, ...] = ()
    tiles: list[Tile] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    """The answer to one question."""

    question: str
    answer: str
    tone: str
    more: str


def headline_section(
    run: RunFiles | None, loop: Loop | None = None, shown: Round | None = None, ablation: Ablation | None = None
) -> Section:
    """Of a run; of a loop, `shown` being the round that `run` is; or of a grid, `run` being its best cell."""
    if loop is not None and loop.rounds:
        told = loop_headline(loop)
    elif ablation is not None and ablation.cells:
        told = ablation_headline(ablation)
    else:
        told = run_headline(run)
    if run is not None:
        told.tiles.append(_clean_tile(run))
        told.tiles.append(_cost_tile(run, loop))
    facts = [] if run is None else _facts(run)
    where = "" if loop is None or shown is None else f"In round {shown.number}"
    body = fill("run_headline.html.jinja", "headline", told, facts, TONES, where)
    return Section("run-result", "Result", "Result", body, styles=("run.css",))


TONES = {"good": "clean", "bad": "marker", "open": "underpowered", "none": "none"}
"""Classes of the style sheet."""


def run_headline(run: RunFiles | None) -> Headline:
    """What an evaluation says; else that nothing is measured."""
    found = run.evaluation if run is not None else None
    if found is None:
        what = "Nothing is measured yet." if run is None else f"Not measured yet: `{run.command('evaluate')}` does."
        return Headline("none", "not evaluated", what)
    before, after = found.held_out.scores[found.first], found.held_out.scores[found.last]
    change = found.held_out.changes.get(found.last)
    strip = [Reading(found.first, before.accuracy, before.interval, "--series-1")]
    if change is None:
        return Headline("none", "one model", found.conclusion, tuple(strip))
    strip.append(Reading(found.last, after.accuracy, after.interval, "--series-2"))
    tone, verdict = _tone(significant=change.significant, gain=change.gain.value)
    told = Headline(tone, verdict, change.conclusion, tuple(strip))
    told.tiles.append(
        Tile("Did it work?", points(change.gain.value), tone, f"{percent(before.accuracy)} → {percent(after.accuracy)}")
    )
    told.tiles.append(_real_tile(tone, change.p_value, change.gain.interval, change.fixed, change.broken))
    return told


def loop_headline(loop: Loop) -> Headline:
    """From the first round's start to the best round's end."""
    first, total = loop.rounds[0], loop.total
    best = next((one for one in loop.rounds if one.number == loop.best), None)
    strip = [Reading("start", first.before, None, "--series-1")]
    strip += [Reading(f"round {one.number}", one.after, one.interval, "--series-2") for one in loop.rounds]
    sentence = f"{counted(len(loop.rounds), 'round')} of {count(loop.wanted)}"
    if best is None or total is None:
        last = loop.rounds[-1]
        sentence += "; none is better than the student it began with, so keep that one."
        told = Headline("bad", "no gain", sentence, tuple(strip))
        more = f"{percent(first.before)} → {percent(last.after)} in round {last.number}"
        told.tiles.append(Tile("Did it work?", points(last.after - first.before), "bad", more))
        return told
    tone, verdict = _tone(significant=total.significant, gain=total.gain.value)
    told = Headline(tone, verdict, f"{sentence}; the best is round {best.number}. {total.conclusion}", tuple(strip))
    change = f"{percent(first.before)} → {percent(best.after)}"
    told.tiles.append(Tile("Did it work?", points(total.gain.value), tone, change))
    told.tiles.append(_real_tile(tone, total.p_value, total.gain.interval, total.fixed, total.broken))
    return told


def ablation_headline(found: Ablation) -> Headline:
    """The best cell against the student."""
    best = rank_cells(found)[0]
    p_value = min(1.0, best.p_value * len(found.cells))  # Bonferroni: the best of so many
    tone, verdict = _tone(significant=p_value < LEVEL, gain=best.gain.value)
    strip = (
        Reading("student", found.before, None, "--series-1"),
        Reading("best cell", best.accuracy, best.interval, "--series-2"),
    )
    sentence = f"The best of {counted(len(found.cells), 'cell')} is {cell_name(best, found)}."
    told = Headline(tone, verdict, sentence, strip)
    more = (
        f"{percent(found.before)} → {percent(best.accuracy)}, the best of {count(len(found.cells))}: it was lucky, too"
    )
    told.tiles.append(Tile("Did it work?", points(best.gain.value), tone, more))
    told.tiles.append(_real_tile(tone, p_value, best.gain.interval, best.fixed, best.broken))
    return told


def _tone(*, significant: bool, gain: float) -> tuple[str, str]:
    if not significant:
        return "open", "no change shown"
    return ("good", "better") if gain > 0 else ("bad", "worse")


def _real_tile(tone: str, p: float, interval: Interval, fixed: int, broken: int) -> Tile:
    answer = "yes" if tone != "open" else "cannot be told"
    more = f"{points_between(interval)} points, 95%; {count(fixed)} fixed, {count(broken)} broken, {p_said(p)}"
    return Tile("Is it real?", answer, tone, more)


def _clean_tile(run: RunFiles) -> Tile:
    question = "Are the data clean?"
    if run.summary is None:
        return Tile(question, "not built", "none", f"`{run.command('build')}` goes on")
    told = contamination(run.summary)
    rest = "" if told["scored"] else f" About {told['share']} of the rejected may be right."
    if run.audit is None:
        return Tile(question, "not audited", "none", f"`errata audit {run.path}` does.{rest}")
    tone = {"clean": "good", "marker": "bad", "diffuse": "bad", "underpowered": "open"}[run.audit.verdict]
    verdict = run.audit.verdict if run.trained_on is None else f"{run.audit.verdict}, repaired"
    return Tile(question, verdict, tone, HEADLINES[run.audit.verdict] + rest)


def _cost_tile(run: RunFiles, loop: Loop | None) -> Tile:
    question = "What did it cost?"
    if loop is not None and loop.rounds:
        seconds = duration(sum(one.seconds for one in loop.rounds))
        paid = sum(one.cost for one in loop.rounds)
        more = f"all rounds; the last call of each, {seconds} in all"
        return Tile(question, money(paid) if paid else "no price", "plain", more)
    s = run.summary
    if s is None:
        return Tile(question, "not counted", "none", "the build has not come to its end")
    spent = [f"built in {duration(s.seconds['total'])}"] if "total" in s.seconds else []
    spent += [f"trained in {duration(run.training.seconds)}"] if run.training is not None else []
    cost = total_cost(s)
    tokens = f"{count(total_tokens(s))} tokens"
    if cost is None:
        return Tile(question, tokens, "plain", "; ".join(["no engine has a price", *spent]))
    return Tile(question, money(cost), "plain", "; ".join([tokens, *spent]))


def _facts(run: RunFiles) -> list[tuple[str, str, str]]:
    facts = []
    s = run.summary
    if s is not None:
        facts.append(("Problems", count(s.problems), counted(s.attempts, "attempt")))
        facts.append(("Mistakes", count(s.mistakes), f"{count(sum(s.corrections.values()))} corrected"))
        facts.append(("Pairs", count(s.kept), ", ".join(f"{name} {count(n)}" for name, n in s.splits.items())))
    if run.training is not None:
        facts.append(("Trained on", counted(run.training.pairs, "pair"), counted(run.training.steps, "step")))
    if run.evaluation is not None:
        held_out = run.evaluation.held_out
        facts.append(("Held-out problems", count(held_out.n), f"asked of {counted(len(held_out.scores), 'model')}"))
    facts += [("Student", *_engine(run.settings.get("student")))] if "student" in run.settings else []
    teachers = run.settings.get("teachers")
    if isinstance(teachers, Mapping) and teachers:
        asked = list(dict.fromkeys(_engine(one) for one in teachers.values()))
        names, engines = (", ".join(dict.fromkeys(part)) for part in zip(*asked, strict=True))
        facts.append(("Teacher" if len(asked) == 1 else "Teachers", names, engines))
    return facts


def _engine(told: Any) -> tuple[str, str]:
    if not isinstance(told, Mapping):
        return "unknown", ""
    name, engine = model_name(told), str(told.get("engine", ""))
    return name, engine if engine != name else ""
