"""The tables of an evaluation: a row a model, a column a measure, or the other way round where cells are wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from errata.report.run_grid import Grid, without_empty
from errata.report.run_wording import (
    count,
    counted,
    estimate,
    number,
    percent_between,
    points_between,
    said,
    share_estimate,
    signed_number,
)
from errata.report.wording import p_text, percent
from pipeline.measures.records import Change, Estimate, Evaluation, Score, SetResult

SLICES = 40
"""Values of a column that are shown; the JSON has all."""


def set_name(name: str) -> str:
    """What a set of problems is called."""
    return "held out" if name == "held_out" else name


Cells = Callable[[Score, Change | None], dict[str, str]]


def greedy_cells(score: Score, change: Change | None) -> dict[str, str]:
    """What is shown of a model's greedy answers."""
    cells = {"accuracy": percent(score.accuracy), "95% interval": percent_between(score.interval)}
    cells |= {"gain, points": "", "95% bounds": "", "fixed": "", "broken": "", "p": ""}
    if change is not None:
        cells["gain, points"] = signed_number(100 * change.gain.value, 1)
        cells["95% bounds"] = points_between(change.gain.interval)
        cells |= {"fixed": count(change.fixed), "broken": count(change.broken), "p": p_text(change.p_value)}
    why = _lost(score.truncated, score.failed)
    cells["unknown"] = count(score.unknown) + (f" ({why})" if why else "")
    cells["tokens"] = "" if score.tokens is None else number(score.tokens, 0)
    cells["longest, characters"] = count(score.longest)
    return cells


def _lost(truncated: int, failed: int) -> str:
    return ", ".join(f"{count(n)} {name}" for n, name in ((truncated, "cut"), (failed, "failed")) if n)


def _gain(told: Estimate) -> str:
    return f"{signed_number(100 * told.value, 1)} ({points_between(told.interval)})"


def turn_cells(score: Score, change: Change | None) -> dict[str, str]:
    """What is shown of its second turn; nothing where there was none."""
    turn = score.second_turn
    if turn is None:
        return {}
    return {
        "at first": percent(turn.first),
        "after the check": percent(turn.second),
        "wrong → right": count(turn.wrong_to_right),
        "right → wrong": count(turn.right_to_wrong),
        "net gain, points": _gain(turn.gain),
        "p": p_text(turn.p_value),
        "unreadable": count(turn.unreadable) if turn.unreadable else "",
    }


def sample_grid(found: Evaluation) -> Grid:
    """A row a measure, a column a model: with intervals, several k would not fit beside each other."""
    rows: list[list[str]] = []
    groups: dict[int, str] = {}
    models = list(found.models)
    for name, result in found.sets.items():
        scores = [result.scores.get(model) for model in models]
        measures: dict[str, list[str]] = {}
        for kind, at in (("pass", "pass_at"), ("maj", "maj_at")):
            ks = sorted({k for score in scores if score is not None for k in getattr(score, at)})
            for k in ks:
                measures[f"{kind}@{k}"] = [
                    _shares(None if score is None else getattr(score, at).get(k)) for score in scores
                ]
        gains = [result.changes[model].sampled_gain if model in result.changes else None for model in models]
        measures["gain of pass@1, points"] = ["" if gain is None else _gain(gain) for gain in gains]
        for title, field in (("distinct answers", "distinct"), ("entropy in nats", "entropy")):
            values = [getattr(score, field) if score is not None else None for score in scores]
            measures[title] = ["" if value is None else estimate(value) for value in values]
        measures["truncated or failed"] = [
            "" if score is None else _lost(score.samples_truncated, score.samples_failed) for score in scores
        ]
        if len(found.sets) > 1:
            groups[len(rows)] = f"{set_name(name)}, {counted(result.n, 'problem')}"
        rows += [[title, *cells] for title, cells in measures.items() if any(cells)]
    return Grid(["measure", *models], rows, models, groups)


def _shares(told: Estimate | None) -> str:
    return "" if told is None else share_estimate(told)


def model_grid(found: Evaluation, cells: Cells) -> Grid:
    """A row a model, under the name of the set where there are several."""
    rows: list[list[str]] = []
    groups: dict[int, str] = {}
    columns: list[str] = []
    for name, result in found.sets.items():
        told = {model: cells(score, result.changes.get(model)) for model, score in result.scores.items()}
        told = {model: row for model, row in told.items() if row}
        if told and len(found.sets) > 1:
            groups[len(rows)] = f"{set_name(name)}, {counted(result.n, 'problem')}"
        for model, row in told.items():
            columns = list(row)
            rows.append([model, *row.values()])
    return without_empty(Grid(["model", *columns], rows, columns, groups))


def shown_values(result: SetResult, column: str) -> Mapping[str, int]:
    """The values of a column that are shown, with their numbers of problems: the largest."""
    sizes = {value: one.n for score in result.scores.values() for value, one in score.slices.get(column, {}).items()}
    largest = sorted(sizes, key=lambda value: -sizes[value])[:SLICES]
    return {value: n for value, n in sizes.items() if value in largest}


def slice_grid(found: Evaluation, column: str) -> tuple[Grid, int]:
    """A row a value of a column, a column a model; and how many values are left out."""
    shown = shown_values(found.held_out, column)
    scores = found.held_out.scores
    rows = []
    for value, n in shown.items():
        told = [score.slices.get(column, {}).get(value) for score in scores.values()]
        cells = ["" if s is None else f"{percent(s.accuracy)} ({percent_between(s.interval)})" for s in told]
        rows.append([value, count(n), *cells])
    everything = {value for score in scores.values() for value in score.slices.get(column, {})}
    columns = [said(column), "problems", *scores]
    return Grid(columns, rows, columns[1:]), len(everything) - len(shown)
