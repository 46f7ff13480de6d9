"""What a strip is: a pure function that takes a marker out of a text, or leaves the text as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pipeline.settings import Settings
from pipeline.shortcuts.marker import Marker


class StripSettings(Settings, ABC):
    """Base of every strip's settings."""

    @property
    def name(self) -> str:
        """The strip's name in settings and records."""
        name: str = self.strip  # type: ignore[attr-defined]  # every strip's Literal name
        return name

    @abstractmethod
    def handles(self, marker: Marker) -> bool:
        """Whether this is a strip for such a marker."""

    @abstractmethod
    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        """The text without the markers, all of which it handles; unchanged where they cannot be taken out safely."""
