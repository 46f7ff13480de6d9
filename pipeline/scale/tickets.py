"""Which part is worked on next. Ray hands out tickets, and only whoever can work takes a part for one.

There are more tickets than parts: a worker whose engines cannot be opened keeps those that it was given, and its parts
go to the others. So do those of a worker that was lost, as Ray may find no place to start it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable


class Tickets:
    """Parts, from 0, and the tickets that they were taken for."""

    def __init__(self, parts: int) -> None:
        self._waiting = deque(range(parts))
        self._taken: dict[int, tuple[int, str]] = {}
        """(part, who took it) by ticket, until its report has come."""

    def take(self, ticket: int, worker: str, is_lost: Callable[[str], bool]) -> int | None:
        """The part that a ticket is for; None if there is none left. Asked again, as after a death, it is the same.

        If none is left, it is one that a lost worker has, so that this one may not be waited for.
        """
        if ticket in self._taken:
            part, _ = self._taken[ticket]
        else:
            if not self._waiting:
                lost = next((other for other, (_, whose) in self._taken.items() if is_lost(whose)), None)
                if lost is None:
                    return None
                self.give_back(lost)
            part = self._waiting.popleft()
        self._taken[ticket] = part, worker
        return part

    def give_back(self, ticket: int) -> None:
        """Whoever has this ticket cannot work: its part, if it has one, is the next to be taken."""
        if ticket in self._taken:
            self._waiting.appendleft(self._taken.pop(ticket)[0])

    def report(self, parts: Iterable[int]) -> None:
        """The driver has heard of these parts: nobody need do them again."""
        if done := set(parts):
            self._waiting = deque(part for part in self._waiting if part not in done)
            self._taken = {ticket: taken for ticket, taken in self._taken.items() if taken[0] not in done}
