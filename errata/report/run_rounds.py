"""The rounds of a loop: what each gained, from what, at what cost."""

from __future__ import annotations

from typing import Any

from errata.records import Loop, Round
from errata.report.page import Section
from errata.report.run_grid import Grid, fill, without_empty
from errata.report.run_plots import Curve, plot_curves, share_axis
from errata.report.run_wording import (
    count,
    counted,
    duration,
    money,
    percent_between,
    points,
    points_between,
    signed_number,
)
from errata.report.wording import p_text, percent


def rounds_section(loop: Loop, shown: Round | None) -> Section:
    """All rounds; `shown` is the one whose own sections follow."""
    if not loop.rounds:
        body = fill("run_rounds.html.jinja", "empty")
        return Section("run-rounds", "Rounds", "Rounds", body)
    told = {
        "sentence": describe_rounds(loop),
        "reference": REFERENCES.get(loop.reference, loop.reference),
        "stopped": loop.stopped,
        "shown": shown,
        "rounds": [(one.number, one.run, one.student, one.policy, one.conclusion) for one in loop.rounds],
    }
    body = fill("run_rounds.html.jinja", "rounds", told, _results(loop), _grounds(loop))
    return Section("run-rounds", "Rounds", "Rounds", body, {"run-rounds-plot": plot_rounds(loop)}, styles=("run.css",))


REFERENCES = {
    "round": "the student with which the round began",
    "fixed": "the student of the first round",
}


def describe_rounds(loop: Loop) -> str:
    """From the first round's start to the best one's end."""
    first = loop.rounds[0]
    best = next((one for one in loop.rounds if one.number == loop.best), None)
    told = f"{counted(len(loop.rounds), 'round')} of {count(loop.wanted)}: from {percent(first.before)} to "
    if best is None:
        told += f"{percent(loop.rounds[-1].after)} at the end; no round is better than the start."
    else:
        told += f"{percent(best.after)} in round {best.number}."
    falls = [one.number for one in loop.rounds if one.fell]
    gains = [one.number for one in loop.rounds if one.gained]
    told += f" Significant gains: {_numbers(gains)}; significant falls: {_numbers(falls)}."
    return told


def _numbers(rounds: list[int]) -> str:
    return f"round {', '.join(map(str, rounds))}" if rounds else "none"


def plot_rounds(loop: Loop) -> dict[str, Any]:
    """Accuracy at the end of each round; 0 is the start, whose interval the rounds do not tell."""
    start = loop.rounds[0].before
    numbers = [float(one.number) for one in loop.rounds]
    after = Curve(
        "held-out accuracy",
        "--series-2",
        [0.0, *numbers],
        [start, *(one.after for one in loop.rounds)],
        spread=[(start, start), *(one.interval for one in loop.rounds)],
    )
    ticks = {0.0: "start", **{float(one.number): f"{one.number}" for one in loop.rounds}}
    return plot_curves([after], "round", share_axis("greedy answers that are right"), height=320, ticks=ticks)


def _results(loop: Loop) -> Grid:
    rows = []
    for one in loop.rounds:
        cells = {
            "round": f"{one.number}, the best" if one.number == loop.best else f"{one.number}",
            "before": percent(one.before),
            "after": percent(one.after),
            "95% interval": percent_between(one.interval),
            "gain": points(one.gain.value),
            "95% bounds": points_between(one.gain.interval),
            "fixed": count(one.fixed),
            "broken": count(one.broken),
            "p": p_text(one.p_value),
        }
        rows.append(list(cells.values()))
        columns = list(cells)
    return Grid(columns, rows, columns[1:])


def _grounds(loop: Loop) -> Grid:
    rows = []
    for one in loop.rounds:
        cells = {
            "round": f"{one.number}",
            "problems": count(one.problems),
            "mistakes": count(one.mistakes),
            "new pairs": count(one.pairs),
            "pairs of earlier rounds": count(one.past_pairs) if one.past_pairs else "",
            "audit": ("" if one.audit is None else one.audit) + (", cleaned" if one.cleaned else ""),
            "chosen texts, nats": "" if one.chosen_change is None else signed_number(one.chosen_change),
            "cost": money(one.cost) if one.cost else "",
            "last call": duration(one.seconds),
        }
        rows.append(list(cells.values()))
        columns = list(cells)
    return without_empty(Grid(columns, rows, [name for name in columns[1:] if name != "audit"]))
