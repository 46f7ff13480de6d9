"""Prompts are files, filled in one pass. Data never acts as a template: values are inserted, not rendered."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.errors import ConfigError
from pipeline.settings import nearest
from pipeline.types import Problem

SHIPPED = next(
    folder
    for folder in (Path(__file__).parent / "templates", Path(__file__).parent.parent / "prompts")
    if folder.is_dir()
)
"""The prompts that come with Errata: inside the package when installed, beside it in a checkout."""


class Prompt:
    """One template; `hash` goes into the provenance of what is written with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        source = path.read_text(encoding="utf-8")
        self.hash = hashlib.sha256(source.encode()).hexdigest()[:16]
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        try:
            self._template = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise ConfigError(f"prompt {path}:{error.lineno}: {error.message}") from error

    def fill(self, problem: Problem, *, gold: bool = False, **values: object) -> str:
        """Fill in the question, the extra columns and `values`; gold answer and rationale only where `gold` says so.

        Raises ConfigError for a variable that is none of these, with their list.
        """
        shown = {"answer": problem.answer, "rationale": problem.rationale} if gold else {}
        fields = {**problem.extras, "question": problem.question, **shown, **values}
        try:
            return self._template.render(fields).strip()
        except TemplateError as error:
            hidden = "" if gold else " (the gold answer is hidden here)"
            raise ConfigError(f"prompt {self.path}: {error}; it can use {', '.join(sorted(fields))}{hidden}") from error


class Prompts:
    """The shipped prompts, overridden file by file by a folder of the user's."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"prompts: there is no folder {folder}")
        self._loaded: dict[str, Prompt] = {}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Template files by name."""
        folders = [SHIPPED] if self.folder is None else [SHIPPED, self.folder]
        return {path.stem: path for folder in folders for path in sorted(folder.glob("*.jinja"))}

    def load(self, name: str) -> Prompt:
        """Load `name.jinja`. Raises ConfigError naming the nearest one there is."""
        if name not in self.paths:
            raise ConfigError(f"there is no prompt {name!r}{nearest(name, list(self.paths))}")
        if name not in self._loaded:
            self._loaded[name] = Prompt(self.paths[name])
        return self._loaded[name]
