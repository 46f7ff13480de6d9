"""Settings from a YAML file, the environment and dotted options, with errors that name file, line, key and fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from pipeline.config import RunSettings
from pipeline.errors import ConfigError
from pipeline.settings import nearest

S = TypeVar("S", bound=RunSettings)
NO_VALUE = (yaml.YAMLError, ValueError, OverflowError, RecursionError, AttributeError, LookupError)
"""What PyYAML raises for a value that is none: a date in month 13, a number of 5,000 digits, `!!bool x`."""


def load_settings(path: Path, overrides: Mapping[str, Any] | None = None, cls: type[S] = RunSettings) -> S:  # type: ignore[assignment]
    """Load `path`, then `ERRATA_SECTION__KEY` variables, then `overrides` (nested); later ones win.

    Raises ConfigError for a missing or malformed file and for every invalid setting, all in one message.
    """
    root = _compose(path)
    from_file: Any = _construct(path, root)
    if not isinstance(from_file, dict):
        raise ConfigError(f"{path}: must be a mapping of settings, not {type(from_file).__name__}")

    class Loaded(cls):  # type: ignore[valid-type, misc]
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            env = EnvSettingsSource(settings_cls, env_prefix="ERRATA_", env_nested_delimiter="__", case_sensitive=False)
            return (init_settings, env, InitSettingsSource(settings_cls, init_kwargs=from_file))

    try:
        loaded = Loaded(**(overrides or {}))
        values = {name: getattr(loaded, name) for name in cls.model_fields}
        settings: S = cls.model_construct(_fields_set=loaded.model_fields_set, **values)  # type: ignore[assignment]
    except ValidationError as error:
        raise ConfigError("\n".join(_describe(path, root, item) for item in error.errors())) from error
    except (SettingsError, RecursionError) as error:
        raise ConfigError(f"environment variable ERRATA_…: {error}; a group of settings is given as JSON") from error
    return settings


def parse_overrides(arguments: Sequence[str]) -> dict[str, Any]:
    """`["--student.model", "X", "--sample.n=2"]` -> `{"student": {"model": "X"}, "sample": {"n": 2}}`; YAML values."""
    nested: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--") or option == "--":
            raise ConfigError(f"unexpected argument {option!r}; settings are given as --section.key VALUE")
        key, equals, text = option[2:].partition("=")
        if not equals:
            if not rest:
                raise ConfigError(f"option {option} needs a value")
            text = rest.pop(0)
        *sections, leaf = key.replace("-", "_").split(".")
        inner = nested
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"option {option}: {section} has a plain value already")
        try:
            inner[leaf] = yaml.safe_load(text) if text else ""
        except NO_VALUE as error:
            raise ConfigError(f"option {option}: {text[:200]!r} is not a plain value: {error}") from error
    return nested


def _compose(path: Path) -> yaml.Node | None:
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.compose(file, Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such configuration file") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder, not a configuration file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error


def _construct(path: Path, root: yaml.Node | None) -> object:
    """Plain values alone: a tag that would make an object of some class is an error."""
    if root is None:
        return {}
    try:
        return yaml.SafeLoader("").construct_document(root)
    except NO_VALUE as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from error


def _describe(path: Path, root: yaml.Node | None, error: Any) -> str:
    """One line for one validation error: `file:line: key: what is wrong; how to mend it`."""
    keys, line, message = explain(root, error)
    where = f"{path}:{line}" if line is not None else f"{path}"
    return f"{where}: {'.'.join(keys)}: {message}" if keys else f"{where}: {message}"


def explain(root: yaml.Node | None, error: Any) -> tuple[list[str], int | None, str]:
    """The keys and the line of one validation error of what stands at `root`, what is wrong and how to mend it."""
    loc = error["loc"]
    if error["type"] == "unknown_key":
        loc = (*loc, error["ctx"]["key"])
    keys, line = _locate(root, loc)
    message: str = error["msg"].removeprefix("Value error, ")
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        kind = context["discriminator"].strip("'")
        valid = [name.strip("' ") for name in context["expected_tags"].split(",")]
        message = f"unknown {kind} {context['tag']!r}{nearest(context['tag'], valid)}"
    elif error["type"] == "union_tag_not_found":
        message = f"say which one with the key {context['discriminator']}"
    elif error["type"] == "missing":
        message = "is required; set it in the file or as an option"
    return keys, line, message


def _locate(root: yaml.Node | None, loc: tuple[int | str, ...]) -> tuple[list[str], int | None]:
    """The keys of an error's place without the union tags that pydantic puts between them, and its line in the file."""
    keys: list[str] = []
    node, line = root, None
    for number, part in enumerate(loc):
        below = _child(node, part)
        if below is None and _is_tag(node, part) and number < len(loc):
            continue
        keys.append(str(part))
        if below is not None:
            line = below.start_mark.line + 1
        node = below
    return keys, line


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        below: yaml.Node = node.value[part]
        return below
    return None


def _is_tag(node: yaml.Node | None, part: int | str) -> bool:
    """Whether `part` is the name of the component that stands there, alone or with its settings."""
    if isinstance(node, yaml.MappingNode):
        return any(isinstance(value, yaml.ScalarNode) and value.value == part for _, value in node.value)
    return isinstance(node, yaml.ScalarNode) and node.value == part
