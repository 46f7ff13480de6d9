"""Building blocks of settings: closed models whose errors name the nearest valid key, and unions made from a folder.

A component (engine, checker, rung, clean-up) is one file whose `Settings` class carries the file's name as a Literal.
`one_of("checkers", "checker")` is the union of all of them, so a new file needs no entry anywhere.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from typing import Annotated, Any, LiteralString, Union, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import ConfigError
from pipeline.unicode import is_unicode

MOST_VALUES, DEEPEST = 100_000, 100
"""What settings hold at most, values and levels."""


def nearest(name: str, valid: list[str]) -> str:
    """`; did you mean 'x'? available: …` for an unknown name."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{guess} available: {', '.join(sorted(valid))}"


def refuse_unknown_keys(model: type[BaseModel], data: object) -> object:
    """Return `data`; raises, naming the nearest known key, where it has a key that `model` does not know."""
    if isinstance(data, dict):
        for key in data:
            if key not in model.model_fields:
                context = {"key": str(key), "advice": nearest(str(key), list(model.model_fields))}
                raise PydanticCustomError("unknown_key", "unknown key '{key}'{advice}", context)
    return data


def mend_texts(data: object) -> object:
    """Return `data` with split characters joined: JSON writes an emoji as two escapes, which YAML reads as two halves.

    Raises where half a character is left, which no file can hold; and where there is more than any settings need, as
    where an alias of YAML stands for itself or for millions of values.
    """
    count = 0

    def mend(value: object, path: tuple[object, ...]) -> object:
        nonlocal count
        count += 1
        if count > MOST_VALUES or len(path) > DEEPEST:
            raise _fault("too_much", path, "holds more than settings do; do aliases stand for themselves?")
        if isinstance(value, dict):
            return {mend(key, path): mend(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [mend(below, (*path, number)) for number, below in enumerate(value)]
        if isinstance(value, str) and not is_unicode(value):
            try:
                return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError as error:
                raise _fault("not_unicode", path, "is not valid Unicode text") from error
        return value

    return mend(data, ())


def _fault(kind: LiteralString, path: tuple[object, ...], told: str) -> PydanticCustomError:
    place = ascii(".".join(map(str, path[:8])))[1:-1]
    return PydanticCustomError(kind, "{told}", {"told": f"{place}: {told}" if place else told})


class Settings(BaseModel):
    """A closed, frozen group of settings; an unknown key is an error that lists the known ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: object) -> object:
        return refuse_unknown_keys(cls, data)


@cache
def available(kind: str) -> tuple[str, ...]:
    """Names of the components in the folder `pipeline/<kind>/`."""
    package = importlib.import_module(f"pipeline.{kind}")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "base"))


def load_component(kind: str, name: str) -> Any:
    """The module of one component; `name` is one of `available(kind)`. Raises ConfigError for a file that is broken."""
    module = f"pipeline.{kind}.{name}"
    file = module.replace(".", "/") + ".py"
    try:
        loaded = importlib.import_module(module)
    except ConfigError:
        raise
    except Exception as error:  # a file of the user's may fail in any way
        where = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{file}{where}: cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(loaded, "Settings"):
        raise ConfigError(f"{file}: must define a class Settings")
    return loaded


def at_defaults(kind: str) -> tuple[Any, ...]:
    """Every component of a folder, at its defaults."""
    return tuple(load_component(kind, name).Settings() for name in available(kind))


def check_component(kind: str, name: str, key: str) -> type[BaseModel]:
    """The settings class of one component. Raises ConfigError where it is not one that can be told from the others."""
    settings: type[BaseModel] = load_component(kind, name).Settings
    file = f"pipeline/{kind.replace('.', '/')}/{name}.py"
    field = settings.model_fields.get(key)
    if field is None or get_args(field.annotation) != (name,) or field.default != name:
        raise ConfigError(
            f'{file}: the field {key} must carry the name of the file: {key}: Literal["{name}"] = "{name}"'
        )
    if missing := sorted(getattr(settings, "__abstractmethods__", ())):
        raise ConfigError(f"{file}: Settings must define {', '.join(missing)}")
    return settings


def one_of(kind: str, key: str) -> Any:
    """Annotation for a setting that takes any component of a folder, told apart by `key`; a bare name is enough.

    A component that is made of others of its kind names their type `AnyChecker` (`AnyEngine`, …), which is filled in
    here, where all of them are known.
    """
    choices = tuple(check_component(kind, name, key) for name in available(kind))
    union = Union[choices] if len(choices) > 1 else choices[0]  # noqa: UP007 - the members are known at run time only
    any_of_them: Any = Annotated[
        union,
        Field(discriminator=key) if len(choices) > 1 else Field(),
        BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value),
    ]
    for choice in choices:
        choice.model_rebuild(_types_namespace={f"Any{key.capitalize()}": any_of_them})
    return any_of_them


def import_function(path: str) -> Any:
    """Import `package.module:function`. Raises ConfigError naming what is missing."""
    module, _, name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module of the user's may fail in any way
        told = f"{type(error).__name__}: {error}"
        raise ConfigError(f"cannot import {path!r} (want package.module:function): {told}") from error
    if not callable(function):
        raise ConfigError(f"{path!r} is no function but a {type(function).__name__}")
    return function
