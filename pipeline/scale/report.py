"""What a worker tells of a part, as JSON."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pipeline.errors import ConfigError, EngineUnusable, ErrataError, StoppedEarly, UsageError
from pipeline.meter import Meter
from pipeline.opinions import SecondOpinions
from pipeline.placed import Placed
from pipeline.tally import Outcome, Tally

NO_PART = -1
"""Instead of a part's number: of none."""


class Mismatch(ConfigError):
    """A worker that would not do the same as the others."""


RAISED: dict[str, type[ErrataError]] = {
    error.__name__: error for error in (Mismatch, ConfigError, EngineUnusable, StoppedEarly, UsageError, ErrataError)
}


class WorkerFailed(Exception):
    """A bug: what a worker raised, with the place where it did."""


@dataclass(frozen=True)
class Trouble:
    """Why a part has not come to its end."""

    kind: str
    """The error's class, or empty for a bug."""
    told: str

    @classmethod
    def of(cls, error: Exception, where: str) -> Trouble:
        """Of an error that was raised on a machine."""
        if not isinstance(error, ErrataError):
            return cls("", f"on {where}:\n{''.join(traceback.format_exception(error))}")
        kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in RAISED)
        return cls(kind, str(error) if isinstance(error, StoppedEarly) else f"on {where}: {error}")

    @property
    def ends_all(self) -> bool:
        """Whether it is not this worker's alone, if it cannot open its engines."""
        return self.kind in ("StoppedEarly", "Mismatch")

    @property
    def error(self) -> Exception:
        """The same error here."""
        return RAISED[self.kind](self.told) if self.kind else WorkerFailed(self.told)


@dataclass
class Report:
    """One part: its outcomes, or why there are none. Without a part, whoever had the ticket has ended."""

    part: int
    shard: str
    """The folder of the worker's journals."""
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: Trouble | None = None
    raised: dict[int, int] = field(default_factory=dict)
    """Where something raised what is no error of ours: problems whose attempts have failed for it, by the first."""
    traceback: str = ""
    """Of the first of them."""

    def to_json(self) -> str:
        """As text."""
        told = {name: getattr(self, name) for name in ("part", "shard", "traceback")}
        told["raised"] = list(self.raised.items())
        told["outcomes"] = [_tell(outcome) for outcome in self.outcomes]
        return json.dumps(told | ({} if self.trouble is None else {"trouble": vars(self.trouble)}))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Back from text."""
        told = json.loads(text)
        trouble = Trouble(**told["trouble"]) if "trouble" in told else None
        outcomes = [_hear(outcome) for outcome in told["outcomes"]]
        return cls(told["part"], told["shard"], outcomes, trouble, dict(told["raised"]), told["traceback"])


def _tell(outcome: Outcome) -> dict[str, Any]:
    tally = {one.name: getattr(outcome.tally, one.name) for one in fields(Tally)}
    tally["opinions"] = [[*key, count] for key, count in outcome.tally.opinions.counts.items()]
    placed = None if outcome.placed is None else outcome.placed.model_dump()
    lines = {name: getattr(outcome, name) for name in ("control", "unknown", "objections")}
    return {"number": outcome.number, "tally": tally, "placed": placed, **lines}


def _hear(told: Mapping[str, Any]) -> Outcome:
    opinions = SecondOpinions()
    opinions.counts.update({tuple(key): count for *key, count in told["tally"]["opinions"]})
    empty = Tally()
    counts: dict[str, Any] = {
        name: Counter(value) if isinstance(getattr(empty, name), Counter) else value
        for name, value in told["tally"].items()
    }
    placed = None if told["placed"] is None else Placed.model_validate(told["placed"])
    return Outcome(**{**told, "tally": Tally(**(counts | {"opinions": opinions})), "placed": placed})


def tell_meters(meters: Mapping[str, Meter]) -> dict[str, dict[str, Any]]:
    """Meters as plain values."""
    return {name: {**vars(meter), "errors": dict(meter.errors)} for name, meter in meters.items()}


def hear_meters(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Meter]:
    """Meters from plain values."""
    return {name: Meter(**{**values, "errors": Counter(values["errors"])}) for name, values in told.items()}
