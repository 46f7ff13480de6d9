"""What looks like a secret, by its name or by its text: it has no place in settings, nor in a process that we start."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from pydantic import JsonValue

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
STEMS = re.compile(
    r"secret|passwor[dt]|passwd|passphrase|passcode|credential|authori[sz]ation|authentication|bearer|cookie"
    r"|apikey|accesskey|privatekey|webhook"
)
"""Parts of a name, written in one, that say it wherever they stand."""
LAST = re.compile(r"(?!monkey|turkey)\w*(token|key)s?|o?auth|pass|pwd|pat|jwt")
"""Last words of a name that say it."""
OTHER_KEYS = frozenset("cache group hash idempotency index metric partition primary public routing sort".split())
OTHER_TOKENS = frozenset(
    "additional allowed bad banned begin bos cls completion decoder end eos extra forced image ignore input mask max "
    "min new num output pad per prompt reasoning sep special start stop think thinking total unk".split()
)
"""Words before the last one with which a key or a token is one of another kind."""
SECRET_TEXT = re.compile(
    r"^(?i:bearer|basic)\s+\S+$"
    r"|(?<![\w-])(sk-[\w-]{8,}|(hf|gsk|gh[a-z])_[A-Za-z0-9]{16,}|github_pat_\w{16,}|xox[a-z]-[\w-]{8,}|AKIA[A-Z0-9]{16})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|://[^/\s:@]*:[^/\s@]+@"  # an address with a user's password
)
"""Texts that are secrets, whatever they are called."""
HARMLESS_VARIABLE = re.compile(
    r"TOKENI[SZ]|FASTOKENS|TOKEN_(THRESHOLD|BUDGET|LIMIT)|(MAX|MIN|NUM)\w*_TOKENS|PASSES|KEYBOARD|MONKEY"
    r"|AUTHORS?(?![A-Z])|^(OLD)?PWD$",
    re.I,
)
"""Parts of the names of environment variables that say it of something else, as in vLLM's own."""
SECRET_VARIABLE = re.compile(
    r"PASS|PWD|CREDENTIAL|KEY|TOKEN|SECRET|COOKIE|AUTH|WEBHOOK|CUSTOM_HEADERS|DATABASE_URL|CONNECTION_STRING"
    r"|(?<![A-Z])(PAT|JWT|DSN)(?![A-Z])",
    re.I,
)
"""Environment variables: rather one too many than one too few."""
FOR_THE_HUB = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
    *(name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in (proxy, proxy.lower())),
)
"""What opens gated models of the hub, and the way there."""
_named: set[str] = set()


def note_secrets(names: Iterable[str]) -> None:
    """Settings say that these variables hold keys, whatever they are called."""
    _named.update(names)


def child_environment() -> dict[str, str]:
    """Our environment without the variables that settings name as keys, or that look like secrets."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _named and not is_secret_variable(name) and not SECRET_TEXT.search(value)
    }


def is_secret_name(name: str) -> bool:
    """Whether a field, a header or an argument of this name holds a secret."""
    words = [word.lower() for word in WORD.findall(name)]
    if STEMS.search("".join(words)):
        return True
    *before, last = words or [""]
    if not LAST.fullmatch(last):
        return False
    before = before[-1:]
    if last.endswith(("token", "tokens")):
        return not OTHER_TOKENS.intersection(before) and (last != "tokens" or bool(before))
    return not (last.startswith("key") and OTHER_KEYS.intersection(before))


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable of this name may hold a secret."""
    return SECRET_VARIABLE.search(HARMLESS_VARIABLE.sub(" ", name)) is not None


def find_secret(value: JsonValue, name: str = "", *, by: Callable[[str], bool] = is_secret_name) -> str | None:
    """The first name in a JSON value whose text is a secret, by the name or by the text; None where there is none."""
    if isinstance(value, str):
        return name if value and (by(name) or SECRET_TEXT.search(value)) else None
    inner = (
        value.items()
        if isinstance(value, dict)
        else [(name, part) for part in value]
        if isinstance(value, list)
        else ()
    )
    return next((found for key, part in inner if (found := find_secret(part, key, by=by)) is not None), None)
