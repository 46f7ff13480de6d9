"""The teacher repairs the attempt and changes as little as it can; it does not see the gold answer."""

from __future__ import annotations

from typing import Literal

from pipeline.teaching import TeacherRung


class Settings(TeacherRung):
    """Which teacher, how often, and how the answer is to be written."""

    rung: Literal["revise"] = "revise"
    prompt: str = "revise"
    """Prompt file without `.jinja`."""
