"""Hostile input for everything that reads what others wrote: no exception that is no answer, and no hang.

    python benchmarks/fuzz.py [--quick] [--minutes N] [--json FILE] [--target NAME] [--keep DIR]

Each target (tests/fuzz) is searched by hypothesis in a process of its own, one after the other; one that makes no
progress for a minute is a finding, and so is one that dies. `--keep` writes what was found there, and the shortest
input of each outcome; tests/fuzz/corpus has those of earlier runs, which the fast tests repeat.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from report import ROOT, make_parser, make_target, report

sys.path.insert(0, str(ROOT))
STUCK = 60.0
"""Seconds on one input after which it counts as a hang."""
QUICK_SECONDS = 3.0


def make_command(name: str, seconds: float, seed: int, folder: Path) -> list[str]:
    """What searches a target."""
    return [sys.executable, "-m", "tests.fuzz.search", name, f"{seconds}", f"{seed}", str(folder)]


class Watch:
    """A target's searches, and what they found."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.outcomes: Counter[str] = Counter()
        self.found: list[dict[str, Any]] = []
        self.shortest: dict[str, str] = {}
        self.slowest = 0.0
        self.seconds = 0.0

    def search(self, seconds: float) -> None:
        """Search until the time is over; after a hang or a death, with another seed."""
        ends, number = time.monotonic() + seconds, 0
        while (left := ends - time.monotonic()) > 0.5:
            self._search_once(left, number)
            number += 1

    def _search_once(self, seconds: float, number: int) -> None:
        folder = self.folder / f"{self.name}-{number}"
        folder.mkdir(parents=True)
        command = make_command(self.name, seconds, 1000 * number, folder)
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                told = self._wait(process, folder)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if told is not None:
            now = folder / "now.json"
            trace = (folder / "output.txt").read_text(errors="replace")[-4000:]
            self.found.append(
                {"told": told, "trace": trace, "input": json.loads(now.read_text()) if now.exists() else None}
            )
        self._collect(folder)

    def _wait(self, process: subprocess.Popen[bytes], folder: Path) -> str | None:
        """What went wrong with the process itself, if anything."""
        now, started = folder / "now.json", time.time()
        while process.poll() is None:
            time.sleep(0.2)
            since = max(started, now.stat().st_mtime if now.exists() else 0.0)
            if time.time() - since > STUCK:
                return "a hang"
        return None if process.returncode == 0 else f"the process ended with status {process.returncode}"

    def _collect(self, folder: Path) -> None:
        counts = folder / "counts.json"
        if counts.exists():
            told = json.loads(counts.read_text())
            self.outcomes.update(told["outcomes"])
            self.slowest = max(self.slowest, told["slowest"])
            self.seconds += told["seconds"]
            for outcome, text in json.loads((folder / "shortest.json").read_text()).items():
                self.shortest[outcome] = min(text, self.shortest.get(outcome, text), key=len)
        if (found := folder / "found.jsonl").exists():
            self.found += [json.loads(line) for line in found.read_text().splitlines()]

    def row(self) -> dict[str, Any]:
        """The table's line."""
        return {
            "target": self.name,
            "inputs": self.outcomes.total(),
            "outcomes": len(self.outcomes),
            "found": len({one["told"] for one in self.found}),
            "seconds": round(self.seconds, 1),
            "slowest_s": round(self.slowest, 2),
        }

    def keep(self, folder: Path) -> None:
        """Write what was found, and the shortest input of each outcome."""
        rows = [{"told": outcome, "input": json.loads(text)} for outcome, text in self.shortest.items()]
        (folder / self.name).mkdir(parents=True, exist_ok=True)
        for kind, some in (("found", self.found), ("shortest", rows)):
            for number, row in enumerate(some):
                (folder / self.name / f"{kind}-{number}.json").write_text(json.dumps(row, indent=1) + "\n")


def main() -> None:
    from tests.fuzz.targets import TARGETS

    parser = make_parser(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=12.0, help="of all targets together (default: 12)")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="search this one alone; repeatable")
    parser.add_argument("--slow", action="store_true", help="start the sandbox, too, with hostile code")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write inputs here")
    arguments = parser.parse_args()
    names = arguments.target or [n for n, target in TARGETS.items() if arguments.slow or not target.sandboxed]
    weights = sum(TARGETS[name].weight for name in names)
    rows, found = [], []
    with tempfile.TemporaryDirectory(prefix="errata-fuzz-") as folder:
        for name in names:
            watch = Watch(name, Path(folder))
            share = TARGETS[name].weight / weights
            watch.search(QUICK_SECONDS if arguments.quick else 60 * arguments.minutes * share)
            rows.append(watch.row())
            found += [{"target": name, **one} for one in watch.found]
            print(f"{name}: {rows[-1]['inputs']:,} inputs, {rows[-1]['found']} found", flush=True)
            if arguments.keep is not None:
                watch.keep(arguments.keep)
    for one in found:
        print(f"\n{one['target']}: {one['told']}\n{one['trace']}\n{json.dumps(one['input'])[:1000]}")
    minutes = sum(row["seconds"] for row in rows) / 60
    targets = [
        make_target("unhandled exceptions, broken promises, hangs and deaths", float(len(found)), 0, at_most=True),
        make_target("minutes", round(minutes, 2), 10),
    ]
    total = {name: sum(row[name] for row in rows) for name in ("inputs", "outcomes", "found", "seconds")}
    rows.append({"target": "all", **total, "slowest_s": max(row["slowest_s"] for row in rows)})
    report(rows, targets[:1] if arguments.quick else targets, arguments.json)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
