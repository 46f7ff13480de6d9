"""How each model did on each set of problems: greedy and sampled answers, second turns, slices, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from errata.report.figures import Series
from errata.report.page import Section
from errata.report.run_grid import Grid, absent, fill, without_empty
from errata.report.run_plots import Curve, pick, plot_curves, plot_forest, points_axis, share_axis
from errata.report.run_reading import RunFiles
from errata.report.run_wording import (
    count,
    counted,
    estimate,
    number,
    p_said,
    percent_between,
    points,
    points_between,
    said,
    share_estimate,
)
from errata.report.wording import p_text, percent, shorten
from pipeline.measures.records import Change, Estimate, Evaluation, Flip, Score, SetResult

SLICES = 40
"""Values of a column that are shown; the JSON has all."""


def accuracy_section(run: RunFiles) -> Section:
    """All of `evaluation.json`."""
    title = "Accuracy before and after"
    found = run.evaluation
    if found is None:
        return absent(
            "run-accuracy",
            title,
            "Accuracy",
            "The models have not been asked the held-out problems yet.",
            run.command("evaluate"),
        )
    figures = {"run-accuracy-plot": _plot_accuracy(found)}
    if found.held_out.changes:
        figures["run-gain-plot"] = _plot_gains(found)
    if any(score.pass_at for score in found.held_out.scores.values()):
        figures["run-pass-plot"] = _plot_pass(found)
    columns = list(dict.fromkeys(name for score in found.held_out.scores.values() for name in score.slices))
    for place, column in enumerate(columns):
        figures[f"run-slice-{place}"] = _plot_slices(found, column)
    told = {
        "what": _explain(found),
        "others": [
            (set_name(name), change.conclusion)
            for name, result in found.sets.items()
            for model, change in result.changes.items()
            if result is not found.held_out or model != found.last
        ],
        "models": list(found.models.items()),
        "greedy": _grid(found, GREEDY),
        "sampled": _sampled_grid(found) if any(_samples(found)) else None,
        "turned": _explain_turns(found),
        "turns": _grid(found, TURNS) if any(score.second_turn for score in _scores(found)) else None,
        "samples": count(max(_samples(found), default=0)),
        "gains": "run-gain-plot" in figures,
        "passes": "run-pass-plot" in figures,
        "slices": [_slice_table(found, place, column) for place, column in enumerate(columns)],
        "examples": [
            (result_name, model, kind, [_flip(flip) for flip in flips], _of(kind, change))
            for result_name, result in found.sets.items()
            for model, change in result.changes.items()
            for kind, flips in change.examples.items()
            if flips
        ],
    }
    body = fill("run_accuracy.html.jinja", "accuracy", told)
    return Section("run-accuracy", title, "Accuracy", body, figures, styles=("run.css",))


def set_name(name: str) -> str:
    """What a set of problems is called."""
    return "held out" if name == "held_out" else name


def _explain(found: Evaluation) -> str:
    result = found.held_out
    change = result.changes.get(found.last)
    if change is None:
        return f"One model was asked {counted(result.n, 'held-out problem')}; there is none to compare it with."
    before, after = result.scores[found.first], result.scores[found.last]
    told = f"On {counted(result.n, 'held-out problem')} the greedy answers went from {percent(before.accuracy)} to "
    told += f"{percent(after.accuracy)}: {count(change.fixed)} problems were fixed and {count(change.broken)} broken. "
    low, high = change.gain.interval
    if not change.significant:
        return told + f"Such a difference is no surprise where nothing has changed ({p_said(change.p_value)})."
    sure = f"The gain is {points(change.gain.value)}, with 95% confidence {points_between((low, high))}"
    return f"{told}{sure}; were both equally good, such a difference would come up with {p_said(change.p_value)}."


def _explain_turns(found: Evaluation) -> str:
    turn = found.held_out.scores[found.last].second_turn
    if turn is None:
        return ""
    told = f"Asked to check its answers, {found.last} mends {count(turn.wrong_to_right)} and spoils "
    told += f"{count(turn.right_to_wrong)}: {points(turn.gain.value)}"
    return f"{told} ({points_between(turn.gain.interval)}, {p_said(turn.p_value)})."


def _explain_slices(found: Evaluation, column: str) -> str:
    """Where the gain is largest and where smallest."""
    before, after = (found.held_out.scores[model].slices.get(column, {}) for model in (found.first, found.last))
    gains = {value: after[value].accuracy - before[value].accuracy for value in after if value in before}
    if found.first == found.last or len(gains) < 2:
        return ""
    most, least = max(gains, key=lambda value: gains[value]), min(gains, key=lambda value: gains[value])
    told = f"{points(gains[most])} for {shorten(most, 60)}, the most; {points(gains[least])} for {shorten(least, 60)}"
    return f"{told}, the least. Small groups have wide intervals."


Cells = Callable[[Score, Change | None], dict[str, str]]


def _greedy_cells(score: Score, change: Change | None) -> dict[str, str]:
    cells = {"accuracy": percent(score.accuracy), "95% interval": percent_between(score.interval)}
    cells |= {"gain": "", "95% bounds": "", "fixed": "", "broken": "", "p": ""}
    if change is not None:
        cells["gain"], cells["95% bounds"] = points(change.gain.value), points_between(change.gain.interval)
        cells |= {"fixed": count(change.fixed), "broken": count(change.broken), "p": p_text(change.p_value)}
    why = [f"{count(n)} {name}" for n, name in ((score.truncated, "truncated"), (score.failed, "failed")) if n]
    cells["unknown"] = count(score.unknown) + (f" ({', '.join(why)})" if why else "")
    cells["tokens"] = "" if score.tokens is None else number(score.tokens, 0)
    cells["longest"] = f"{count(score.longest)} characters"
    return cells


GREEDY: Cells = _greedy_cells


def _turn_cells(score: Score, change: Change | None) -> dict[str, str]:
    turn = score.second_turn
    if turn is None:
        return {}
    gain = f"{points(turn.gain.value)} ({points_between(turn.gain.interval)})"
    return {
        "at first": percent(turn.first),
        "after the check": percent(turn.second),
        "wrong → right": count(turn.wrong_to_right),
        "right → wrong": count(turn.right_to_wrong),
        "net gain": gain,
        "p": p_text(turn.p_value),
        "unreadable": count(turn.unreadable) if turn.unreadable else "",
    }


TURNS: Cells = _turn_cells


def _sampled_grid(found: Evaluation) -> Grid:
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
        told = ["" if gain is None else f"{points(gain.value)} ({points_between(gain.interval)})" for gain in gains]
        measures["gain of pass@1"] = told
        for title, field in (("distinct answers", "distinct"), ("entropy in nats", "entropy")):
            values = [getattr(score, field) if score is not None else None for score in scores]
            measures[title] = ["" if value is None else estimate(value) for value in values]
        if len(found.sets) > 1:
            groups[len(rows)] = f"{set_name(name)}, {counted(result.n, 'problem')}"
        rows += [[title, *cells] for title, cells in measures.items() if any(cells)]
    return Grid(["measure", *models], rows, models, groups)


def _shares(told: Estimate | None) -> str:
    return "" if told is None else share_estimate(told)


def _scores(found: Evaluation) -> list[Score]:
    return [score for result in found.sets.values() for score in result.scores.values()]


def _samples(found: Evaluation) -> list[int]:
    return [score.samples for score in _scores(found)]


def _grid(found: Evaluation, cells: Cells) -> Grid:
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


def _plot_accuracy(found: Evaluation) -> dict[str, object]:
    series = [
        Series(
            model,
            *style,
            {
                set_name(name): (result.scores[model].accuracy, *result.scores[model].interval)
                for name, result in found.sets.items()
                if model in result.scores
            },
        )
        for model, style in pick(list(found.models)).items()
    ]
    return plot_forest(series, share_axis("greedy answers that are right"))


def _plot_gains(found: Evaluation) -> dict[str, object]:
    series = [
        Series(
            model,
            *style,
            {
                set_name(name): (result.changes[model].gain.value, *result.changes[model].gain.interval)
                for name, result in found.sets.items()
                if model in result.changes
            },
        )
        for model, style in pick(list(found.models)).items()
        if model != found.first
    ]
    return plot_forest(series, points_axis(f"gain over {shorten(found.first, 24)}"))


def _plot_pass(found: Evaluation) -> dict[str, object]:
    curves = []
    ks: set[int] = set()
    for model, (color, _) in pick(list(found.models)).items():
        score = found.held_out.scores[model]
        for kind, at, dash in (("pass@k", score.pass_at, "solid"), ("maj@k", score.maj_at, "dot")):
            if at:
                ks |= set(at)
                told = [at[k] for k in sorted(at)]
                values, spread = [one.value for one in told], [one.interval for one in told]
                curves.append(Curve(f"{model}, {kind}", color, sorted(at), values, dash, spread))
    figure = plot_curves(curves, "k", share_axis("problems solved"), height=320)
    figure["layout"]["xaxis"] |= {"tickvals": sorted(ks)}
    return figure


def _slices_of(result: SetResult, column: str) -> Mapping[str, int]:
    """The values of a column that are shown, with their numbers of problems: the largest."""
    sizes = {value: one.n for score in result.scores.values() for value, one in score.slices.get(column, {}).items()}
    largest = sorted(sizes, key=lambda value: -sizes[value])[:SLICES]
    return {value: n for value, n in sizes.items() if value in largest}


def _plot_slices(found: Evaluation, column: str) -> dict[str, object]:
    shown = _slices_of(found.held_out, column)
    series = []
    for model, style in pick(list(found.models)).items():
        slices = found.held_out.scores[model].slices.get(column, {})
        values = {value: (slices[value].accuracy, *slices[value].interval) for value in shown if value in slices}
        series.append(Series(model, *style, values))
    return plot_forest([one for one in series if one.values], share_axis("greedy answers that are right"))


def _slice_table(found: Evaluation, place: int, column: str) -> tuple[str, str, Grid, int, str]:
    shown = _slices_of(found.held_out, column)
    scores = found.held_out.scores
    rows = []
    for value, n in shown.items():
        told = [score.slices.get(column, {}).get(value) for score in scores.values()]
        cells = ["" if s is None else f"{percent(s.accuracy)} ({percent_between(s.interval)})" for s in told]
        rows.append([value, count(n), *cells])
    everything = {value for score in scores.values() for value in score.slices.get(column, {})}
    grid = Grid([column, "problems", *scores], rows, ["problems", *scores])
    return said(column), f"run-slice-{place}", grid, len(everything) - len(shown), _explain_slices(found, column)


def _flip(flip: Flip) -> Sequence[tuple[str, str]]:
    gold = "none" if flip.answer is None else flip.answer
    return [("Question", flip.question), ("Gold answer", gold), ("Before", flip.before), ("After", flip.after)]


def _of(kind: str, change: Change) -> str:
    whole = change.fixed if kind == "fixed" else change.broken
    return count(whole)
