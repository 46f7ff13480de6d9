"""What the audit sees of a pair: two texts, and which pairs share a prompt. Never the prompt itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two texts for one prompt; in the control, both are the student's own."""

    id: str
    prompt: str
    """A key: equal for equal prompts."""
    chosen: str
    rejected: str
    answer: str | None = None
    """The gold answer, where the data tell it; it is masked, and no feature sees it."""
    rejected_answer: str | None = None
    group: str | None = None
    """Topic or difficulty, of which none may vanish."""
