"""Folders of runs of any size, and what a model may write."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from errata.records import PairCredit, TextCredit
from pipeline.config import ExportSettings
from pipeline.edits import WORDS
from pipeline.export import export_pairs
from pipeline.files import write_file
from pipeline.placed import Placed
from pipeline.summary import Summary
from pipeline.types import Attempt, Completion, Correction, Finding, Grade, Message, Pair, Record, content_id

HOSTILE = (
    "<script>window.owned=1</script>",
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "<!--<script>",
    '<a href="javascript:window.owned=1">here</a>',
    "&lt;b&gt; %{customdata} $\\href{https://example.org}{x}$ {{ 7 * 7 }}",
    "\u202eright to left\u202c \u2066isolated\u2069 \u2028 \u2029 \0 \x1b[31m \ud800",
    "constructor",
    "x" * 100_000,
    "<b>" * 33_000,
)
"""What a model may write."""

SYLLABLES = "ba do fe gu hi ka lo mi nu po ra se ti va wo xy za be du fi go ha ke li mo".split()
NAMES = "pears shells cards coins books pens boxes bags marbles stamps".split()


def make_solution(rng: random.Random, lines: int) -> str:
    """Reasoning of so many lines, about 40 characters each, and an answer."""
    told = []
    for _ in range(lines):
        a, b, name = rng.randint(2, 99), rng.randint(2, 99), rng.choice(NAMES)
        rest = " ".join(f"{rng.choice(SYLLABLES)}{rng.choice(SYLLABLES)}" for _ in range(3))
        told.append(f"So {a} + {b} = {a + b} {name} {rest}.")
    return "\n".join([*told, f"#### {rng.randint(2, 999)}"])


def make_credit(pair: Pair, rng: random.Random) -> PairCredit:
    """Log-probs of the pair's words and of an end mark."""

    def side(text: str) -> TextCredit:
        ends = [match.end() for match in WORDS.finditer(text)]
        before = [-rng.expovariate(2) for _ in [*ends, 0]]
        after = [min(0.0, value + rng.gauss(0, 0.3)) for value in before]
        return TextCredit(ends=(*ends, len(text)), before=tuple(before), after=tuple(after))

    assert pair.chosen is not None
    return PairCredit(id=pair.id, beta=0.1, chosen=side(pair.chosen), rejected=side(pair.rejected))


def make_run(folder: Path, pairs: int, *, lines: int = 28, credited: int = 0, texts: Sequence[str] = ()) -> Path:
    """The folder of a run: of five pairs one is dropped without a chosen text, one by a filter, one by the selection.

    Every text is about 40 characters times `lines`, or one of `texts`. So many kept pairs have token rewards.
    """
    rng = random.Random(0)
    attempts, corrections, made, findings, selection, credits = [], [], [], [], [], []
    for number in range(pairs):
        given = [texts[(number + at) % len(texts)] for at in range(3)] if texts else None
        question = f"Question {number}: how many {rng.choice(NAMES)} are there in the end?"
        rejected = make_solution(rng, lines)
        steps = rejected.split("\n")
        chosen = "\n".join([*steps[: lines // 2], *make_solution(rng, lines - lines // 2).split("\n")])
        question, rejected, chosen = given or (question, rejected, chosen)
        wrong = Grade(verdict="wrong", extracted=rejected[-5:], reason=f"differs from {chosen[-3:]}")
        written = Completion(text=rejected)
        attempt = Attempt(
            **{"id": f"a{number}", "problem_id": f"p{number // 2}", "index": number % 2, "engine": "student"},
            **{"settings": "s1", "completion": written, "grade": wrong},
        )
        mistake = content_id("mistake", attempt.id)
        rung, won = ("revise", "gold_guided")[number % 3 == 0], number % 5 != 0
        tries = [("revise", False, wrong)] if rung == "gold_guided" else []
        tries += [(rung, won, Grade(verdict="correct" if won else "wrong", extracted=chosen[-5:], reason="compared"))]
        corrections += [
            Correction(
                **{"id": f"c{number}-{at}", "problem_id": attempt.problem_id, "mistake_id": mistake, "rung": name},
                **{"settings": "s2", "teacher": f"teacher-{number % 2}", "gold_visible": name == "gold_guided"},
                **{"prompt_hash": "h" * 16, "text": chosen, "completion": Completion(text=chosen), "grade": grade},
                **{"won": best, "diagnosis": question, "edit_ratio": 0.5},
            )
            for at, (name, best, grade) in enumerate(tries)
        ]
        dropped = () if won else (Finding(rule="uncorrected", action="drop", reason=chosen[:99]),)
        how = {"correction_id": corrections[-1].id, "rung": rung, "teacher": f"teacher-{number % 2}"}
        pair = Pair(
            **{"id": content_id(mistake), "problem_id": attempt.problem_id, "mistake_id": mistake, "settings": "s3"},
            **{"prompt": (Message(role="user", content=question),), "rejected": rejected, "answer": chosen[-5:]},
            **{"chosen": chosen if won else None, "rejected_answer": rejected[-5:], "findings": dropped},
            **({"gold_visible": rung == "gold_guided", "edit_ratio": rng.random(), **how} if won else {}),
        )
        attempts.append(attempt)
        made.append(pair)
        if number % 5 == 1:
            told = Finding(rule="leak", action="drop", reason=rejected[:99], span=(0, 9), score=0.5)
            findings.append({"pair_id": pair.id, **told.model_dump(exclude_none=True)})
        if number % 5 == 2:
            selection.append({"pair_id": pair.id, "rule": "near_duplicate", "action": "drop", "reason": rejected[:99]})
        if number % 5 == 3:
            told = Finding(rule="length_ratio", action="flag", reason="long", span=(3, 8))
            findings.append({"pair_id": pair.id, **told.model_dump(exclude_none=True)})
        if number % 5 > 2 and len(credits) < credited:
            credits.append(make_credit(pair, rng))
    journals: dict[str, Sequence[Record]] = {"attempts": attempts, "corrections": corrections, "pairs": made}
    for name, records in (journals | ({"rewards": credits} if credited else {})).items():
        write_file(folder / f"{name}.jsonl", "".join(record.model_dump_json() + "\n" for record in records))
    for name, told_of in {"findings": findings, "selection": selection}.items():
        write_file(folder / f"{name}.jsonl", "".join(json.dumps(line) + "\n" for line in told_of))
    settings = {"attempts": "s1", "corrections": "s2", "pairs": "s3"}
    counts = Summary(
        problems=(pairs + 1) // 2, attempts=pairs, wrong=pairs, mistakes=pairs, pairs=pairs, settings=settings
    )
    dropped_by = {"uncorrected": pairs // 5, "leak": pairs // 5, "near_duplicate": pairs // 5}
    counts = counts.model_copy(update={"dropped": dropped_by, "kept": pairs - sum(dropped_by.values())})
    write_file(folder / "summary.json", counts.model_dump_json())
    kept = [(pair, Placed(offsets=(), pass_rate=0.5, topic=None)) for number, pair in enumerate(made) if number % 5 > 2]
    export_pairs(kept, folder / "dataset", ExportSettings(validation_share=0.2), ())
    return folder
