"""What training did, step by step, and what the policy's rewards say of pairs that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errata.records import Rewards
from errata.report.figures import Series
from errata.report.page import Section
from errata.report.run_grid import absent, fill
from errata.report.run_plots import Axis, Curve, plot_curves, plot_forest, precise, precise_between, share_axis
from errata.report.run_reading import RunFiles, Training
from errata.report.run_wording import (
    count,
    counted,
    duration,
    percent_between,
    signed_number,
)
from errata.report.wording import percent

Line = Mapping[str, float]


@dataclass(frozen=True)
class Panel:
    """One small figure: names of the log with what they are called, and a line that says how to read it."""

    key: str
    title: str
    axis: Axis
    names: Mapping[str, str]
    meaning: str


PANELS = (
    Panel("loss", "Loss", Axis("loss"), {"loss": "train"}, "What training makes smaller."),
    Panel(
        "margin",
        "Margin",
        Axis("reward", mark=0.0),
        {"rewards/margins": "margin", "rewards/chosen": "chosen", "rewards/rejected": "rejected"},
        "β times the change of log-prob: the margin is chosen less rejected.",
    ),
    Panel(
        "ranked",
        "Pairs ranked right",
        share_axis("of pairs"),
        {"rewards/accuracies": "train"},
        "Share of pairs whose chosen text has the higher reward.",
    ),
    Panel(
        "change",
        "Chosen texts",
        Axis("nats a text", mark=0.0),
        {"logps/chosen_change": "train"},
        "Change of the chosen texts' log-prob against the reference. Below 0 they have become less likely.",
    ),
    Panel(
        "displacement",
        "Displacement",
        share_axis("of chosen texts"),
        {"displacement": "train"},
        "Share of chosen texts that have become less likely.",
    ),
    Panel(
        "kl",
        "KL to the reference",
        Axis("nats a token"),
        {"kl": "train"},
        "Estimated on the tokens of the data: how far the policy has moved.",
    ),
)
MORE = (
    Panel("norm", "Gradient norm", Axis("norm"), {"grad_norm": "train"}, "Before clipping."),
    Panel("rate", "Learning rate", Axis("rate", lambda v: f"{v:.2g}", "~e"), {"learning_rate": "train"}, "As it went."),
)
COLORS = ("--series-2", "--series-3", "--series-1", "--series-4")
TURN = "eval_"
"""How transformers names what it measures on the validation pairs."""


def training_section(run: RunFiles) -> Section:
    """The log as small figures."""
    title = "Training"
    found = run.training
    if found is None:
        return absent(
            "run-training", title, "Training", "No student has been trained on the pairs yet.", run.command("train")
        )
    lines = [line for line in found.log if "step" in line]
    figures: dict[str, dict[str, Any]] = {}
    shown: dict[bool, list[Panel]] = {True: [], False: []}
    for panel in (*PANELS, *MORE):
        if figure := _plot_panel(panel, lines):
            figures[f"run-train-{panel.key}"] = figure
            shown[panel in PANELS].append(panel)
    told = {
        "sentence": describe_training(found),
        "panels": shown[True],
        "more": shown[False],
        "broken": count(sum(not math.isfinite(value) for line in lines for value in line.values())),
        "settings": _settings(run),
    }
    body = fill("run_training.html.jinja", "training", told)
    return Section("run-training", title, "Training", body, figures, styles=("run.css",))


def describe_training(found: Training) -> str:
    """First and last line of the log, in a sentence."""
    told = f"{counted(found.pairs, 'pair')}, {counted(found.steps, 'step')}, {duration(found.seconds)}."
    ranked, loss = _ends(found.log, "rewards/accuracies"), _ends(found.log, "loss")
    change = _ends(found.log, "logps/chosen_change")
    if loss is not None:
        told += f" The loss went from {precise(loss[0])} to {precise(loss[1])}"
        told += "" if ranked is None else f"; {percent(ranked[1])} of the pairs are ranked right at the end"
        told += "."
    if change is not None:
        moved = "more" if change[1] > 0 else "less"
        told += f" The chosen texts have become {moved} likely ({signed_number(change[1])} nats a text)"
        told += "." if change[1] > 0 else ": the margin comes from rejected texts that fell further (displacement)."
    return told


def finite_log(found: Training) -> list[dict[str, float | None]]:
    """The log for JSON, which has no NaN: such a value is null."""
    return [{name: value if math.isfinite(value) else None for name, value in line.items()} for line in found.log]


def _ends(log: Sequence[Line], name: str) -> tuple[float, float] | None:
    seen = [line[name] for line in log if name in line and math.isfinite(line[name])]
    return (seen[0], seen[-1]) if seen else None


def _plot_panel(panel: Panel, lines: Sequence[Line]) -> dict[str, Any] | None:
    """The panel's curves, validation beside training; None where the log has none of them."""
    curves = []
    for place, (name, label) in enumerate(panel.names.items()):
        for prefix, dash in (("", "solid"), (TURN, "dot")):
            seen = [(line["step"], line[f"{prefix}{name}"]) for line in lines if f"{prefix}{name}" in line]
            if seen:
                called = label if not prefix else "validation" if label == "train" else f"{label}, validation"
                values = [value if math.isfinite(value) else None for _, value in seen]
                if any(value is not None for value in values):
                    curves.append(Curve(called, COLORS[place], [step for step, _ in seen], values, dash))
    return plot_curves(curves, "step", panel.axis, height=230) if curves else None


def _settings(run: RunFiles) -> str:
    """The losses with their weights, β and the rate, as configured."""
    told = run.settings.get("train")
    if not isinstance(told, dict):
        return ""
    losses = told.get("loss")
    parts = [f"{name} × {weight:g}" for name, weight in losses.items()] if isinstance(losses, dict) else []
    parts += [f"β {told['beta']:g}"] if told.get("beta") is not None else []
    parts += [f"learning rate {told['learning_rate']:g}"] if "learning_rate" in told else []
    parts += [f"epochs {told['epochs']:g}"] if "epochs" in told else []
    return ", ".join(parts)


def rewards_section(run: RunFiles) -> Section:
    """All of `rewards.json`."""
    title = "Implicit rewards"
    found = run.rewards
    if found is None:
        return absent(
            "run-rewards", title, "Rewards", "The policy's rewards have not been measured yet.", run.command("evaluate")
        )
    ranked = f"{percent_between(found.interval)} of {counted(found.pairs, 'pair')}"
    facts = [
        ("Ranked right", percent(found.accuracy), ranked),
        (
            "Margin",
            precise(found.margin.value, 2),
            f"{precise_between(found.margin.interval, 2)} in reward, β {found.beta:g}",
        ),
        ("Displaced", percent(found.displaced), "of chosen texts have become less likely"),
    ]
    if found.divergence is not None:
        text, token = found.divergence.per_text, found.divergence.per_token
        told = f"{precise_between(text.interval, 2)} a text; {precise(token.value)} ({precise_between(token.interval)})"
        told += f" a token, {counted(found.divergence.texts, 'answer')}"
        facts.append(("KL to the reference", f"{precise(text.value, 2)} nats", told))
    body = fill("run_training.html.jinja", "rewards", found, facts, describe_rewards(found))
    figure = plot_forest(
        [
            Series(
                "change of log-prob",
                "--series-2",
                "circle",
                {
                    name: (told.value, *told.interval)
                    for name, told in (("chosen texts", found.chosen_change), ("rejected texts", found.rejected_change))
                },
            )
        ],
        Axis("change of log-prob, nats a text", signed_number, mark=0.0),
    )
    return Section("run-rewards", title, "Rewards", body, {"run-reward-plot": figure}, styles=("run.css",))


def describe_rewards(found: Rewards) -> str:
    """What happened to the chosen texts: learnt, left, or displaced."""
    low, high = found.chosen_change.interval
    change = f"{signed_number(found.chosen_change.value)} nats"
    if low > 0:
        return f"The chosen texts have become more likely ({change}): the policy learns to write them."
    if high < 0:
        return (
            f"Displacement: the chosen texts have become less likely ({change}), and the margin comes from rejected "
            f"texts that fell further ({signed_number(found.rejected_change.value)} nats). A weight on sft holds them."
        )
    return f"Whether the chosen texts have become more or less likely cannot be told ({change})."
