"""A pair as the page's scripts get it: its texts, what is known of it, and its line in the list."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from errata.audit_tables import visible
from errata.records import TextCredit
from errata.report.pairs_data import ShownPair
from errata.report.pairs_diff import diff_words
from errata.report.pairs_text import Units, readable
from pipeline.types import Correction, Grade, Pair

START = 160
"""Characters of the question in the list."""
OBJECTIONS = {"attempt_right": "objected: the attempt is right", "gold_wrong": "objected: the gold answer looks wrong"}
VIEWS = {"direct": "direct", "revise": "revise: repairs", "confirms": "revise: keeps what is right"}


@dataclass(frozen=True)
class Line:
    """A pair in the list."""

    id: str
    question: str
    read: str
    """The answer of the rejected text, and of the chosen one."""
    edited: float | None
    """Edit ratio."""
    longer: float | None
    """Characters of chosen over those of rejected."""
    margin: float | None
    """Implicit reward of chosen less that of rejected, in nats."""
    facets: dict[str, list[str]] = field(default_factory=dict)
    """By facet, the values that the pair has."""


def make_line(shown: ShownPair) -> Line:
    """The pair's line in the list."""
    pair = shown.pair
    kept = shown.dropped_by is None
    question = next((turn.content for turn in pair.prompt if turn.role == "user"), "")
    grades = [grade.verdict if grade else "not graded" for grade in (shown.rejected_grade, shown.chosen_grade)]
    facets = {
        "kept": ["kept" if kept else "dropped"],
        "dropped": [] if shown.dropped_by is None else [shown.dropped_by],
        "rung": _named(pair.rung),
        "teacher": _named(pair.teacher),
        "view": [VIEWS["confirms" if pair.confirms else pair.view]],
        "split": _named(shown.split),
        "finding": list(dict.fromkeys(finding.rule for finding in shown.findings)),
        "grades": [f"{grades[0]} → {grades[1] if pair.chosen is not None else 'no text'}"],
        "credit": ["with token rewards" if credit_fits(shown) else "without"],
    }
    return Line(
        id=visible(pair.id),
        question=visible(question[:START]) + ("…" if len(question) > START else ""),
        read=_answers(shown),
        edited=pair.edit_ratio,
        longer=_longer(pair),
        margin=_margin(shown),
        facets={name: [visible(value) for value in values] for name, values in facets.items()},
    )


def make_texts(pair: Pair) -> list[Any]:
    """What a search looks through: the turns of the prompt, rejected, chosen."""
    turns = [[message.role, readable(message.content)] for message in pair.prompt]
    return [turns, readable(pair.rejected), None if pair.chosen is None else readable(pair.chosen)]


def make_details(shown: ShownPair) -> dict[str, Any]:
    """What an opened pair shows besides its texts."""
    pair = shown.pair
    gone, new = diff_words(pair.rejected, pair.chosen) if pair.chosen is not None else ([], [])
    rejected, chosen = Units(readable(pair.rejected)), Units(readable(pair.chosen or ""))
    credit = shown.credit if credit_fits(shown) else None
    return {
        "gone": rejected.flat(gone),
        "new": chosen.flat(new),
        "gold": None if pair.answer is None else visible(pair.answer),
        "grades": [_grade(shown.rejected_grade, pair.rejected_answer), _grade(shown.chosen_grade, None)],
        "findings": [
            [visible(f.rule), f.action, visible(f.reason), f.span and chosen.flat([f.span]), f.score]
            for f in shown.findings
        ],
        "facts": [[name, visible(value)] for name, value in _facts(shown)],
        "tries": [_try(made, pair) for made in shown.tries],
        "beta": credit and credit.beta,
        "credit": credit and [_tokens(credit.rejected, rejected), _tokens(credit.chosen, chosen)],
        "other": shown.credit is not None and credit is None,
    }


def credit_fits(shown: ShownPair) -> bool:
    """Whether the token rewards are those of the pair's texts: their tokens end, one by one, where the texts do."""
    credit, pair = shown.credit, shown.pair
    if credit is None or pair.chosen is None:
        return False
    sides = ((credit.chosen, pair.chosen), (credit.rejected, pair.rejected))
    return all(_covers(side, text) for side, text in sides)


def _covers(credit: TextCredit, text: str) -> bool:
    ends = (0, *credit.ends, len(text))
    rising = all(a <= b for a, b in itertools.pairwise(ends))
    return rising and ends[-2] == len(text) and len(credit.ends) == len(credit.before) == len(credit.after) > 0


def _longer(pair: Pair) -> float | None:
    return None if pair.chosen is None or not pair.rejected else round(len(pair.chosen) / len(pair.rejected), 3)


def _named(value: str | None) -> list[str]:
    return ["none"] if value is None else [value]


def _answers(shown: ShownPair) -> str:
    chosen = shown.chosen_grade.extracted if shown.chosen_grade else None
    answers = (shown.pair.rejected_answer, chosen if chosen is not None else shown.pair.answer)
    return " → ".join("?" if answer is None else visible(answer[:40]) for answer in answers)


def _margin(shown: ShownPair) -> float | None:
    if shown.credit is None or not credit_fits(shown):
        return None
    sides = (shown.credit.chosen, shown.credit.rejected)
    chosen, rejected = (sum(side.after) - sum(side.before) for side in sides)
    return round(shown.credit.beta * (chosen - rejected), 4)


def _grade(grade: Grade | None, read: str | None) -> dict[str, Any] | None:
    if grade is None:
        return None if read is None else {"verdict": None, "read": visible(read), "reason": "", "opinions": []}
    opinions = [[visible(opinion.checker), opinion.verdict, visible(opinion.reason)] for opinion in grade.opinions]
    return {
        "verdict": grade.verdict,
        "read": None if grade.extracted is None else visible(grade.extracted),
        "reason": visible(grade.reason) + ("" if grade.score is None else f" (score {grade.score:g})"),
        "opinions": opinions,
    }


def _facts(shown: ShownPair) -> list[tuple[str, str]]:
    pair = shown.pair
    won = next((made for made in shown.tries if made.id == pair.correction_id), None)
    seen = None if pair.gold_visible is None else "yes" if pair.gold_visible else "no"
    longer = _longer(pair)
    facts = [
        ("Rung", pair.rung),
        ("Teacher", pair.teacher),
        ("Gold visible", seen),
        ("What went wrong", won.diagnosis if won else None),
        ("First wrong step", None if won is None or won.first_wrong_step is None else str(won.first_wrong_step + 1)),
        ("Edit ratio", None if pair.edit_ratio is None else f"{pair.edit_ratio:.3f}"),
        ("Length of chosen", None if longer is None else f"{longer:.2f} × rejected"),
        ("Split", shown.split),
        ("Pair", pair.id),
        ("Problem", pair.problem_id),
        ("Mistake", pair.mistake_id),
        ("Correction", pair.correction_id),
        ("Prompt", shown.prompt_hash),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _try(made: Correction, pair: Pair) -> list[Any]:
    """Rung, teacher, what came of it, why, and the text where it is not the pair's own."""
    why = made.failure or (made.grade.reason if made.grade else "")
    text = made.text if made.text is not None else made.completion.text if made.completion else None
    if made.id == pair.correction_id:
        came, text = "chosen", None
    elif made.objection is not None:
        came = OBJECTIONS[made.objection]
    elif made.grade is None:
        came = "failed"
    else:
        came = "right, not chosen" if made.grade.verdict == "correct" else f"graded {made.grade.verdict}"
    return [
        visible(made.rung),
        visible(made.teacher or ""),
        came,
        visible(why),
        None if text is None else readable(text),
    ]


def _tokens(credit: TextCredit, units: Units) -> list[Any]:
    """Ends, log-probs before and after, and tokens counted as one.

    A token that ends no character is counted with the next one, as are the bytes of an emoji; those behind the last
    character, such as the end mark, stay apart.
    """
    last = credit.ends[-1]
    ends: list[int] = []
    before: list[float] = []
    after: list[float] = []
    counted: list[int] = []
    open_, first = 0, (0.0, 0.0)
    for at, (end, b, a) in enumerate(zip(credit.ends, credit.before, credit.after, strict=True)):
        start = ends[-1] if ends else 0
        open_, first = open_ + 1, (first[0] + b, first[1] + a)
        if end > start or start == last or at == len(credit.ends) - 1:
            ends.append(end)
            before.append(round(first[0], 3))
            after.append(round(first[1], 3))
            counted.append(open_)
            open_, first = 0, (0.0, 0.0)
    widths = [b - a for a, b in itertools.pairwise([0, *(units(end) for end in ends)])]
    return [widths, before, after, [] if max(counted) == 1 else counted]


def facet_values(lines: Sequence[Line], name: str) -> list[str]:
    """All values of a facet, the most frequent first."""
    counts: dict[str, int] = {}
    for line in lines:
        for value in line.facets[name]:
            counts[value] = counts.get(value, 0) + 1
    return sorted(counts, key=lambda value: (-counts[value], value))
