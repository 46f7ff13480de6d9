"""Prompts are files, filled in one pass. Data never acts as a template: values are inserted, not rendered."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.data_folders import is_inside
from pipeline.errors import ConfigError
from pipeline.settings import nearest
from pipeline.types import Problem, content_id

SHIPPED = next(
    folder
    for folder in (Path(__file__).parent / "templates", Path(__file__).parent.parent / "prompts")
    if folder.is_dir()
)
"""The prompts that come with Errata: inside the package when installed, beside it in a checkout."""

GOLD = frozenset({"answer", "rationale"})
"""What only those see who are shown the gold answer, whatever columns the data has."""


class Prompt:
    """One template; `hash` goes into the provenance of what is written with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.parent != SHIPPED and not is_inside(path.parent, path):
            raise ConfigError(
                f"prompt {path}: is a link that leads out of its folder; what is there would be sent away"
            )
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"prompt {path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
        self.hash = hashlib.sha256(source.encode()).hexdigest()[:16]
        environment = make_environment()
        try:
            self._template = environment.from_string(source)
            tree = environment.parse(source)
        except TemplateSyntaxError as error:
            raise ConfigError(f"prompt {path}:{error.lineno}: {error.message}") from error
        except (RecursionError, ValueError, OverflowError, MemoryError) as error:  # nested too deep, a huge constant
            raise ConfigError(f"prompt {path}: {type(error).__name__}: {error}") from error
        self.variables = frozenset(meta.find_undeclared_variables(tree))
        """Names that the template uses anywhere, in branches that are not taken, too."""
        excused: list[nodes.Node | None] = [test.node for test in tree.find_all(nodes.Test) if test.name == "defined"]
        excused += [filtered.node for filtered in tree.find_all(nodes.Filter) if filtered.name in ("default", "d")]
        self._optional = {node.name for node in excused if isinstance(node, nodes.Name)}

    def fill(self, problem: Problem, *, gold: bool = False, **values: object) -> str:
        """Fill in the question, the extra columns and `values`; gold answer and rationale only where `gold` says so.

        Raises ConfigError for a variable that is none of these, with their list.
        """
        columns = {name: value for name, value in problem.extras.items() if name not in GOLD}
        shown = {"answer": problem.answer, "rationale": problem.rationale} if gold else {}
        fields = {**columns, "question": problem.question, **shown, **values}
        if unknown := sorted(self.variables - fields.keys() - self._optional):
            hidden = " (the gold answer is hidden here)" if set(unknown) & GOLD else ""
            raise ConfigError(
                f"prompt {self.path}: there is no {unknown[0]!r}{hidden}{nearest(unknown[0], list(fields))}"
            )
        try:
            return self._template.render(fields).strip()
        except Exception as error:  # whatever a template of the user's does wrong
            raise ConfigError(f"prompt {self.path}: {type(error).__name__}: {error}") from error


def make_environment() -> ImmutableSandboxedEnvironment:
    """What templates may do: read what they are given, and give the same text every time, as the cache needs it."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_refuse_objects
    )
    del environment.filters["random"], environment.globals["lipsum"]
    return environment


def _refuse_objects(value: object) -> object:
    if callable(value) and not isinstance(value, Undefined):
        raise TypeError("a method or macro was named and not called; write () behind it")
    return value


def make_mark(*texts: str) -> str:
    """A mark to set texts apart in a prompt; it occurs in none of them, so that none can end itself."""
    mark = f"={content_id(*texts)}="
    while any(mark in text for text in texts):
        mark = f"={content_id(mark)}="
    return mark


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
            advice = "; leave .jinja out" if name.endswith(".jinja") else nearest(name, list(self.paths))
            where = f" in {self.folder}, and none that is shipped" if self.folder else ""
            raise ConfigError(f"there is no prompt {name!r}{where}{advice}")
        if name not in self._loaded:
            self._loaded[name] = Prompt(self.paths[name])
        return self._loaded[name]
