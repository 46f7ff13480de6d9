"""An evaluation in the terminal: a table for each set of problems, then what changed."""

from __future__ import annotations

from rich.table import Table

from errata.records import Rewards
from errata.ui import out
from pipeline.measures.records import Estimate, Evaluation, Interval, Score, SetResult


def print_evaluation(evaluation: Evaluation) -> None:
    """All sets, slices of the held-out one, second turns, and the sentence that says what is real."""
    for name, result in evaluation.sets.items():
        _print_set(name, result)
        _print_second_turns(result)
    _print_slices(evaluation.held_out)
    out.print(evaluation.conclusion, markup=False)


def _print_set(name: str, result: SetResult) -> None:
    title = f"{result.n:,} held-out problems" if name == "held_out" else f"{name}: {result.n:,} problems"
    table = Table(title=title, title_justify="left")
    ks = sorted({k for told in result.scores.values() for k in told.pass_at})
    majorities = sorted({k for told in result.scores.values() for k in told.maj_at})
    columns = ["greedy", "95% interval", *(f"pass@{k}" for k in ks), *(f"maj@{k}" for k in majorities)]
    columns += ["distinct"] * any(told.distinct for told in result.scores.values()) + ["tokens", "unknown"]
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for model, told in result.scores.items():
        cells = {
            "greedy": f"{told.accuracy:.1%}",
            "95% interval": interval(told.interval),
            **{f"pass@{k}": share(told.pass_at.get(k)) for k in ks},
            **{f"maj@{k}": share(told.maj_at.get(k)) for k in majorities},
            "distinct": "" if told.distinct is None else f"{told.distinct.value:.2f}",
            "tokens": "" if told.tokens is None else f"{told.tokens:.0f}",
            "unknown": _unknown(told),
        }
        table.add_row(model, *(cells[column] for column in columns))
    out.print(table)


def _unknown(told: Score) -> str:
    parts = [(told.truncated, "truncated"), (told.failed, "failed")]
    why = ", ".join(f"{count} {name}" for count, name in parts if count)
    return f"{told.unknown} ({why})" if why else str(told.unknown)


def _print_second_turns(result: SetResult) -> None:
    turns = {model: told.second_turn for model, told in result.scores.items() if told.second_turn is not None}
    if not turns:
        return
    table = Table(title="Asked to check their answers", title_justify="left")
    for column in ("", "first", "second", "wrong → right", "right → wrong", "gain", "p"):
        table.add_column(column, justify="right" if column else "left")
    for model, turn in turns.items():
        gain = f"{turn.gain.value:+.1%} ({interval(turn.gain.interval, signed=True)})"
        counts = (str(turn.wrong_to_right), str(turn.right_to_wrong))
        table.add_row(model, f"{turn.first:.1%}", f"{turn.second:.1%}", *counts, gain, f"{turn.p_value:.2g}")
    out.print(table)


def _print_slices(result: SetResult) -> None:
    columns = list(dict.fromkeys(column for told in result.scores.values() for column in told.slices))
    for column in columns:
        if column == "difficulty":  # of the first model; the page shows it
            continue
        table = Table(title=f"By {column}", title_justify="left")
        table.add_column(column)
        table.add_column("n", justify="right")
        for model in result.scores:
            table.add_column(model, justify="right")
        first = next(iter(result.scores.values())).slices[column]
        for value, part in first.items():
            cells = (f"{told.slices[column][value].accuracy:.1%}" for told in result.scores.values())
            table.add_row(value, f"{part.n:,}", *cells)
        out.print(table)


def print_rewards(rewards: Rewards) -> None:
    """What the policy's implicit rewards say of held-out pairs."""
    low, high = rewards.interval
    held = "held-out pairs" if rewards.split == "validation" else "training pairs (there is no validation pair)"
    parts = [f"Implicit reward: chosen above rejected in {rewards.accuracy:.1%} ({low:.1%} – {high:.1%})"]
    parts += [
        f"of {rewards.pairs:,} {held}; the chosen texts' log-prob moved by {rewards.chosen_change.value:+.2f} nats"
    ]
    if rewards.divergence is not None:
        parts.append(f"and the KL to the reference is {rewards.divergence.per_text.value:.2f} nats an answer")
    out.print(" ".join(parts) + ".", markup=False)


def share(estimate: Estimate | None) -> str:
    """A share, or nothing."""
    return "" if estimate is None else f"{estimate.value:.1%}"


def interval(ends: Interval, *, signed: bool = False) -> str:
    """Both ends of an interval of shares."""
    low, high = ends
    return f"{low:+.1%} – {high:+.1%}" if signed else f"{low:.1%} – {high:.1%}"
