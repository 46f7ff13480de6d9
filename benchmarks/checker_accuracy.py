"""Verdicts of the `math` checker beside math-verify's: how many are right, how many a second, what hostile texts cost.

    python benchmarks/checker_accuracy.py [--quick] [--json FILE]

Four sets: this project's hard set; the pairs of math-verify's own tests (those whose verdict is a fault left out, see
`math_verify_cases.jsonl`; several are guesses of a last number, so ours may guess there too); real attempts at MATH,
labelled by another grader, whose labels are not all right; and real attempts at GSM8K. math-verify is used as its
documentation shows: gold answer and text parsed, then `verify(gold, text)`. It knows true and false only, so `unknown`
stays empty on its side; `unread` says how often it found no mathematics on one side, which it calls false.
Speed is measured on one shuffled mix of the attempts, every measurement in a process of its own, the sides taking
turns; medians are reported. Both sides have two cores; math-verify is shown as a plain loop, too. Seven in eight of the
mix are GSM8K, plain numbers, which is where either side is fastest. The hostile batch is 5,000 ordinary checks (the mix
and the whole hard set, since the mix hardly ever needs a worker process) with and without 50 hostile texts among them:
the difference must stay below the sum of their limits, and no ordinary verdict may change.
The attempts are read from ../shared/data; without that folder their parts are skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from helpers.checked_texts import (
    DATA,
    Case,
    has_data,
    read_gsm8k,
    read_hard_set,
    read_math_attempts,
    read_mix,
    read_published_cases,
    read_varied_mix,
)
from helpers.hostile_texts import hostile_cases
from helpers.judges import Judged, judge_by_errata, judge_by_math_verify
from report import ROOT, make_parser, make_target, report

PEER = f"math-verify {version('math-verify')}"
LIMIT = 2.0
"""Seconds that a text of the hostile batch may cost."""
ORDINARY = 5000
COLUMNS = ("what", "side", "equal_correct", "equal_wrong", "equal_unknown", "unequal_wrong", "unequal_correct",
           "unequal_unknown", "unread", "checks_per_s", "spread", "ratio", "seconds")  # fmt: skip

Rows = list[dict[str, Any]]


def main() -> None:
    parser = make_parser(__doc__ or "")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(SIDES[args.side](args.count)._asdict()))
        return
    rows, targets = measure_accuracy()
    if has_data():
        for measure in (measure_speed, measure_hostile):
            more_rows, more_targets = measure(args.quick)
            rows += more_rows
            targets += more_targets
    else:
        skipped = f"skipped: {DATA} is absent"
        rows += [{"what": what, "side": skipped} for what in ("MATH attempts", "GSM8K", "ordinary mix", "hostile")]
    report([{name: row.get(name) for name in COLUMNS} for row in rows], targets, args.json)


def measure_accuracy() -> tuple[Rows, Rows]:
    hard, ours = compare("hard set", read_hard_set())
    equal, unequal = (sum(ours[same, verdict] for verdict in VERDICTS) for same in (True, False))
    targets = [
        make_target("hard set: equal pairs called wrong, share", ours[True, "wrong"] / equal, 0.01, at_most=True),
        make_target("hard set: unequal ones called correct", ours[False, "correct"] / unequal, 0.01, at_most=True),
        make_target("hard set: equal ones called correct", ours[True, "correct"] / equal, 0.8),
        make_target("hard set: unequal ones called wrong", ours[False, "wrong"] / unequal, 0.7),
    ]
    published, ours = compare("math-verify's cases", read_published_cases(), last_number=True)
    equal = sum(ours[True, verdict] for verdict in VERDICTS)
    targets += [
        make_target("math-verify's cases: equal ones called correct", ours[True, "correct"] / equal, 0.9),
        make_target("math-verify's cases: equal ones called wrong", ours[True, "wrong"], 0, at_most=True),
    ]
    if not has_data():
        return hard + published, targets
    attempts, _ = compare("MATH attempts", read_math_attempts())
    gsm8k, ours = compare("GSM8K", read_gsm8k())
    against = ours[True, "wrong"] + ours[False, "correct"]
    targets += [
        make_target("GSM8K: verdicts against a label", against, 0, at_most=True),
        make_target("GSM8K: unknown", ours[True, "unknown"] + ours[False, "unknown"], 15, at_most=True),
    ]
    return hard + published + attempts + gsm8k, targets


def compare(what: str, cases: Sequence[Case], **options: float) -> tuple[Rows, Counter[tuple[bool, str]]]:
    """Both sides' rows, and the counts of ours by (equal, verdict)."""
    ours, theirs = judge_by_errata(cases, **options), judge_by_math_verify(cases)
    rows = [
        {"what": what, "side": "errata", **in_columns(count(cases, ours))},
        {"what": what, "side": PEER, **in_columns(count(cases, theirs)), "unread": theirs.unread},
    ]
    return rows, count(cases, ours)


def count(cases: Sequence[Case], judged: Judged) -> Counter[tuple[bool, str]]:
    return Counter(zip((case.equal for case in cases), judged.verdicts, strict=True))


VERDICTS = ("correct", "wrong", "unknown")


def in_columns(counts: Counter[tuple[bool, str]]) -> dict[str, int]:
    return {
        f"{'equal' if equal else 'unequal'}_{verdict}": counts[equal, verdict]
        for equal in (True, False)
        for verdict in VERDICTS
    }


def measure_speed(quick: bool) -> tuple[Rows, Rows]:
    rounds, size = (3, 3000) if quick else (5, 6000)
    names = ("errata", "loop", "pool")
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            rates[name].append(size / run_side(name, size).seconds)
    middle = {name: statistics.median(measured) for name, measured in rates.items()}
    labels = {"errata": "errata, 2 workers", "loop": f"{PEER}, plain loop", "pool": f"{PEER}, 2 processes"}
    rows = [
        {"what": f"ordinary mix, {size:,}", "side": labels[name], "checks_per_s": round(middle[name]),
         "spread": f"{min(rates[name]):.0f}-{max(rates[name]):.0f}", "ratio": round(middle["errata"] / middle[name], 2)}
        for name in names
    ]  # fmt: skip
    return rows, [make_target("ordinary checks a second on two cores", middle["errata"], 1500)]


def measure_hostile(quick: bool) -> tuple[Rows, Rows]:
    calm, mixed = [], []
    for _ in range(1 if quick else 3):
        calm.append(run_side("calm", ORDINARY))
        mixed.append(run_side("mixed", ORDINARY))
    without, together = (statistics.median(run.seconds for run in runs) for runs in (calm, mixed))
    hostile, order = set(hostile_cases()), mix_in(ORDINARY)
    changed, called = 0, Counter[str]()
    for alone, run in zip(calm, mixed, strict=True):
        told = list(zip(order, run.verdicts, strict=True))
        kept = [verdict for case, verdict in told if case not in hostile]
        changed += sum(one != other for one, other in zip(alone.verdicts, kept, strict=True))
        called = Counter(verdict for case, verdict in told if case in hostile)
    limits = LIMIT * len(hostile)
    rows: Rows = [
        {"what": f"{ORDINARY:,} ordinary", "side": "errata", "seconds": round(without, 2)},
        {"what": f"and {len(hostile)} hostile", "side": "errata", "seconds": round(together, 2),
         **{f"unequal_{verdict}": called[verdict] for verdict in VERDICTS}},
    ]  # fmt: skip
    return rows, [
        make_target("seconds that the hostile texts add; their limits' sum", together - without, limits, at_most=True),
        make_target("ordinary verdicts that hostile texts change", changed, 0, at_most=True),
        make_target("hostile texts called correct", called["correct"], 0, at_most=True),
    ]


def mix_in(size: int) -> list[Case]:
    """The ordinary batch with the hostile texts at places of a fixed seed; the order of the ordinary ones stays."""
    cases = read_varied_mix(size)
    places = random.Random(1)
    for case in hostile_cases():
        cases.insert(places.randrange(len(cases)), case)
    return cases


def run_side(name: str, size: int) -> Judged:
    """One measurement in a process of its own, so that no side finds what an earlier one kept."""
    command = [sys.executable, __file__, "--side", name, "--count", str(size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return Judged(**json.loads(done.stdout.splitlines()[-1]))


SIDES: dict[str, Any] = {
    "errata": lambda size: judge_by_errata(read_mix(size)),
    "loop": lambda size: judge_by_math_verify(read_mix(size), processes=1),
    "pool": lambda size: judge_by_math_verify(read_mix(size)),
    "calm": lambda size: judge_by_errata(read_varied_mix(size), limit=LIMIT),
    "mixed": lambda size: judge_by_errata(mix_in(size), limit=LIMIT),
}

if __name__ == "__main__":
    main()
