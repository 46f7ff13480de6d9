"""Answers from a function or a fixed list: an ordinary engine, so that tests take the public path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import ConfigError, RequestFailed
from pipeline.settings import import_function
from pipeline.types import Completion, Message, SamplingParams, content_id

Script = Callable[[Sequence[Message], int], str | Completion | Exception]
"""(messages, sample index) -> what to answer, or the exception to raise."""


class Scripted(Engine):
    """Asks `script` for every completion; counts how often."""

    def __init__(self, script: Script, identity: str = "scripted") -> None:
        super().__init__()
        self.script, self._identity, self.asked = script, identity, 0

    @property
    def identity(self) -> str:
        return self._identity

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        written = []
        for index in range(offset, offset + n):
            self.asked += 1
            answer = self.script(messages, index)
            if isinstance(answer, Exception):
                raise answer
            written.append(Completion(text=answer) if isinstance(answer, str) else answer)
        return written


class Settings(EngineSettings):
    """Replies by rotation, or a function by import path."""

    engine: Literal["scripted"] = "scripted"
    replies: tuple[str, ...] = ()
    """Sample i answers `replies[i]`; there must be as many as samples are asked for."""
    function: str | None = None
    """`package.module:function` taking (messages, sample index) and returning the text."""

    def create(self) -> Engine:
        if self.function is not None:
            return Scripted(import_function(self.function), identity=f"scripted:{self.function}")

        def reply(messages: Sequence[Message], index: int) -> str | Exception:
            if index >= len(self.replies):
                return RequestFailed(f"the script has {len(self.replies)} replies, sample {index} was asked for")
            return self.replies[index]

        return Scripted(reply, identity=f"scripted:{content_id(list(self.replies))}")

    @property
    def continues(self) -> bool:
        return True  # what it is asked is the script's own business

    def check(self) -> None:
        if (self.function is None) == (not self.replies):
            raise ConfigError("scripted engine: give either replies or function")
        if self.function is not None:
            import_function(self.function)
