"""Three rounds of the demo world under different ways to go on: accuracy on held-out problems after each.

    python benchmarks/rounds.py [--quick] [--json FILE]

`round`: each round trains the student that made the mistakes, on its own pairs alone (the default). `+ past pairs`: on
those of the rounds before, too. `fixed`: tied to the first student instead of the round's. `first + past pairs`: each
round trains the first student anew, on all pairs so far. All share the attempts and the policy of the first round. A
loop stops at a significant fall; its last round is then the one that fell. The student could do all of its problems
before its misconceptions were planted (errata/demo/student/training.json).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from report import make_parser, make_target, report

ABLE = 1.0
WAYS: dict[str, dict[str, Any]] = {
    "round": {},
    "first + past pairs": {"start": "first", "past_pairs": True},
    "fixed": {"reference": "fixed"},
    "+ past pairs": {"past_pairs": True},
    "fixed + past pairs": {"reference": "fixed", "past_pairs": True},
}


class Quiet:
    """Shows nothing of a loop."""

    @contextmanager
    def bars(self) -> Iterator[Any]:
        from pipeline.stages import QUIET

        yield QUIET

    def say(self, line: str) -> None:
        pass


def main() -> None:
    args = make_parser(__doc__ or "").parse_args()
    ways = dict(list(WAYS.items())[:2]) if args.quick else WAYS
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for way, told in ways.items():
            made = measure(Path(folder), way, told, problems=200 if args.quick else 1600, rounds=2 if args.quick else 3)
            print(*made, sep="\n", flush=True)
            rows += made
    last = [row for row in rows if row["way"] == "round"]
    falls = sum(row["p"] < 0.05 and row["gain"] < 0 for row in last)
    targets = [
        make_target("significant falls between the default's rounds", falls, 0, at_most=True),
        make_target("its last accuracy less that of the student before planting", last[-1]["after"] - ABLE, -0.02),
    ]
    report(rows, targets, args.json)


def measure(folder: Path, way: str, told: dict[str, Any], *, problems: int, rounds: int) -> list[dict[str, Any]]:
    """The rounds of one way."""
    from errata.config import LoopSettings
    from errata.demo import story
    from errata.loop import run_loop

    name = way.replace(" ", "").replace("+", "-").strip("-")
    settings = story.make_settings(folder, ["--name", name])
    story.write_problems(settings, problems)
    settings = settings.model_copy(update={"loop": LoopSettings(patience=rounds + 1, **told)})
    loop = run_loop(settings, rounds, Quiet())
    return [
        {
            "way": way,
            "round": one.number,
            "mistakes": one.mistakes,
            "pairs": one.pairs + one.past_pairs,
            "before": one.before,
            "after": one.after,
            "gain": one.gain.value,
            "fixed": one.fixed,
            "broken": one.broken,
            "p": float(f"{one.p_value:.2g}"),
            "chosen_change": one.chosen_change,
        }
        for one in loop.rounds
    ]


if __name__ == "__main__":
    main()
