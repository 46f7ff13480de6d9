"""The account of a run whose pairs stand in the journals of workers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import StoppedEarly
from pipeline.files import open_final
from pipeline.placed import PLACED, Placed
from pipeline.scale.lines import Moved
from pipeline.scale.report import Report
from pipeline.tally import Account

NAMED = 5
"""Numbers of missing problems that are named."""


class Gathered(Account):
    """Takes reports of parts, each problem once."""

    def __init__(self, folder: Path, started: float, problems: int) -> None:
        super().__init__(folder, started)
        self.folder = folder
        self.moved: Mapping[str, Moved] = {}
        """Where the pairs of each shard stand in the run's journal, once they are merged."""
        self.done = 0
        self._taken = bytearray(problems)

    def gather(self, report: Report) -> None:
        """Count the outcomes of a part, but those that were counted before: a part may be done twice."""
        for outcome in report.outcomes:
            if self._taken[outcome.number]:
                continue
            self._taken[outcome.number] = 1
            self.done += 1
            if outcome.placed is not None:
                outcome.placed = outcome.placed.model_copy(update={"shard": report.shard})
            self.take(outcome)

    def check_complete(self) -> None:
        """Raises StoppedEarly where problems are missing."""
        missing = [number for number, taken in enumerate(self._taken) if not taken]
        if missing:
            more = ", …" if len(missing) > NAMED else ""
            raise StoppedEarly(
                f"nothing was heard of {len(missing):,} problems (number {', '.join(map(str, missing[:NAMED]))}{more} "
                "from 0); what was done is kept, and the same command does them"
            )

    def write(self) -> None:
        """Move the files into place; the pairs are where they were moved to."""
        super().write()
        with (self.folder / PLACED).open(encoding="utf-8") as lines, open_final(self.folder / PLACED) as out:
            for line in lines:
                placed = Placed.model_validate_json(line)
                moved = self.moved[placed.shard]
                places = tuple(moved.find(offset) for offset in placed.offsets)
                out.write(placed.model_copy(update={"offsets": places, "shard": ""}).model_dump_json() + "\n")
