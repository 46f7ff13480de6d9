"""How each model did on each set of problems: greedy and sampled answers, second turns, slices, and what changed."""

from __future__ import annotations

from collections.abc import Sequence

from errata.report.page import Section
from errata.report.run_accuracy_plots import plot_accuracy, plot_gains, plot_samples, plot_slices
from errata.report.run_accuracy_tables import greedy_cells, model_grid, sample_grid, set_name, slice_grid, turn_cells
from errata.report.run_grid import absent, fill
from errata.report.run_reading import RunFiles
from errata.report.run_wording import (
    count,
    counted,
    p_said,
    points,
    points_between,
    said,
)
from errata.report.wording import percent, shorten
from pipeline.measures.records import Change, Evaluation, Flip


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
    scores = [score for result in found.sets.values() for score in result.scores.values()]
    samples = max((score.samples for score in scores), default=0)
    figures = {"run-accuracy-plot": plot_accuracy(found)}
    if found.held_out.changes:
        figures["run-gain-plot"] = plot_gains(found)
    if any(len(score.pass_at) > 1 for score in found.held_out.scores.values()):
        figures["run-pass-plot"] = plot_samples(found)
    columns = list(dict.fromkeys(name for score in found.held_out.scores.values() for name in score.slices))
    for place, column in enumerate(columns):
        figures[f"run-slice-{place}"] = plot_slices(found, column)
    told = {
        "what": _explain(found),
        "others": [
            (set_name(name), change.conclusion)
            for name, result in found.sets.items()
            for model, change in result.changes.items()
            if result is not found.held_out or model != found.last
        ],
        "models": list(found.models.items()),
        "greedy": model_grid(found, greedy_cells),
        "sampled": sample_grid(found) if samples else None,
        "turned": _explain_turns(found),
        "turns": model_grid(found, turn_cells) if any(score.second_turn for score in scores) else None,
        "samples": count(samples),
        "gains": "run-gain-plot" in figures,
        "passes": "run-pass-plot" in figures,
        "slices": [
            (said(column), f"run-slice-{place}", _explain_slices(found, column), *slice_grid(found, column))
            for place, column in enumerate(columns)
        ],
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
    told += f" ({points_between(turn.gain.interval)}, {p_said(turn.p_value)})."
    change = found.held_out.changes.get(found.last)
    if change is not None and change.second_turn_gain is not None:
        more = change.second_turn_gain
        told += (
            f" The second turn gives it {points(more.value)} ({points_between(more.interval)}) against {found.first}."
        )
    return told


def _explain_slices(found: Evaluation, column: str) -> str:
    """Where the gain is largest and where smallest."""
    before, after = (found.held_out.scores[model].slices.get(column, {}) for model in (found.first, found.last))
    gains = {value: after[value].accuracy - before[value].accuracy for value in after if value in before}
    if found.first == found.last or len(gains) < 2:
        return ""
    most, least = max(gains, key=lambda value: gains[value]), min(gains, key=lambda value: gains[value])
    told = f"{points(gains[most])} for {shorten(most, 60)}, the most; {points(gains[least])} for {shorten(least, 60)}"
    told += ", the least. Small groups have wide intervals."
    if column == "difficulty":
        told += (
            f" Difficulty is how often {found.first} solves a problem in its own samples; what it never solves can only"
        )
        told += " get better, and what it always solves only worse."
    return told


def _flip(flip: Flip) -> Sequence[tuple[str, str]]:
    gold = "none" if flip.answer is None else flip.answer
    return [("Question", flip.question), ("Gold answer", gold), ("Before", flip.before), ("After", flip.after)]


def _of(kind: str, change: Change) -> str:
    whole = change.fixed if kind == "fixed" else change.broken
    return count(whole)
