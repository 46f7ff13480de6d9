"""`<<16-3-4=9>>`: the calculator annotations of GSM8K, which no student should learn to write."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.cleanups.base import CleanupSettings

NOTE = re.compile(r"<<[^<>\n]*>>")


class Settings(CleanupSettings):
    """Removes calculator notes; an unclosed `<<` is left alone."""

    cleanup: Literal["calculator_notes"] = "calculator_notes"

    def apply(self, text: str) -> str:
        return NOTE.sub("", text)
