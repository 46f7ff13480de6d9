"""What an engine did in this call of the command: requests, retries, failures by kind, tokens, money, time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

from pipeline.types import Usage


@dataclass
class Meter:
    """Counts of one engine; an engine without requests over a network counts texts and tokens only."""

    requests: int = 0
    """Requests sent, retries included."""
    retries: int = 0
    in_flight: int = 0
    limit: int = 0
    """Requests that may be in flight now."""
    errors: Counter[str] = field(default_factory=Counter)
    """Tries that failed, by kind: rate_limit, overload, server_error, timeout, connection, malformed, refused."""
    completions: int = 0
    """Texts written for us now; those found in the cache are apart."""
    from_cache: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """Time that answered requests took, summed; over `answered` it is the mean latency."""
    answered: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def latency(self) -> float:
        """Mean seconds of an answered request."""
        return self.seconds / self.answered if self.answered else 0.0

    def add(self, other: Meter) -> None:
        """Count what an engine of the same name did in another process."""
        for one in fields(self):
            if one.name == "errors":
                self.errors.update(other.errors)
            else:
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def count(self, usage: Usage, cost: float | None, texts: int = 1) -> None:
        """Count texts that were written for us."""
        self.completions += texts
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cost += cost or 0.0
