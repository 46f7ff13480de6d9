"""A circuit breaker: an endpoint that keeps failing is left alone for a while, then tried with one request."""

from __future__ import annotations

import asyncio
import logging

from pipeline.errors import EngineUnusable, ErrataError, RequestFailed, StoppedEarly

log = logging.getLogger(__name__)
REFUSALS = 20
"""Requests refused before any was answered, after which the settings must be wrong."""
GROWTH = 6
"""How many times the first pause the longest one is."""


class EndpointPaused(ErrataError):
    """This member of a pool is left alone for now; the pool asks another one."""


class Circuit:
    """Closed: requests pass. Open: they wait, or go elsewhere. Half open: one passes as a trial."""

    def __init__(self, name: str, *, failures: int, pause: float, outage: float) -> None:
        self.name, self.failures, self.first_pause, self.outage = name, failures, pause, outage
        self.answered = False
        """Whether any request was ever answered."""
        self._in_a_row = self._refused = 0
        self._pause = pause
        self._failing_since: float | None = None
        self._open_until: float | None = None
        self._trial = False
        self._changed = asyncio.Event()
        self._dead: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request would have to wait now."""
        if self._dead is not None:
            return True
        return self._open_until is not None and (self._trial or asyncio.get_running_loop().time() < self._open_until)

    @property
    def dead(self) -> Exception | None:
        """Why no request will pass any more, once that is decided."""
        return self._dead

    @property
    def left(self) -> float:
        """Seconds until a request may pass, or until it is worth looking again."""
        if self._open_until is None:
            return 0.0
        return max(0.05, self._open_until - asyncio.get_running_loop().time())

    async def wait(self) -> bool:
        """Wait until a request may pass; True when it is the trial. Raises what `failed` and `kill` decided."""
        while True:
            if self._dead is not None:
                raise self._dead
            if self._open_until is None:
                return False
            left = self._open_until - asyncio.get_running_loop().time()
            if left <= 0 and not self._trial:
                self._trial = True
                return True
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), None if self._trial else left)
            except TimeoutError:
                continue

    def succeeded(self) -> None:
        """A request was answered."""
        if self._open_until is not None:
            log.info("%s: answers again", self.name)
        self.answered = True
        self._in_a_row = self._refused = 0
        self._pause, self._failing_since, self._open_until, self._trial = self.first_pause, None, None, False
        self._changed.set()

    def failed(self, reason: str, *, overload: bool, trial: bool) -> None:
        """A request failed in a way that may pass. An overloaded server is alive; any other may not even be there.

        While the circuit is open only the trial counts: what was sent before tells nothing new.
        """
        now = asyncio.get_running_loop().time()
        self._in_a_row += 1
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._trial = self._trial and not trial
        if self._in_a_row < self.failures and not trial:
            return
        if not self.answered and not overload:
            self.kill(
                EngineUnusable(f"{self.name} never answered; after {self._in_a_row} tries the last said: {reason}")
            )
        elif now - self._failing_since > self.outage:
            self.kill(
                StoppedEarly(
                    f"{self.name} has failed for {now - self._failing_since:.0f} s, the last said: {reason}; "
                    "what was done is kept, run again when it is back"
                )
            )
        elif trial or self._open_until is None:
            log.warning(
                "%s: %d failures in a row (%s); paused for %.3g s", self.name, self._in_a_row, reason, self._pause
            )
            self._open_until = now + self._pause
            self._pause = min(2 * self._pause, GROWTH * self.first_pause)
        self._changed.set()

    def refused(self, error: RequestFailed) -> None:
        """The server answered that it will not take this request (its fault, or the settings')."""
        self._refused += 1
        if not self.answered and self._refused >= REFUSALS:
            self.kill(EngineUnusable(f"{self.name} refused each of the first {self._refused} requests: {error}"))

    def abandon(self, trial: bool) -> None:
        """A request ended without telling how the server is: refused, or cancelled. Another may be the trial."""
        if trial:
            self._trial = False
            self._changed.set()

    def kill(self, error: Exception) -> None:
        """No request will pass any more; all that wait raise `error`."""
        self._dead = self._dead or error
        self._changed.set()
