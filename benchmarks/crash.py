"""Builds that are killed, run out of disk, or meet damage: do they end as builds to which nothing happened?

    python benchmarks/crash.py [--quick] [--json FILE]

`errata build` runs in processes of its own against a loopback server that plays student and teacher: a text is a
function of the messages and the sample's seed, and every completion is on an account (helpers/crash_server.py says
what counts as paid twice). Builds are killed with SIGKILL at moments drawn from their names: while they start, once so
many completions were asked for, while they write the data set, and again while they resume; the process, its whole
group, a worker of the checker's pool, and where the student is a managed vLLM its engine, its server or its watchdog.
Then they are started again until they are done. Equal means the same bytes in every file of the data set, in
control, selection, findings, unknown, objections and left_out.jsonl, in format.json and audit.json, and the same
summary.json but for seconds and usage.

Further: disks (tmpfs) that are full at every stage, or can only be read; journals cut at every byte of their last
line, with garbage behind, or with a bit turned; two builds of one folder; two runs under one cache; a wall clock that
jumps. What went wrong is told below the table.
With --quick: six builds without vLLM, every 40th byte.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report import ROOT, make_parser, make_target, report

sys.path.insert(0, str(ROOT))

from benchmarks.helpers.crash_builds import UNDER_WAY, watched
from benchmarks.helpers.crash_disks import fill_at_the_end, fill_disk, is_well, read_only
from benchmarks.helpers.crash_files import JOURNALS, Damage, Damaged, add_garbage, cut_last_line, flip_bytes
from benchmarks.helpers.crash_kills import Outcome
from benchmarks.helpers.crash_lock import follow_killed_holder, refuse_second, side_by_side
from benchmarks.helpers.crash_mounts import find_way
from benchmarks.helpers.crash_reference import MATH, Reference, word_problems
from benchmarks.helpers.crash_server import Witness
from benchmarks.helpers.crash_texts import make_products, make_stories
from benchmarks.helpers.crash_vllm import PYTHON, TARGETS, vllm_settings

COLUMNS = ("what", "cases", "well", "kills", "most_again", "again", "stored", "left", "note")
Row = dict[str, Any]
QUICK = "--quick"


class Results:
    """Rows as they come, and what went wrong."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.targets: list[Row] = []
        self.wrong: list[str] = []
        self.outcomes: list[Outcome] = []
        self.spared = 0
        """Builds that ended before the moment of their first kill."""

    def add_killed(self, what: str, outcomes: Sequence[Outcome]) -> None:
        """A row of builds of which each is to be killed."""
        self.spared += sum(not one.kills for one in outcomes)
        self.add_builds(what, outcomes)

    def add(self, what: str, cases: int, wrong: Sequence[str], **columns: Any) -> None:
        """A row and its target: all cases are well."""
        if not cases:
            self.skip(what, "no case came about")
            return
        row = {"what": what, "cases": cases, "well": cases - len(wrong), **columns}
        self.rows.append({name: row.get(name) for name in COLUMNS})
        self.wrong += [f"{what}: {why}" for why in wrong]
        self.targets.append(make_target(f"{what}: share that is well", (cases - len(wrong)) / cases, 1.0))
        print(f"{what}: {cases - len(wrong)} of {cases}", file=sys.stderr, flush=True)

    def add_builds(
        self, what: str, outcomes: Sequence[Outcome], wrong: Sequence[str] | None = None, **more: Any
    ) -> None:
        """A row of builds; without `wrong`, those that failed are."""
        self.outcomes += outcomes
        self.add(
            what,
            len(outcomes),
            [one.failed for one in outcomes if one.failed] if wrong is None else wrong,
            kills=sum(one.kills for one in outcomes),
            most_again=max((one.most_again for one in outcomes), default=0),
            again=sum(one.again for one in outcomes),
            stored=sum(one.stored + one.doubled for one in outcomes),
            left=sum(one.left for one in outcomes),
            **more,
        )

    def skip(self, what: str, why: str) -> None:
        """A row that says why something was not tried, which is a target missed unless it was not asked for."""
        if why != QUICK:
            self.targets.append(make_target(f"{what}: cases", 0, 1))
        self.rows.append({**dict.fromkeys(COLUMNS), "what": what, "note": f"skipped: {why}"})

    def account(self) -> list[Row]:
        """What all builds together paid twice, and left behind."""
        seen = self.outcomes
        most, stored = max(one.most_again for one in seen), sum(one.stored for one in seen)
        return [
            make_target("completions asked for again after one kill, at most", most, UNDER_WAY, at_most=True),
            make_target("completions paid again though they were stored", stored, 0, at_most=True),
            make_target("completions asked twice by one process", sum(o.doubled for o in seen), 0, at_most=True),
            make_target("builds that were to be killed and were not", self.spared, 0, at_most=True),
            make_target("temporary files left in a run", sum(one.litter for one in seen), 0, at_most=True),
            make_target("processes left behind", sum(one.left for one in seen), 0, at_most=True),
        ]


def main() -> None:
    args = make_parser(__doc__ or "").parse_args()
    results = Results()
    with tempfile.TemporaryDirectory() as name, watched(Witness()) as witness:
        folder = Path(name)
        problems = 40 if args.quick else 200
        words = Reference(witness, "words", folder, word_problems(problems))
        maths = Reference(witness, "math", folder, make_products(problems), checker=MATH)
        builds, workers = (4, 2) if args.quick else (20, 6)
        results.add_killed("killed", words.kill_many(builds, ("parent", "parent", "group")))
        results.add_killed("killed, checker with workers", maths.kill_many(workers, ("worker", "worker", "parent")))
        if args.quick:
            results.skip("killed, vLLM", QUICK)
        else:
            kill_vllm(results, witness, folder)
        try_disks(results, words, quick=args.quick)
        try_journals(results, witness, folder, step=40 if args.quick else 1, flips=8 if args.quick else 50)
        try_two(results, words)
        results.add_builds("clock that jumps", [words.jump(), maths.jump()])
    results.targets += results.account()
    report(results.rows, results.targets, args.json)
    for why in results.wrong:
        print(f"- {why}")


def kill_vllm(results: Results, witness: Witness, folder: Path) -> None:
    """Four builds, each with another part of its managed server killed."""
    what = "killed, vLLM"
    if not PYTHON.is_file():
        results.skip(what, "no environment with vLLM (make vllm)")
        return
    served = Reference(witness, "vllm", folder, make_stories(150), vllm_settings)
    with served.build("wide", concurrency=64) as build:  # other batches: are greedy texts the same?
        code = build.finish()
        same = served.compare(build, code)
    results.add("vLLM's texts in other batches", 1, [same.failed] if same.failed else [])
    outcomes = [one for target in TARGETS for one in served.kill_many(1, (target,), 1, label=target)]
    results.add_killed(what, outcomes)


def try_disks(results: Results, words: Reference, *, quick: bool) -> None:
    """Disks that are full sooner or later, that are full once the run is built again, and that are read-only."""
    way = find_way()
    if isinstance(way, str):
        for what in ("disk full", "disk full at the end", "read-only"):
            results.skip(what, way)
        return
    outcomes = []

    def fits(size: int) -> bool:
        with words.build(f"disk{size}") as build:
            small, outcome = fill_disk(build, size, words.wanted)
        outcomes.extend([outcome] if small else [])
        return not small

    for share in (0.03, 0.5) if quick else (0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4):
        fits(int(share * words.size))
    results.add_builds("disk full", outcomes, [str(one) for one in outcomes if not is_well(one)])
    outcomes = []
    for left in (0, 1 << 17) if quick else (0, *(1 << power for power in range(12, 21))):
        with words.build(f"end{left}") as build:
            outcomes.append(fill_at_the_end(build, left, words.wanted))
    results.add_builds("disk full at the end", outcomes, [str(one) for one in outcomes if not is_well(one)])
    outcomes = []
    for state in ("new", "begun", "finished"):
        with words.build(f"ro{state}") as build:
            outcomes.append(read_only(build, state, words.size // 2, words.wanted))
    results.add_builds("read-only", outcomes, [str(one) for one in outcomes if not is_well(one)])


def try_journals(results: Results, witness: Witness, folder: Path, *, step: int, flips: int) -> None:
    """All four journals of a small run, damaged in many ways."""
    small = Reference(witness, "small", folder, make_stories(6), audit=None, format={"detect_from": 4})
    draw = random.Random("journals")
    kinds: dict[str, list[Damage]] = {"journal cut in its last line": [], "garbage behind": [], "a bit turned": []}
    with small.build("journals") as build:
        assert build.finish() == 0, build.said()
        with Damaged(build) as damaged:
            for name in JOURNALS:
                content = damaged.journal(name)
                kinds["journal cut in its last line"] += cut_last_line(name, content, step)
                kinds["garbage behind"] += add_garbage(name, content, draw)
                kinds["a bit turned"] += flip_bytes(name, content, draw, flips)
            for what, damages in kinds.items():
                results.add(what, len(damages), [why for why in map(damaged.try_out, damages) if why])


def try_two(results: Results, words: Reference) -> None:
    """Two builds in one folder, one after a killed one, two runs under one cache."""
    with words.build("two") as build:
        outcome = refuse_second(build, words.asked // 3, words.wanted)
    results.add_builds("second build refused", [outcome], [str(outcome)] if outcome.told or outcome.failed else [])
    with words.build("held") as build:
        results.add_builds("holder killed", [follow_killed_holder(build, words.asked // 3, words.wanted)])
    shared = str(words.folder / "shared")
    with words.build("one", runs_dir=shared) as one, words.build("other", runs_dir=shared, name="other") as other:
        results.add_builds("two runs, one cache", side_by_side(one, other, words.wanted))


if __name__ == "__main__":
    main()
