"""The figures of an evaluation."""

from __future__ import annotations

from typing import Any

from errata.report.figures import Series
from errata.report.run_accuracy_tables import set_name, shown_values
from errata.report.run_plots import Curve, pick, plot_curves, plot_forest, points_axis, share_axis
from errata.report.wording import shorten
from pipeline.measures.records import Estimate, Evaluation


def plot_accuracy(found: Evaluation) -> dict[str, Any]:
    """Greedy accuracy by set and model."""
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


def plot_gains(found: Evaluation) -> dict[str, Any]:
    """Gains over the first model, by set."""
    series = [
        Series(
            model,
            *style,
            {
                set_name(name): _in_points(result.changes[model].gain)
                for name, result in found.sets.items()
                if model in result.changes
            },
        )
        for model, style in pick(list(found.models)).items()
        if model != found.first
    ]
    return plot_forest(series, points_axis(f"gain over {shorten(found.first, 24)}"))


def _in_points(told: Estimate) -> tuple[float, float, float]:
    low, high = told.interval
    return 100 * told.value, 100 * low, 100 * high


def plot_samples(found: Evaluation) -> dict[str, Any]:
    """pass@k and maj@k over k on the held-out problems; the legend names each model once."""
    curves = []
    ks: set[int] = set()
    for model, (color, symbol) in pick(list(found.models)).items():
        score = found.held_out.scores[model]
        label = model
        for kind, at, dash in (("pass@k", score.pass_at, "solid"), ("maj@k", score.maj_at, "dot")):
            if at:
                ks |= set(at)
                told = [at[k] for k in sorted(at)]
                values, spread = [one.value for one in told], [one.interval for one in told]
                curves.append(Curve(f"{model}, {kind}", color, sorted(at), values, dash, spread, symbol, label))
                label = ""
    figure = plot_curves(curves, "k", share_axis("problems solved"), height=320)
    figure["layout"]["xaxis"] |= {"tickvals": sorted(ks)}
    if any(score.maj_at for score in found.held_out.scores.values()):
        figure["layout"]["xaxis"]["title"] = {"text": "k (pass@k solid, maj@k dotted)"}
    return figure


def plot_slices(found: Evaluation, column: str) -> dict[str, Any]:
    """Accuracy by the values of a column."""
    shown = shown_values(found.held_out, column)
    series = []
    for model, style in pick(list(found.models)).items():
        slices = found.held_out.scores[model].slices.get(column, {})
        values = {value: (slices[value].accuracy, *slices[value].interval) for value in shown if value in slices}
        series.append(Series(model, *style, values))
    return plot_forest([one for one in series if one.values], share_axis("greedy answers that are right"))
