"""`<<16-3-4=9>>`: the calculator annotations of GSM8K, which no student should learn to write."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.cleanups.base import CleanupSettings

NOTE = re.compile(r"<<[^<>\n=]*=[^<>\n]*>>|<<[\d\s.,+\-*/()%$]*>>")
UNCLOSED = re.compile(r"<<[^<>\n=]*=\s*(?=-?[\d.])")
"""A note that its writer forgot to close: `= <<2+3=5 apples`; the result behind it belongs to the text."""


class Settings(CleanupSettings):
    """Removes calculator notes; of an unclosed one, everything before its result."""

    cleanup: Literal["calculator_notes"] = "calculator_notes"

    def apply(self, text: str) -> str:
        return UNCLOSED.sub("", NOTE.sub("", text))
