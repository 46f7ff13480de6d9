"""A marker: a feature by which the author of a text can be told, which is neither right nor wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Marker:
    """What separates chosen from rejected beyond the control."""

    kind: str
    """The kind of feature: a file in `features/`."""
    feature: str
    """Its name there."""
    more_in: Literal["chosen", "rejected"]
    """Which of the two has more of it."""
    phrase: str | None = None
    """For words and sentences: the longest text that comes with them, as it is written (masked parts as gaps)."""
    shown: bool = False
    """Whether the control shows that it is a habit."""
