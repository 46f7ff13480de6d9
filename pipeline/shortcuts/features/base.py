"""What a feature is: something that can be counted in a text, of which a text may have more or less."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.settings import Settings
from pipeline.shortcuts.mask import Masked

Family = Literal["length", "format", "style", "ngrams"]


class FeatureSettings(Settings, ABC):
    """Base of every kind of feature; `count` is the feature itself."""

    family: ClassVar[Family]
    """The probe that it belongs to; the probe `ngrams` sees all n-grams."""

    habit: ClassVar[bool] = False
    """Whether it is a matter of style by its nature, so that no control has to show it."""

    @property
    def name(self) -> str:
        """The kind's name in the audit."""
        name: str = self.feature  # type: ignore[attr-defined]  # every kind's Literal name
        return name

    def words_of(self, feature: str) -> str | None:
        """The words that a feature stands for, as they are written; None for one that is no words."""
        return None

    @abstractmethod
    def count(self, text: Masked) -> Mapping[str, float]:
        """How much the text has of each feature; what it does not have is left out. At least 0."""
