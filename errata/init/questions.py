"""Answers from options, from a person at a terminal, or from what was guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from rich.console import RenderableType
from rich.prompt import Confirm, Prompt
from rich.text import Text

from errata.ui import out
from pipeline.errors import ConfigError, UsageError

T = TypeVar("T")


class Asker:
    """Asks a person where there is one; an option that was given is never asked for.

    given: the options by name (`--answer-pattern`), None for those that were not given.
    interactive: whether a person answers; else what was guessed is taken.
    quiet: whether nothing is shown, for a program that reads the output.
    """

    def __init__(self, given: Mapping[str, str | None], *, interactive: bool, quiet: bool = False) -> None:
        self.given, self.interactive, self.quiet = given, interactive, quiet

    def say(self, *shown: RenderableType) -> None:
        """Show something; a plain text is markup."""
        if not self.quiet:
            out.print(*shown, sep="")

    def ask(
        self, option: str, question: str, parse: Callable[[str], T], *, guess: str | None = None, needs: str = ""
    ) -> T:
        """What `parse` makes of the option, of what a person types, or of the guess.

        A person is asked again where `parse` raises UsageError. Raises ConfigError, naming the option, where nothing
        is known; `needs` says what it takes.
        """
        if (given := self.given[option]) is not None:
            try:
                return parse(given)
            except UsageError as error:
                raise ConfigError(f"{option}: {error}") from error
        if not self.interactive:
            if guess is None:
                raise ConfigError(f"{option} is required: {needs or question}")
            return parse(guess)
        while True:
            typed = self._read(question, guess)
            try:
                return parse(typed)
            except UsageError as error:
                out.print(Text(str(error), style="red"))

    def choose(
        self,
        option: str,
        question: str,
        offered: Mapping[str, str],
        parse: Callable[[str], T],
        *,
        guess: str | None,
        needs: str = "",
    ) -> T:
        """The same, with names `offered` that a person sees with what they mean, and may answer by number."""
        if self.interactive and self.given[option] is None:
            width = max(map(len, offered))
            for number, (name, meaning) in enumerate(offered.items(), 1):
                out.print(Text.assemble(f"  {number:>2}  ", (f"{name:<{width}}", "bold"), f"  {meaning}"))
        names = list(offered)

        def read(text: str) -> T:
            return parse(names[int(text) - 1] if text.isdecimal() and 1 <= int(text) <= len(names) else text)

        return self.ask(option, question, read, guess=guess, needs=needs)

    def agrees(self, question: str, *, guess: bool = True) -> bool:
        """What a person says, or the guess."""
        if not self.interactive:
            return guess
        try:
            return Confirm.ask(Text(question), default=guess, console=out)
        except EOFError as error:
            raise _end() from error

    def _read(self, question: str, guess: str | None) -> str:
        default: str = ... if guess is None else guess  # type: ignore[assignment]  # rich's sign for none
        try:
            typed = Prompt.ask(Text(question), default=default, show_default=bool(guess), console=out).strip()
        except EOFError as error:
            raise _end() from error
        return str(Path(typed).expanduser()) if typed.startswith("~/") else typed


def _end() -> ConfigError:
    return ConfigError("the input ended before all questions were answered; nothing was written")
