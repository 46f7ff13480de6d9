"""One kind of build, with what it makes where nothing happens to it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.helpers.crash_builds import ROOT, Build, digest, make_settings
from benchmarks.helpers.crash_disks import size_of
from benchmarks.helpers.crash_kills import Outcome, Target, conclude, plan_kills, run_killed
from benchmarks.helpers.crash_server import Witness
from benchmarks.helpers.crash_texts import Row, Script, make_stories, read_gsm8k, write_rows

CLOCK = Path(__file__).parent / "crash_clock"
GSM8K = ROOT.parent / "shared" / "data" / "gsm8k" / "train.jsonl"
MATH = {"checker": "math", "workers": 2, "limit": 60.0}
"""The checker with worker processes; its limit is far from what an answer takes on a busy machine."""


def word_problems(count: int) -> list[Row]:
    """GSM8K's where it lies beside the project, the demo world's elsewhere."""
    return read_gsm8k(GSM8K, count) if GSM8K.is_file() else make_stories(count)


class Reference:
    """Builds once, uninterrupted, and makes further builds to compare with that."""

    def __init__(
        self,
        witness: Witness,
        kind: str,
        folder: Path,
        rows: Sequence[Row],
        make: Callable[..., dict[str, Any]] = make_settings,
        **sections: Any,
    ) -> None:
        self.witness, self.kind, self.folder = witness, kind, folder
        witness.scripts[kind] = Script(rows)
        self.settings = make(witness.url, write_rows(folder / f"{kind}.jsonl", rows), **sections)
        with self.build("whole") as build:
            started = time.monotonic()
            process = build.start()
            assert build.watch(process, build.account.when(1).is_set), build.said()
            self.start = time.monotonic() - started
            """Seconds to the first request."""
            assert build.wait(process) == 0, build.said()
            self.wanted = digest(build.run)
            self.asked = len(build.account.asked)
            self.size = size_of(build.runs)

    def build(self, label: str, **changes: Any) -> Build:
        """A build of this kind that has not begun."""
        full = f"{self.kind}-{label}"
        return Build(self.witness, full, self.folder / full, {**self.settings, **changes})

    def kill_many(self, count: int, targets: Sequence[Target], most: int = 3, label: str = "") -> list[Outcome]:
        """So many builds, each killed up to `most` times, by a plan that is drawn from its label."""
        made = []
        for number in range(count):
            with self.build(f"{label}{number}") as build:
                draw = random.Random(build.name)
                kills = plan_kills(draw, draw.randint(1, most), self.asked, targets)
                made.append(run_killed(build, kills, self.wanted, self.start))
        return made

    def compare(self, build: Build, code: int) -> Outcome:
        """What became of a build that ended with an exit code."""
        told = [f"exit code {code}: {build.said()[-300:]}"] if code else []
        return conclude(build, self.wanted, code, build.processes - 1, told)

    def jump(self) -> Outcome:
        """A build whose wall clock jumps, killed in the middle."""
        with self.build("clock") as build:
            process = build.start(path=[CLOCK])
            if build.watch(process, build.account.when(self.asked // 2).is_set):
                build.kill(process)
                process = build.start(path=[CLOCK])
            return self.compare(build, build.wait(process))
