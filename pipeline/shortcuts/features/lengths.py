"""How long a text is and its parts are, the statement of the final answer left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked


class Settings(FeatureSettings):
    """Counts and means. A masked number is one character, so that a large wrong number is no long text.

    A word is a token with letters; a Han character is one of its own. A step is a sentence with an equation.
    """

    family: ClassVar[Family] = "length"
    feature: Literal["lengths"] = "lengths"

    def count(self, text: Masked) -> Mapping[str, float]:
        letters = [len(token) for token in text.tokens if token[0].isalpha()]
        steps = [len(sentence) for sentence in text.sentences if "=" in sentence]
        found = {
            "characters": len(text.masked.strip()),
            "words": len(letters),
            "sentences": len(text.sentences),
            "lines": 1 + text.tokens.count("\n") + text.tokens.count("\n\n") if text.tokens else 0,
            "paragraphs": 1 + text.tokens.count("\n\n") if text.tokens else 0,
            "equations": text.tokens.count("="),
            "steps": len(steps),
            "characters a word": _mean(letters),
            "characters a sentence": _mean([len(sentence) for sentence in text.sentences]),
            "characters a step": _mean(steps),
        }
        return {name: float(number) for name, number in found.items() if number}


def _mean(lengths: list[int]) -> float:
    return sum(lengths) / len(lengths) if lengths else 0.0
