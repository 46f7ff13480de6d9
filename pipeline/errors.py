"""What can go wrong, as a tree.

    ErrataError
    ├── UsageError              bad input or configuration; the command line exits with 2
    │   ├── ConfigError         a setting: names file, line, key and the fix
    │   ├── DataError           a row or file of data: names file, line, field and the fix
    │   └── EngineUnusable      no request to this engine can succeed: wrong key, unknown model, no such server
    ├── RequestFailed           one request failed for good; recorded with its reason, the run goes on
    └── StoppedEarly            stopped before the end, nothing lost, the same command resumes; exit code 3

Adding one: derive from the branch that fits; the exit code comes with it. Anything outside this tree is a bug (1).
"""

from __future__ import annotations


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


class RequestFailed(ErrataError):
    """One request failed for good, after its retries."""


class StoppedEarly(ErrataError):
    """Stopped before the end; what was done is kept and the same command goes on from there."""

    exit_code = 3
