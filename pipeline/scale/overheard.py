"""What a worker logs, on its way to the driver's log."""

from __future__ import annotations

import logging

LOG_LINES = 100
"""Lines that wait for the next word to the keeper."""


class Overheard(logging.Handler):
    """Takes in what the pipeline logs in this process, from INFO on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[str] = []
        self._left_out = 0
        self._logger = logging.getLogger("pipeline")
        self._logger.addHandler(self)
        self._logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) < LOG_LINES:
            self._lines.append(record.getMessage())
        else:
            self._left_out += 1

    def take(self) -> list[str]:
        """The lines since the last time."""
        lines, self._lines = self._lines, []
        if self._left_out:
            lines.append(f"{self._left_out} further lines are left out")
        self._left_out = 0
        return lines

    def end(self) -> None:
        """Hear no more."""
        self._logger.removeHandler(self)
