"""An evaluation in the terminal: for each set of problems greedy answers, samples, second turns and slices."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from errata.records import Rewards
from errata.ui import out
from pipeline.measures.records import Change, Estimate, Evaluation, Interval, Score, SetResult

UNREADABLE = 0.1
"""Share of second answers without a verdict from which a line says what that means."""


def print_evaluation(evaluation: Evaluation) -> None:
    """All sets, then the sentence that says what is real."""
    for name, result in evaluation.sets.items():
        title = f"{result.n:,} held-out problems" if name == "held_out" else f"{name}: {result.n:,} problems"
        print_rows(title, {model: _greedy(told, result.changes.get(model)) for model, told in result.scores.items()})
        if any(told.pass_at for told in result.scores.values()):
            print_rows("Sampled answers", {model: _sampled(told) for model, told in result.scores.items()})
        _print_gains(result)
        _print_second_turns(result)
        _print_slices(result)
    out.print(evaluation.conclusion, markup=False)


def print_rows(title: str, rows: Mapping[str, Mapping[str, str]]) -> None:
    """A table of a row a name; columns that are empty in all rows are left out."""
    named = dict.fromkeys(name for row in rows.values() for name in row)
    columns = [name for name in named if any(row.get(name) for row in rows.values())]
    table = Table(title=title, title_justify="left")
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(name, *(row.get(column, "") for column in columns))
    out.print(table)


def _greedy(told: Score, change: Change | None) -> dict[str, str]:
    row = {"greedy (95%)": f"{told.accuracy:.1%} ({bounds(told.interval)})"}
    if change is not None:
        row |= {"fixed": str(change.fixed), "broken": str(change.broken), "p": f"{change.p_value:.2g}"}
    row["unknown"] = str(told.unknown)
    cut = {"truncated": told.truncated, "failed": told.failed}
    return row | {name: str(count) for name, count in cut.items() if count}


def _sampled(told: Score) -> dict[str, str]:
    row = {f"pass@{k}": share(value) for k, value in told.pass_at.items()}
    row |= {f"maj@{k}": share(value) for k, value in told.maj_at.items()}
    if told.distinct is not None and told.entropy is not None:
        row |= {"distinct": f"{told.distinct.value:.2f}", "entropy": f"{told.entropy.value:.2f}"}
    cut = {"truncated": told.samples_truncated, "failed": told.samples_failed}
    row |= {name: str(count) for name, count in cut.items() if count}
    return row | {"tokens": "" if told.tokens is None else f"{told.tokens:.0f}"}


def _print_gains(result: SetResult) -> None:
    for model, change in result.changes.items():
        if change.sampled_gain is not None:
            out.print(f"{model}, sampled answers: {points(change.sampled_gain)}", markup=False)


def _print_second_turns(result: SetResult) -> None:
    rows, doubtful = {}, []
    for model, told in result.scores.items():
        turn = told.second_turn
        if turn is None:
            continue
        rows[model] = {
            "first": f"{turn.first:.1%}",
            "second": f"{turn.second:.1%}",
            "mended": str(turn.wrong_to_right),
            "spoilt": str(turn.right_to_wrong),
            "unreadable": str(turn.unreadable),
            "p": f"{turn.p_value:.2g}",
        }
        if turn.unreadable >= UNREADABLE * turn.n:
            doubtful.append(f"{model} {turn.unreadable} of {turn.n}")
    if not rows:
        return
    print_rows("Asked to check their answers", rows)
    if doubtful:
        told_of = ", ".join(doubtful)
        out.print(f"Second answers that could not be read: {told_of}. That is a matter of format, not of doubt.")
    for model, change in result.changes.items():
        if change.second_turn_gain is not None:
            out.print(f"{model}, gain by the second turn: {points(change.second_turn_gain)} more", markup=False)


def _print_slices(result: SetResult) -> None:
    for column in dict.fromkeys(column for told in result.scores.values() for column in told.slices):
        name = f"difficulty for {next(iter(result.scores))}" if column == "difficulty" else column
        first = next(iter(result.scores.values())).slices[column]
        rows = {value: {"n": f"{part.n:,}"} for value, part in first.items()}
        for model, told in result.scores.items():
            for value, part in told.slices[column].items():
                rows[value][model] = f"{part.accuracy:.1%}"
        print_rows(f"Greedy answers by {name}", rows)


def print_rewards(rewards: Rewards) -> None:
    """What the policy's implicit rewards say of held-out pairs."""
    held = "held-out pairs" if rewards.split == "validation" else "training pairs (there is no validation pair)"
    parts = [f"Implicit reward: chosen above rejected in {rewards.accuracy:.1%} ({bounds(rewards.interval)})"]
    moved = f"the chosen texts' log-prob moved by {rewards.chosen_change.value:+.2f} nats"
    parts.append(f"of {rewards.pairs:,} {held}; {moved}")
    if rewards.divergence is not None:
        told = rewards.divergence.per_text
        low, high = told.interval
        parts.append(f"and the KL to the reference is {told.value:.2f} nats an answer ({low:.2f} – {high:.2f})")
    out.print(" ".join(parts) + ".", markup=False)


def share(estimate: Estimate) -> str:
    """A share."""
    return f"{estimate.value:.1%}"


def bounds(ends: Interval) -> str:
    """Both ends of an interval of shares, without the sign that stands before them."""
    return f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f}"


def points(estimate: Estimate) -> str:
    """A difference of shares with its interval."""
    low, high = (f"{100 * end:+.1f}" for end in estimate.interval)
    return f"{100 * estimate.value:+.1f} points ({low} to {high})"


def interval(ends: Interval) -> str:
    """Both ends of an interval of shares."""
    return f"{ends[0]:.1%} – {ends[1]:.1%}"
