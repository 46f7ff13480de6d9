"""Which environment variables hold secrets: a process that we start is not given them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from pydantic import JsonValue

SECRET_NAME = re.compile(
    r"(^|[_-])(api)?(key|token|auth|authorization|secret|cookie|passwd|password)s?($|[_-])", re.IGNORECASE
)
"""Names of headers and variables whose values have no place in a file."""
SECRET_FIELD = re.compile(r"api_?key|secret|password|passwd|authorization|access_?token|bearer", re.IGNORECASE)
"""Names of a body's fields whose texts have no place in a file; many others are tokens and keys of another kind."""
HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""What opens gated models of the hub."""
_named: set[str] = set()


def note_secrets(names: Iterable[str]) -> None:
    """Settings say that these variables hold keys, whatever they are called."""
    _named.update(names)


def child_environment(keep: Iterable[str] = ()) -> dict[str, str]:
    """Our environment without the variables that settings name as keys, or whose names say that they are secret.

    `keep`: names of those that the child needs all the same.
    """
    kept = set(keep)
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or not (name in _named or SECRET_NAME.search(name))
    }


def secret_field(value: JsonValue, name: str = "") -> str | None:
    """The first name in a JSON value whose text looks like a secret; None where there is none."""
    if isinstance(value, str):
        return name if value and SECRET_FIELD.search(name) else None
    inner = (
        value.items()
        if isinstance(value, dict)
        else [(name, part) for part in value]
        if isinstance(value, list)
        else ()
    )
    return next((found for key, part in inner if (found := secret_field(part, key)) is not None), None)
