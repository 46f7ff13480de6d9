"""What can go wrong, as a tree.

    ErrataError
    ├── UsageError              bad input or configuration; the command line exits with 2
    │   ├── ConfigError         a setting: names file, line, key and the fix
    │   ├── DataError           a row or file of data: names file, line, field and the fix
    │   ├── EngineUnusable      no request to this engine can succeed: wrong key, unknown model, no such server
    │   └── FolderInUse         another process writes to this run's folder
    ├── RequestFailed           one request failed for good; recorded with its reason, the run goes on
    ├── TryFailed               one try of a request failed in a way that may pass; never leaves an engine
    │   └── MalformedReply      the server answered, but not with a completion
    └── StoppedEarly            stopped before the end, nothing lost, the same command resumes; exit code 3

Adding one: derive from the branch that fits; the exit code comes with it. Anything outside this tree is a bug (1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.types import Completion, Usage


class ErrataError(Exception):
    """Base of every error that Errata raises on purpose."""

    exit_code = 1


class UsageError(ErrataError):
    """Bad input or configuration: the person who called can mend it."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is wrong."""


class DataError(UsageError):
    """A row or a file of data is wrong."""

    def __init__(self, file: object, problem: str, *, line: int | None = None, field: str | None = None) -> None:
        self.file, self.line, self.field, self.problem = str(file), line, field, problem
        where = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{where}: {f'field {field!r}: ' if field else ''}{problem}")


class EngineUnusable(UsageError):
    """No request to this engine can succeed."""


class FolderInUse(UsageError):
    """Another process writes to this run's folder."""


class RequestFailed(ErrataError):
    """One request failed for good, after its retries.

    `completed` holds the samples of it that were written all the same, by sample index: they are kept, not paid again.
    """

    def __init__(self, reason: str, completed: Mapping[int, Completion] | None = None) -> None:
        self.completed: Mapping[int, Completion] = completed or {}
        super().__init__(reason)


class TryFailed(ErrataError):
    """One try of a request failed in a way that may pass. `wait`: seconds the server asked for (Retry-After)."""

    def __init__(self, kind: str, reason: str, *, wait: float | None = None) -> None:
        self.kind, self.wait = kind, wait
        super().__init__(reason)

    @property
    def overload(self) -> bool:
        """Whether the server is there and asks for less."""
        return self.kind in ("rate_limit", "quota", "overload")


class MalformedReply(TryFailed):
    """The server answered, but not with a completion. `usage`: what it was paid for all the same."""

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        self.usage = usage
        super().__init__("malformed", reason)


class StoppedEarly(ErrataError):
    """Stopped before the end; what was done is kept and the same command goes on from there."""

    exit_code = 3
