"""Numbers of a run as its page says them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from errata.report.wording import p_text, percent
from pipeline.measures.records import Estimate, Interval


def count(number: int) -> str:
    """1234 -> "1,234"."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """(1, "pair") -> "1 pair"; (2, "pair") -> "2 pairs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share_of(part: int, whole: int) -> str:
    """A part in per cent; nothing where there is no whole."""
    return percent(part / whole) if whole else ""


def points(share: float) -> str:
    """A difference of shares: 0.694 -> "+69.4 points"."""
    return f"{signed_number(100 * share, 1)} points"


def points_between(interval: Interval) -> str:
    """Both ends of an interval of differences of shares."""
    low, high = (signed_number(100 * end, 1) for end in interval)
    return f"{low} to {high}"


def percent_between(interval: Interval) -> str:
    """Both ends of an interval of shares, without a sign."""
    return f"{percent(interval[0])} – {percent(interval[1])}"


def number(value: float, digits: int = 2) -> str:
    """A number with so many digits behind the point, and a true minus sign."""
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def signed_number(value: float, digits: int = 2) -> str:
    """The same with a sign always but for 0."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and float(text.replace(",", "")) else text


def number_between(interval: Interval, digits: int = 2) -> str:
    """Both ends of an interval."""
    return f"{number(interval[0], digits)} to {number(interval[1], digits)}"


def estimate(told: Estimate, digits: int = 2) -> str:
    """A mean with its interval."""
    return f"{number(told.value, digits)} ({number_between(told.interval, digits)})"


def share_estimate(told: Estimate) -> str:
    """A mean share with its interval."""
    return f"{percent(told.value)} ({percent_between(told.interval)})"


def p_said(p: float) -> str:
    """A p-value in a sentence."""
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def money(cost: float) -> str:
    """A cost in the currency of the prices; four digits where it is small."""
    return f"{cost:,.2f}" if cost >= 1 or cost == 0 else f"{cost:.4f}"


def model_name(engine: Mapping[str, Any]) -> str:
    """What an engine's settings say of the model: its hub id, or the name of its folder."""
    model = engine.get("model")
    if not isinstance(model, str):
        return str(engine.get("engine", "unknown"))
    path = Path(model)
    if not path.is_absolute():
        return model
    return f"{path.parent.name}/{path.name}" if path.name == "policy" else path.name


def said(name: str) -> str:
    """A name of a setting as words: "gold_wrong" -> "gold wrong"."""
    return name.replace("_", " ")
