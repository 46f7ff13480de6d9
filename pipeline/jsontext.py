"""JSON objects in what a model writes, whatever stands around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

LONGEST = 200_000
"""Characters that are looked at."""
FAILURES = 1000
"""Places where an object might begin and none does, after which no more are looked for."""
START = re.compile(r'\{(?=\s{0,100}["}])')
AWARE = re.compile(r"(?<!\\)\\\\[a-zA-Z(\[]")
"""A doubled backslash before a command: whoever wrote it knows how JSON writes them."""
UNKNOWN_ESCAPE = r'\\(?!["\\/bfnrtu])|\\(?=u(?![0-9a-fA-F]{4}))'
NOT_WORDS = (
    r"(?:n(?:abla|atural|cong|earrow|eq|ewline|geq|gtr|leftarrow|leq|oindent|onumber|ot|otin|orm|rightarrow|subseteq)"
    r"|r(?:angle|brace|brack|ceil|floor|ho|ight|ightarrow|times|vert|Vert)"
    r"|t(?:anh|au|frac|herefore|heta|ilde|imes|iny|riangle[a-z]{0,5})|text[a-zA-Z]{0,12}(?=\{))(?![a-zA-Z])"
)
"""LaTeX commands that JSON takes for a line break, a carriage return or a tab, before what is no word."""
WORDS = r"n(?:e|eg|exists|i|less|mid|parallel|sim|u)(?![a-zA-Z])"
"""The same before what may be one: commands where they stand inside a line, behind a space or a bracket."""
TABS = r"t(?:ag|an|o|op)(?![a-zA-Z])"
"""The same for tabs, which stand at the beginning of a line."""
KNOWN = re.compile(rf"(?<!\\)((?:\\\\)*)(?:{UNKNOWN_ESCAPE})")
BARE = re.compile(
    rf"(?<!\\)((?:\\\\)*)(?:{UNKNOWN_ESCAPE}|\\(?=[bf][a-zA-Z])|\\(?={NOT_WORDS})"
    rf'|(?<=[ $({{=])\\(?={WORDS})|(?<!\\[nt])(?<!")\\(?={TABS}))'
)


def double_backslashes(text: str) -> str:
    r"""JSON text in which backslashes that no escape of JSON's can mean, or that begin a LaTeX command, are doubled.

    `\frac` would be read as a form feed and `rac`. Where a command's backslash is doubled already, only what is no JSON
    at all is changed.
    """
    return (KNOWN if AWARE.search(text) else BARE).sub(r"\1\\\\", text)


def find_objects(text: str) -> Iterator[tuple[object, int]]:
    """Every JSON object in the text that can be read, outermost ones only, with the place where it ends."""
    decoder = json.JSONDecoder(strict=False)
    text, end, failures = text[:LONGEST], 0, 0
    for match in START.finditer(text):
        if match.start() < end:
            continue
        try:
            value, end = decoder.raw_decode(text, match.start())
            json.dumps(value, ensure_ascii=False).encode()
            yield value, end
        except (ValueError, RecursionError):  # no JSON, half a character, or too deep for the parser
            failures += 1
            if failures >= FAILURES:
                return
