"""Search one target in a process that may hang or die: `python -m tests.fuzz.search TARGET SECONDS SEED DIR`.

What it does stands in DIR as it goes on, for whoever watches it: `now.json`, the input under way; `counts.json`;
`found.jsonl`, what was raised; `shortest.json`, the shortest input of each outcome.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.target import Target, try_input

MEMORY = 12 * 2**30
"""Bytes of address space; an input for which that is too little is a finding."""
AT_ONCE = 200
"""Inputs that are drawn with one seed."""
OURS = ("/pipeline/", "/errata/", "/trainer/")


class Ended(BaseException):
    """The time is over."""


class Search:
    """What has been tried, and what came of it."""

    def __init__(self, target: Target, seconds: float, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.began = time.monotonic()
        self.ends = self.began + seconds
        self.outcomes: Counter[str] = Counter()
        self.shortest: dict[str, str] = {}
        self.slowest = 0.0
        self._found: set[str] = set()
        self._told = 0.0

    def run(self, first: int) -> None:
        """Draw with one seed after the other until the time is over."""
        number = first
        while True:
            drawn = settings(
                max_examples=AT_ONCE,
                database=None,
                deadline=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
            seed(number)(drawn(given(self.target.inputs)(self.try_one)))()
            number += 1

    def try_one(self, value: Any) -> None:
        """Try one input, and write down what came of it."""
        if time.monotonic() > self.ends:
            raise Ended
        text = json.dumps(value)
        (self.folder / "now.json").write_text(text)
        started = time.process_time()
        try:
            outcome = try_input(self.target, value)
        except Exception as error:
            outcome = self._note(error, text)
        self.slowest = max(self.slowest, time.process_time() - started)
        if len(text) < len(self.shortest.get(outcome, text + " ")):
            self.shortest[outcome] = text
        self.outcomes[outcome] += 1
        if time.monotonic() > self._told + 1:
            self.tell()

    def _note(self, error: Exception, text: str) -> str:
        """Write down an exception that is no answer: the first of its kind at its place."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if any(part in f.filename for part in OURS)]
        where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].name}" if frames else "a promise"
        told = f"{type(error).__name__} in {where}" if frames else f"{where}: {ascii(str(error))[:100]}"
        if told not in self._found:
            self._found.add(told)
            trace = "".join(traceback.format_exception(error))[-4000:]
            with (self.folder / "found.jsonl").open("a") as file:
                file.write(json.dumps({"told": told, "trace": trace, "input": json.loads(text)}) + "\n")
        return f"found: {told}"

    def tell(self) -> None:
        """Say how far it is."""
        self._told = time.monotonic()
        counts = {"outcomes": dict(self.outcomes), "slowest": self.slowest, "seconds": self._told - self.began}
        for name, told in (("counts", counts), ("shortest", self.shortest)):
            fresh = self.folder / f"{name}.tmp"
            fresh.write_text(json.dumps(told))
            fresh.replace(self.folder / f"{name}.json")


def main() -> None:
    from tests.fuzz.targets import TARGETS

    name, seconds, first, folder = sys.argv[1:]
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    search = Search(TARGETS[name], float(seconds), Path(folder))
    try:
        search.run(int(first))
    except Ended:
        search.tell()


if __name__ == "__main__":
    main()
