"""Numbers before steps: `1. `, `Step 2: `, `第三步：`."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = "{n}"
HAN_NUMBER = "{一}"
"""Stands for the number of a step in Chinese numerals."""
DIGITS = "零一二三四五六七八九"
HEAD = re.compile(
    r"(?P<open>[#>_]{0,4}[ ]?(?P<bold>\*\*)?)(?P<word>Step |STEP |step |第)?(?P<bracket>[(（]?)"
    r"(?P<n>\d{1,3}|[一二三四五六七八九十]{1,3})(?P<post>步?(?:[.)）:：、,，]{1,2}|[ ][-–—])?(?(bold)(?:\*\*)?[:：.]?))"
    r"(?P<blank>[ \u3000]{0,3})(?=\S)"
)
"""The number of a step at the start of a line."""


@dataclass(frozen=True)
class Head:
    """The number before a step."""

    numbering: str
    """The head with a placeholder for the number."""
    n: int
    kept: str
    """What stays of it without the number: the mark of a heading or of emphasis that goes on."""
    length: int


def read_head(text: str) -> Head | None:
    """The number at the start of a line."""
    found = HEAD.match(text)
    if found is None:
        return None
    post, named = found["post"], bool(found["word"])
    bare = post.strip("*")
    if not named and (not bare or bare[0] not in ".)）、" or (bare[0] == "." and not found["blank"])):
        return None
    if named and not bare:
        return None
    if found["word"] == "第" and "步" not in post:
        return None
    digits = found["n"]
    n = int(digits) if digits.isdecimal() else _HAN.get(digits)
    if n is None:
        return None
    placeholder = NUMBER if digits.isdecimal() else HAN_NUMBER
    numbering = f"{found['open']}{found['word'] or ''}{found['bracket']}{placeholder}{post}{found['blank']}"
    kept = found["open"] if not can_be_written(numbering) else ""
    return Head(numbering, n, kept, found.end())


def can_be_written(numbering: str) -> bool:
    """Whether a number can be put before any step; titles in headings and bold go on behind the number."""
    return "#" not in numbering and numbering.count("**") in (0, 2)


def write_number(numbering: str, n: int) -> str:
    """The head of step n."""
    return numbering.replace(NUMBER, str(n)).replace(HAN_NUMBER, to_han(n))


def to_han(n: int) -> str:
    """1 to 99 in Chinese numerals; digits beyond."""
    if n >= 100:
        return str(n)
    tens, ones = divmod(n, 10)
    head = ("" if tens < 2 else DIGITS[tens]) + "十" if tens else ""
    return head + (DIGITS[ones] if ones or not tens else "")


_HAN = {to_han(n): n for n in range(1, 100)}
