"""JSON objects in what a model writes, whatever stands around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

UNKNOWN_ESCAPE = r'(?!["\\/bfnrtu])'
COMMANDS = (
    r"(?:n(?:abla|atural|cong|earrow|eg|eq|exists|geq|gtr|leq|less|mid|ot|otin|orm|parallel|rightarrow|sim|subseteq)"
    r"|r(?:angle|brace|brack|ceil|floor|ho|ight|ightarrow|m|times|vert|Vert)"
    r"|t(?:ag|an|anh|au|frac|herefore|heta|ilde|imes|o|op|riangle|riangleq|ext(?:bf|it|rm|sf|tt)?(?=\{)))(?![a-zA-Z])"
)
"""LaTeX commands that JSON takes for a line break, a carriage return or a tab, before what is hardly ever a word."""
BARE = re.compile(
    rf"(?<!\\)((?:\\\\)*)\\(?:{UNKNOWN_ESCAPE}|(?=[bf][a-zA-Z])|(?={COMMANDS})"
    r"|(?<=[ $({=]\\)(?=n[eiu](?![a-zA-Z]))|(?=u(?![0-9a-fA-F]{4})))"
)


def double_backslashes(text: str) -> str:
    r"""JSON text in which backslashes that no escape of JSON's can mean, or that begin a LaTeX command, are doubled.

    `\frac` would be read as a form feed and `rac`. No solution holds a form feed or a bell; a tab, a carriage return or
    a line break before a letter is what it is, unless a known command begins there.
    """
    return BARE.sub(r"\1\\\\", text)


def find_objects(text: str) -> Iterator[tuple[object, int]]:
    """Every JSON object in the text that can be read, outermost ones only, with the place where it ends."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    while start >= 0:
        end = start + 1
        try:
            value, end = decoder.raw_decode(text, start)
            json.dumps(value, ensure_ascii=False).encode()
            yield value, end
        except (ValueError, RecursionError):  # no JSON, half a character, or too deep for the parser
            pass
        start = text.find("{", end)
