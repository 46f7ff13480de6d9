"""A clean-up of one's own: a regular expression and what to put in its place."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from pipeline.cleanups.base import CleanupSettings


def valid_pattern(pattern: str) -> str:
    """Raises ValueError, saying where, for a pattern that does not compile."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(valid_pattern)]


class Settings(CleanupSettings):
    """Replaces every match of `pattern`."""

    cleanup: Literal["replace"] = "replace"
    pattern: Pattern
    """A regular expression (Python's `re`, multi-line)."""
    replacement: str = ""
    r"""What to put in its place; `\1` is the first group."""

    def apply(self, text: str) -> str:
        return re.sub(self.pattern, self.replacement, text, flags=re.MULTILINE)
