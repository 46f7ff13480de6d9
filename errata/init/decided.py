"""What `--json` prints: all that was decided for the user, and what is left out or missing."""

from __future__ import annotations

from typing import Any

from errata.init.interview import Outcome
from errata.init.plan import Plan
from errata.init.yaml_text import bare, told


def as_json(outcome: Outcome, plan: Plan) -> dict[str, Any]:
    """`plan` is that of the file, in which held-out problems that were set apart have their own one."""
    proof, held_out = outcome.proof, outcome.held_out
    shown: dict[str, Any] = {
        "gold_answers": proof.of,
        "read": proof.read,
        "student": told(plan.student),
        "checker": bare(plan.checker),
        "left_out": left_out(outcome),
        "held_out": None if plan.held_out is None else told(plan.held_out) | {"problems": held_out.count},
        "overlap": held_out.overlap,
    }
    return shown | ({"train": len(held_out.split.train)} if held_out.split is not None else {})


def left_out(outcome: Outcome) -> list[dict[str, Any]]:
    """Which rows are left out, from where, why, how many, and the first of them, where it is known.

    Of `data` that are not split, only the rows that were looked at are counted.
    """
    held_out = outcome.held_out
    unread = "cannot be read"
    found = [("data", unread, len(outcome.left_out), outcome.left_out[:1])]
    found.append(("held_out", unread, len(held_out.bad_rows), held_out.bad_rows[:1]))
    if held_out.split is not None:
        found.append(("data", "has no question that can be read", held_out.split.bad, ()))
        found.append(("data", "nearly repeats a held-out problem", held_out.split.near, ()))
    return [
        {"from": source, "why": why, "rows": rows, "first": next(iter(first), None)}
        for source, why, rows, first in found
        if rows
    ]
