"""What a clean-up is: a pure function of a text, with settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pipeline.settings import Settings


class CleanupSettings(Settings, ABC):
    """Base of every clean-up's settings; `apply` is the clean-up itself."""

    @abstractmethod
    def apply(self, text: str) -> str:
        """Return the cleaned text."""


def clean(text: str, cleanups: Sequence[CleanupSettings]) -> str:
    """Apply the clean-ups in order."""
    for cleanup in cleanups:
        text = cleanup.apply(text)
    return text
