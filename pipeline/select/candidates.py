"""What is kept in memory of a pair while all of them are looked at: a few hundred bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Preference = Literal["middle", "hardest", "any"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The features of a pair that rules look at."""

    id: str
    problem_id: str
    topic: str | None
    pass_rate: float
    """Share of right answers among the student's attempts at the problem."""
    chosen_length: int
    """Characters."""
    rejected_length: int
    """Characters."""
    confirms: bool | None = None
    """For the view `revise`: whether the attempt in the prompt is right."""

    @property
    def longer(self) -> int:
        """1 where the chosen text is the longer one, -1 where the rejected one is, 0 for equal lengths."""
        return (self.chosen_length > self.rejected_length) - (self.chosen_length < self.rejected_length)

    def place(self, prefer: Preference) -> tuple[float, str]:
        """What candidates are sorted by, those to be kept first at the front. Ids, which are hashes, break ties."""
        match prefer:
            case "middle":
                return round(abs(self.pass_rate - 0.5), 9), self.id
            case "hardest":
                return self.pass_rate, self.id
            case "any":
                return 0.0, self.id
