"""Pairs looked at one by one, then decided all at once."""

from __future__ import annotations

import sys

import numpy as np

from pipeline.select.candidates import Candidate
from pipeline.select.cut import cut_to_limits
from pipeline.select.limits import kind_of, make_limits
from pipeline.select.near_duplicates import PERMUTATIONS, drop_near_duplicates, sketch
from pipeline.select.settings import SelectSettings
from pipeline.types import Finding, Pair


class Selection:
    """Looks at every kept pair once, then says which are dropped.

    What it decides depends on the pairs and the settings, not on the order in which the pairs come.
    correct_share: share of the view `revise` whose attempt is right; None where there is no such view.
    """

    def __init__(self, settings: SelectSettings, correct_share: float | None = None) -> None:
        self.settings, self.correct_share = settings, correct_share
        self._candidates: list[Candidate] = []
        self._sketches = bytearray()

    def add(self, pair: Pair, topic: str | None, pass_rate: float, question: str | None = None) -> None:
        """Look at a kept pair.

        pass_rate: share of right answers among the student's attempts at its problem, from 0 to 1.
        question: without the words of a prompt template; by default all that the user says in the prompt. A template
        that is longer than the question makes all pairs look alike.
        """
        if pair.chosen is None or pair.dropped_by is not None:
            raise ValueError(f"pair {pair.id} is not kept")
        topic = None if topic is None or self.settings.max_topic_share is None else sys.intern(topic)
        lengths = len(pair.chosen), len(pair.rejected)
        confirms = pair.confirms if pair.view == "revise" else None
        self._candidates.append(Candidate(pair.id, sys.intern(pair.problem_id), topic, pass_rate, *lengths, confirms))
        if self.settings.near_duplicates is not None:
            if question is None:
                question = "\n".join(message.content for message in pair.prompt if message.role == "user")
            self._sketches += sketch(f"{question}\n{pair.rejected}").tobytes()

    def decide(self) -> dict[str, Finding]:
        """Why each dropped pair is dropped, by its id."""
        settings, known = self.settings, self._candidates
        order = sorted(range(len(known)), key=lambda row: known[row].place(settings.prefer))
        candidates = [known[row] for row in order]
        findings = {}
        if settings.near_duplicates is not None and candidates:
            sketches = np.frombuffer(self._sketches, np.uint16).reshape(-1, PERMUTATIONS)[order]
            findings = drop_near_duplicates(candidates, sketches, settings.near_duplicates)
            candidates = [candidate for candidate in candidates if candidate.id not in findings]
        limits = list(make_limits(settings, dict.fromkeys(map(kind_of, candidates)), self.correct_share))
        return findings | cut_to_limits(candidates, limits)
